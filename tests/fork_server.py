"""A process that has loaded s3d, and forks the processes that tests start (forked_process.py).

A start of the agent costs 0.4 s of CPU, of which 0.3 s are imports, and a command costs 0.075 s. A
fork has the modules already. It is a process of its own in every other respect: it has its own
arguments, environment, folder, streams and exit code, and runs s3d as `python -m s3d` does.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import socket
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from s3d.agent.core import failpoint

ROOT = Path(__file__).parents[1]
LARGEST_REQUEST = 1 << 20
STREAMS = 3


class ForkServer:
    """Serves one connection: a request is JSON with four descriptors, and its answer is a pid."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)

    def serve(self) -> dict[str, Any]:
        """Fork for each request. Returns in the forked process alone, with its request."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._requests:
                    request = self._fork()
                    if request is not None:
                        return request
                else:
                    self._report(key)

    def _fork(self) -> dict[str, Any] | None:
        message, descriptors, _, _ = socket.recv_fds(self._requests, LARGEST_REQUEST, STREAMS + 1)
        if not message:  # the tests are over
            sys.exit()
        *streams, status = descriptors
        pid = os.fork()
        if not pid:
            self._selector.close()
            self._requests.close()
            os.close(status)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            request: dict[str, Any] = json.loads(message)
            return request
        for stream in streams:
            os.close(stream)
        self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, status))
        self._requests.send(str(pid).encode())
        return None

    def _report(self, key: selectors.SelectorKey) -> None:
        """Tell whoever asked for the process its exit code."""
        pid, status = key.data
        self._selector.unregister(key.fileobj)
        os.close(key.fd)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with Connection(status, readable=False) as answer, suppress(BrokenPipeError):
            answer.send(code)


def load() -> None:
    """Import what the agent and the commands import, with what they import late."""
    from s3d.cli.main import COMMANDS

    for module, _ in COMMANDS.values():
        importlib.import_module(f"s3d.cli.{module}")
    importlib.import_module("s3d.agent.app.agent")


def become(request: dict[str, Any], end: End) -> NoReturn:
    """Be the process that was asked for, until its end."""
    if request["new_session"]:
        os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    if "S3D_FAILPOINT" in os.environ:
        importlib.reload(failpoint)  # it reads the variable while it is imported
    sys.argv[1:] = request["arguments"]
    encoding, errors = sys.stdout.encoding, sys.stdout.errors
    sys.stdin = os.fdopen(0, encoding=encoding, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding=encoding, errors=errors, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding, "backslashreplace", closefd=False)
    end.exit_code = 1  # of an exception
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        end.exit_code = 0
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            end.exit_code = ended.code or 0
        raise
    sys.exit(0)


class End:
    """Ends the process without taking its modules apart, which would copy the server's memory.

    It is the first to be registered with atexit, so it is called after all others.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        atexit.register(self._exit)

    def _exit(self) -> None:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            return  # Python reports it when it goes on
        os._exit(self.exit_code)


def main() -> NoReturn:
    """Serve the connection that is stdin."""
    end = End()
    requests = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as empty:
        os.dup2(empty.fileno(), 0)
    load()
    gc.collect()
    gc.freeze()
    become(ForkServer(requests).serve(), end)


if __name__ == "__main__":
    main()
