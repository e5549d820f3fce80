"""Processes of s3d that are forked from one which has loaded it (fork_server.py).

They start at once. A new process is started where only that will do: for a function to be run
before the program, for another locale or setting of Python, and for COVERAGE_PROCESS_START.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from tests.fork_server import ROOT

Done = subprocess.CompletedProcess[str]
TIMEOUT = 60.0
"""Seconds."""
_END_TIMEOUT = 10.0
_PROGRAM = [sys.executable, "-m"]
_READ_AT_START = (
    "PYTHON",
    "COVERAGE",
    "LD_",
    "DYLD_",
    "MALLOC_",
    "LC_",
    "LANG",
    "OPENSSL_",
)
"""Prefixes of variables that count before the first line of s3d is run."""
_OPTIONS = {"cwd", "env", "stdin", "stdout", "stderr", "start_new_session"}
"""Those of subprocess.Popen that a fork can have."""


def popen(
    module: str, *arguments: str, fresh: bool = False, **options: Any
) -> subprocess.Popen[bytes]:
    """`python -m module arguments` with the options of subprocess.Popen.

    fresh: a new process in any case, for tests of what its start and its memory cost.
    """
    command = [*_PROGRAM, module, *arguments]
    if fresh or not _can_fork(options):
        return subprocess.Popen(command, **options)
    return ForkedProcess(command, **options)


def run(
    module: str, *arguments: str, input: bytes = b"", timeout: float = TIMEOUT, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m module arguments` to its end; what it prints is captured.

    Raises subprocess.TimeoutExpired.
    """
    pipe = subprocess.PIPE
    with popen(module, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, **options) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run_text(module: str, *arguments: str, **options: Any) -> Done:
    """run(), whose result has text."""
    done = run(module, *arguments, **options)
    return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def _can_fork(options: Mapping[str, Any]) -> bool:
    given = {name for name, value in options.items() if value is not None}
    return (
        sys.platform == "linux"
        and given <= _OPTIONS
        and _read_at_start(options.get("env") or os.environ) == _read_at_start(_server().env)
    )


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_READ_AT_START)}


class ForkedProcess(subprocess.Popen[bytes]):
    """A Popen whose process is a child of the fork server, which reports its exit code."""

    _status: Connection | None = None

    def _execute_child(self, args: Sequence[str], *settings: Any) -> None:
        """Start the process, in place of what subprocess.Popen does with its settings."""
        cwd, env = settings[4:6]
        pipes = settings[9:15]  # each has two ends: of stdin, of stdout, and of stderr
        _, _, module, *arguments = args
        request = {
            "module": module,
            "arguments": arguments,
            "folder": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            "new_session": settings[-2],
        }
        its_ends = (pipes[0], pipes[3], pipes[5])
        try:
            streams = [number if end == -1 else end for number, end in enumerate(its_ends)]
            self.pid, self._status = _server().fork(request, streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        return self._await_status(0)

    def _wait(self, timeout: float | None) -> int:
        code = self._await_status(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _await_status(self, timeout: float | None) -> int | None:
        """The exit code, once it is there. Its pipe ends without one when the server is killed."""
        if self.returncode is None and self._status is not None and self._status.poll(timeout):
            with self._waitpid_lock:  # type: ignore[attr-defined]
                if self.returncode is None:
                    try:
                        self.returncode = self._status.recv()
                    except EOFError:
                        self.returncode = -9
        return self.returncode


class _Server:
    """The fork server of this process, and the connection to it."""

    def __init__(self) -> None:
        self.env = dict(os.environ)
        self._lock = threading.Lock()
        self._requests, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server"], cwd=ROOT, env=self.env, stdin=its_end
        )
        its_end.close()
        atexit.register(self._close)

    def fork(self, request: Mapping[str, Any], streams: Sequence[int]) -> tuple[int, Connection]:
        """Start a process; its pid, and where its exit code comes from."""
        status, its_end = Pipe(duplex=False)
        with its_end, self._lock:
            descriptors = [*streams, its_end.fileno()]
            socket.send_fds(self._requests, [json.dumps(request).encode()], descriptors)
            return int(self._requests.recv(16)), status

    def _close(self) -> None:
        self._requests.shutdown(socket.SHUT_RDWR)  # a process of multiprocessing may hold it, too
        self._requests.close()
        try:
            self._process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@functools.cache
def _server() -> _Server:
    return _Server()
