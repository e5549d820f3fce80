"""Commands in processes that have s3d loaded already: many of them cost little CPU together."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from s3d.cli.main import COMMANDS, execute


class Ended(NamedTuple):
    """What a command has left behind, and how many seconds it took."""

    code: int
    out: str
    seconds: float


def command_workers(count: int) -> ProcessPoolExecutor:
    """A pool of processes, each of which runs one command at a time with run_command()."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [f"s3d.cli.{module}" for module, _ in COMMANDS.values()] + [__name__]
    )
    return ProcessPoolExecutor(count, mp_context=context)


def run_command(arguments: list[str], env: Mapping[str, str], folder: Path) -> Ended:
    """Run a command line as main() does. What it prints to stdout and stderr is in out."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    with tempfile.TemporaryFile() as shown, Path(os.devnull).open("rb") as empty:
        for number, stream in enumerate((empty, shown, shown)):
            os.dup2(stream.fileno(), number)
        began = time.monotonic()
        code = execute(arguments)
        seconds = time.monotonic() - began
        sys.stdout.flush()
        sys.stderr.flush()
        shown.seek(0)
        return Ended(code, shown.read().decode(errors="replace"), seconds)
