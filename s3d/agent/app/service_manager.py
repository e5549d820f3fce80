"""The service manager's side of the agent's life: sd_notify(3), nothing without NOTIFY_SOCKET.

Also a hook for tests and supervisors: READY=1 comes when all is bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import MutableMapping


class Notifier:
    """Sends datagrams to the service manager; errors do not matter to the agent."""

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        self._address = address
        self._watchdog = watchdog

    @classmethod
    def from_environment(cls, env: MutableMapping[str, str]) -> Notifier:
        """Takes its variables out of env: children are not to speak for the agent."""
        address = env.pop("NOTIFY_SOCKET", "")
        microseconds = env.pop("WATCHDOG_USEC", "")
        meant_for = env.pop("WATCHDOG_PID", str(os.getpid()))
        if not microseconds.isdigit() or meant_for != str(os.getpid()):
            microseconds = "0"
        return cls(address, int(microseconds) / 1e6)

    def send(self, *assignments: str) -> None:
        """READY=1, STATUS=..., and the like."""
        if not self._address:
            return
        address = self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto("\n".join(assignments).encode(), address)

    async def feed_watchdog(self) -> None:
        """Say that the loop turns, twice in the time that the manager allows. Never ends."""
        while self._address and self._watchdog:
            self.send("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 2)
