"""For test_forked_process.py: shows what it was given, and ends as it is told."""

import os
import random
import signal
import sys

from s3d.agent.core import failpoint

if __name__ == "__main__":
    end, *words = sys.argv[1:]
    print(*words, sys.stdin.read(), os.environ.get("MARK"), os.getcwd())
    if end == "random":
        print(random.random())
    elif end == "failpoint":
        failpoint.hit("small.program")
    elif end == "raise":
        raise RuntimeError("on purpose")
    elif end == "signal":
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGTERM)
    elif end.startswith("exit"):
        sys.exit({"0": 0, "3": 3, "None": None, "'why'": "why"}[end.removeprefix("exit ")])
