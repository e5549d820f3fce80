"""The program s3d, and python -m s3d."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. Ctrl-C while its modules are imported ends it as quietly as later."""
    try:
        from s3d.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as a shell has it


if __name__ == "__main__":
    main()
