"""The rows of entries: written behind the answers, and read as if they were written at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from s3d.agent.storage.index import DAMAGE, Index
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.read_cache import catalog_rows
from s3d.agent.stores.read_cache.entry import UNPROVEN, Entry

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Unsaved:
    """An entry on its way to its row. data: all of a small object, when it is new."""

    entry: Entry
    data: bytes | None
    saves: int = 0
    """Commits that are still to come."""


class EntryRows:
    """Belongs to the loop."""

    def __init__(self, index: Index, distrust: float | None) -> None:
        """distrust: EXPIRED or UNPROVEN for all rows that are there."""
        self.on_row_left: Callable[[], None] = lambda: None
        """The row of something that was forgotten could not be dropped."""
        self._index = index
        self._unsaved: dict[int, _Unsaved] = {}
        """By blob, the entries whose rows are not committed yet: what their rows will say."""
        self._dropping: asyncio.Future[Any] | None = None
        """The last of the rows that go."""
        self._distrust = distrust
        if distrust is not None:
            distrusted = index.post(partial(catalog_rows.distrust, checked=distrust))
            distrusted.add_done_callback(self._distrusted)

    @property
    def is_unproven(self) -> bool:
        """Whether the tables may have lost their newest changes, and do not say so yet."""
        return self._distrust == UNPROVEN

    def unsaved(self, blob: int) -> Entry | None:
        """The entry, if its row is still to be written."""
        unsaved = self._unsaved.get(blob)
        return None if unsaved is None else unsaved.entry

    def read(self, blob: int) -> Entry | None:
        """The entry as its row has it, or will have it; None when there is none."""
        unsaved = self.unsaved(blob)
        if unsaved is not None:
            return unsaved
        try:
            entry = self._index.read_inline(lambda reader: catalog_rows.find(reader, blob))
        except DAMAGE as error:
            _damaged(error)
            return None
        distrust = self._distrust  # Its row does not say so yet.
        if entry and distrust is not None and (entry.checked > 0.0 or distrust == UNPROVEN):
            entry.checked = distrust
        return entry

    def body(self, blob: int) -> bytes | None:
        """The bytes of a small object."""
        unsaved = self._unsaved.get(blob)
        if unsaved is not None and unsaved.data is not None:
            return unsaved.data
        try:
            return self._index.read_inline(lambda reader: catalog_rows.body(reader, blob))
        except DAMAGE as error:
            _damaged(error)
            return None

    def save(self, entry: Entry, data: bytes | None = None) -> None:
        """Enter it, or what has become of it. data: all of a small object, when it is new."""
        unsaved = self._unsaved.setdefault(entry.blob, _Unsaved(entry, data))
        unsaved.saves += 1
        action = partial(catalog_rows.save, row=catalog_rows.row_of(entry), data=data)
        saved = self._index.post(action)
        saved.add_done_callback(noted)
        saved.add_done_callback(lambda _: self._is_saved(unsaved))

    def drop(self, action: Callable[[Transaction], Any]) -> None:
        """Have what is wrong taken out of the tables: see forgotten()."""
        self._dropping = self._index.post(action)
        self._dropping.add_done_callback(self._dropped)

    async def forgotten(self) -> None:
        """Return when no row is left of what was forgotten."""
        if self._dropping is not None and not self._dropping.done():
            await asyncio.wait((self._dropping,))

    async def committed(self) -> None:
        """Return when the rows are as the entries are now. Raises S3Error."""
        await self._index.write(lambda tx: None)

    def _is_saved(self, unsaved: _Unsaved) -> None:
        unsaved.saves -= 1
        if not unsaved.saves:
            self._unsaved.pop(unsaved.entry.blob, None)

    def _dropped(self, saved: asyncio.Future[Any]) -> None:
        noted(saved)
        if saved.cancelled() or saved.exception() is not None:
            self.on_row_left()

    def _distrusted(self, saved: asyncio.Future[Any]) -> None:
        self._dropped(saved)
        if not saved.cancelled() and saved.exception() is None:
            self._distrust = None


def noted(saved: asyncio.Future[Any]) -> None:
    """Say that a row could not be written."""
    if not saved.cancelled() and (error := saved.exception()) is not None:
        logger.warning("the cache could not note what it has: %s", error)


def _damaged(error: Exception) -> None:
    logger.error("the index of the cache is damaged, and is made anew: %s", error)
