"""`python -m s3d.agent.frontends.fuse.process.mount_main DESCRIPTOR`: the process of the mounts.

The agent starts it, with one end of a socket pair. It ends when the agent has called "close", or at
once when the agent has ended: what programs were promised then is in the staging journal.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import threading

import msgspec

from s3d.agent.frontends.fuse.process.bodies import OfferedBodies
from s3d.agent.frontends.fuse.process.channel import Channel
from s3d.agent.frontends.fuse.process.mount_host import MountHost
from s3d.shared.logs import entry_of

logger = logging.getLogger(__name__)

LOG = "log"
"""The notice of a line of the log."""


class ChannelHandler(logging.Handler):
    """Has the agent write each record into its log. Called by any thread."""

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._channel = channel
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        value = [record.name, record.levelno, record.created, msgspec.to_builtins(entry_of(record))]
        try:
            self._loop.call_soon_threadsafe(self._channel.notify, LOG, value)
        except RuntimeError:  # the loop has ended, and so has the agent
            return


def log_end_of_thread(end: threading.ExceptHookArgs) -> None:
    """A thread has ended with an exception, which is a bug: it belongs into the log."""
    name = "" if end.thread is None else end.thread.name
    logger.error("a thread of the mounts has ended name=%s", name, exc_info=end.exc_value)


def main(arguments: list[str]) -> None:
    # A terminal and a service manager send these to all processes. The agent ends this one, when
    # programs have closed their files.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Hardly any of the objects that exist by now is ever garbage. Listings make many at once.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    end = socket.socket(fileno=int(arguments[0]))
    asyncio.run(_serve(end))


async def _serve(end: socket.socket) -> None:
    bodies = OfferedBodies()
    host = MountHost(bodies)
    channel = Channel(
        end,
        handlers={**host.handlers(), **bodies.handlers()},
        listeners=host.listeners(),
        on_close=lambda: os._exit(0 if host.closed.is_set() else 1),
    )
    host.connect(channel)
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)  # the agent has the levels, of each logger, and they may change
    root.addHandler(ChannelHandler(channel, asyncio.get_running_loop()))
    threading.excepthook = log_end_of_thread
    await asyncio.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
