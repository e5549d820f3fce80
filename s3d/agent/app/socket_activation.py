"""Listening sockets from the service manager: LISTEN_FDS of sd_listen_fds(3).

With `s3d.socket`, systemd listens for the agent. It starts the agent at the first connection, and
holds the connections that come while the agent restarts. A stream socket of the Internet is the S3
endpoint, a Unix socket is the control socket; their names do not matter.
https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import NamedTuple

from s3d.shared.errors import UsageError

FIRST = 3
"""The number of the first inherited descriptor."""
_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


class InheritedSockets(NamedTuple):
    """Sockets that already listen. They stay open as long as the process: each session of the
    agent listens on duplicates."""

    endpoint: socket.socket | None = None
    control: socket.socket | None = None

    def for_endpoint(self) -> socket.socket | None:
        return None if self.endpoint is None else self.endpoint.dup()

    def for_control(self) -> socket.socket | None:
        return None if self.control is None else self.control.dup()


def inherited_sockets(env: MutableMapping[str, str], first: int = FIRST) -> InheritedSockets:
    """The sockets that are meant for this process. Removes the variables from env, so that child
    processes do not take the sockets for theirs.

    Raises UsageError for two sockets of one kind and for other sockets than streams.
    """
    count, process, _ = (env.pop(name, "") for name in _VARIABLES)
    if process != str(os.getpid()) or not count.isdigit():
        return InheritedSockets()
    by_kind: dict[str, socket.socket] = {}
    for descriptor in range(first, first + int(count)):
        os.set_inheritable(descriptor, False)
        inherited = socket.socket(fileno=descriptor)
        inherited.setblocking(False)
        kind = "control" if inherited.family == socket.AF_UNIX else "endpoint"
        if inherited.type != socket.SOCK_STREAM or kind in by_kind:
            shown = str(inherited)
            for each in (inherited, *by_kind.values()):
                each.close()
            raise UsageError(
                "the service manager passes a socket that the agent cannot use",
                f"descriptor {descriptor}: {shown}",
                "let s3d.socket have one ListenStream= for the S3 endpoint, and one for the"
                " control socket",
            )
        by_kind[kind] = inherited
    return InheritedSockets(**by_kind)
