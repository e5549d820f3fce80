"""A FUSE mount whose process can be killed, which leaves it dead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

CAN_MOUNT = which("fusermount3") is not None and Path("/dev/fuse").exists()

SERVE = """
import sys, mfusepy
class Nothing(mfusepy.Operations):
    def getattr(self, path, fh=None):
        return {"st_mode": 0o40755, "st_nlink": 2}
    def init(self, path):
        print("mounted", flush=True)
mfusepy.FUSE(Nothing(), sys.argv[1], foreground=True, fsname="s3d", subtype="s3d")
"""


@contextmanager
def mounted(folder: Path) -> Iterator[Callable[[], None]]:
    """Make the folder and mount at it; the function kills the process that serves it."""
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, folder], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None

        def kill() -> None:
            server.kill()
            server.wait()

        try:
            assert server.stdout.readline() == "mounted\n"
            yield kill
        finally:
            kill()
            subprocess.run(["fusermount3", "-uz", folder], check=True)
