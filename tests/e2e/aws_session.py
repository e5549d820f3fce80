"""The AWS CLI's own driver, for many commands in one process: each start would cost a second.

    python -m tests.e2e.aws_session

It reads the arguments of one command a line, as a JSON list, and answers with a line of its exit
code, standard output and standard error.
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

from awscli.clidriver import create_clidriver


def main() -> None:
    answers = sys.stdout
    for line in sys.stdin:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = create_clidriver().main(json.loads(line))
        print(json.dumps([code, out.getvalue(), err.getvalue()]), file=answers, flush=True)


if __name__ == "__main__":
    main()
