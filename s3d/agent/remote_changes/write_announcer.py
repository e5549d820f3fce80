"""Passes the writes of this agent to the markers of their places.

begin() and end() are called around each request that writes at the remote (WriteObserver in
stores/write_observers.py). What a killed agent has left (unannounced_writes.py) is announced by
resume(), before the writes of this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from s3d.agent.core.context import report_write
from s3d.agent.core.path_names import is_reserved
from s3d.agent.remote_changes.marker_exchange import MarkerExchange
from s3d.agent.remote_changes.marker_object import WatchedPrefix
from s3d.agent.remote_changes.unannounced_writes import UnannouncedWrites, Write

Keys = Sequence[tuple[str, str]]
"""(bucket, key) of objects."""


class WriteAnnouncer:
    """Belongs to the loop. exchanges: those of all places, which the owner sets."""

    def __init__(self, unannounced: UnannouncedWrites | None = None) -> None:
        """unannounced: None: after a kill, others see the last writes when they list again."""
        self.exchanges: dict[WatchedPrefix, MarkerExchange] = {}
        self._unannounced = unannounced

    def resume(self) -> None:
        """Announce what the last agent has left; once, as soon as there are places."""
        unannounced = self._unannounced
        if unannounced is not None and self.exchanges and not unannounced.is_open:
            self._announce(unannounced.open(self.exchanges))

    @property
    def is_secured(self) -> bool:
        """Whether secure() need not be called."""
        return self._unannounced is None or not self._unannounced.needs_sync

    async def secure(self) -> None:
        """Have a power cut noticed by the next agent, too; once after resume()."""
        if self._unannounced is not None and not self.is_secured:
            await self._unannounced.sync()

    def begin(self, keys: Keys) -> None:
        """Note that this agent is about to write these objects."""
        if self._unannounced is not None and (writes := self._writes_of(keys)):
            self._unannounced.begin(writes)

    def end(self, keys: Keys, *, may_have_changed: bool) -> None:
        """Note that these writes have ended, together with the others of their group.
        may_have_changed: they may be at the remote."""
        report_write(partial(self._ended, keys, may_have_changed))

    def _ended(self, keys: Keys, may_have_changed: bool) -> None:
        writes = self._writes_of(keys)
        if may_have_changed:
            self._announce(writes)
        if self._unannounced is not None and writes:
            self._unannounced.end(writes)

    def settle(self) -> None:
        """Forget the writes that are in the markers by now."""
        if self._unannounced is not None:
            self._unannounced.settle(
                (place, path)
                for place, exchange in self.exchanges.items()
                for path in exchange.unannounced
            )

    def _writes_of(self, keys: Keys) -> list[Write]:
        """Those that have a place. One object may have several."""
        return [
            (place, path)
            for bucket, key in keys
            for place in self.exchanges
            if bucket == place.bucket
            and key.startswith(place.prefix)
            and (path := key.removeprefix(place.prefix))
            and not is_reserved(path)
        ]

    def _announce(self, writes: Sequence[Write]) -> None:
        for place, path in writes:
            if place in self.exchanges:
                self.exchanges[place].written(path)
