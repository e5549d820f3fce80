"""An agent that gives one answer, whatever it is asked: also what a real one never says."""

from __future__ import annotations

import socket
import threading
from pathlib import Path


class OneAnswer:
    """Answers one connection on a Unix socket, and keeps what was sent.

    reads: False: answer without reading the request.
    """

    def __init__(self, path: Path, answer: bytes, *, reads: bool = True) -> None:
        self.path = path
        self.sent = b""
        self._answer = answer
        self._reads = reads
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> OneAnswer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            while self._reads and not self._complete() and (block := connection.recv(65536)):
                self.sent += block
            connection.sendall(self._answer)

    def _complete(self) -> bool:
        head, end, body = self.sent.partition(b"\r\n\r\n")
        if not end:
            return False
        if b"chunked" in head:
            return body.endswith(b"0\r\n\r\n")
        length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
        return len(body) >= int(length or 0)
