"""The program s3d, and python -m s3d."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line. Ctrl-C while its modules are imported ends it as quietly as later."""
    try:
        if sys.argv[1:] == ["status"] and _has_printed_status():
            gc.freeze()  # see s3d.cli.command_process
            sys.exit(0)
        if sys.argv[1:] == ["run"]:
            from s3d.cli.run_agent import main as run
        else:
            from s3d.cli.main import main as run
        run()
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as a shell has it


def _has_printed_status() -> bool:
    from s3d.cli.quick_status import print_status

    return print_status(os.environ)


if __name__ == "__main__":
    main()
