"""The entries of the cache as far as they were read: page by page, filtered by the agent."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from s3d.shared.caching import CacheEntry, CacheList
from s3d.tui.agent_client import Agent
from s3d.tui.app_state import State

PAGE = 1_000
"""Entries of one request."""


class CacheFeed:
    """Each poll reads one page: the next one while more are needed, else one that was read before.

    changed: called when another filter or more entries are needed at once.
    """

    def __init__(self, agent: Agent, state: State, changed: Callable[[], None]) -> None:
        self._agent, self._state, self._changed = agent, state, changed
        self._filter: dict[str, str] = {}
        self._pages: list[list[CacheEntry]] = []
        self._cursors = [""]
        """Where each page begins, and where the next one would; without that when all are read."""
        self._needed = 1
        """Pages that the user wants to see."""
        self._refreshed = 0
        """Number of the page that is read again next."""

    @property
    def is_complete(self) -> bool:
        """Whether all entries that match were read."""
        return bool(self._pages) and len(self._cursors) == len(self._pages)

    def set_filter(self, text: str) -> None:
        """Read what matches: the text, or !text for names without it. Other filters are the
        caller's to apply, so all entries are read for them."""
        terms = {"lacks": text[1:]} if text.startswith("!") else {"contains": text}
        if text.startswith(("~", "-f")):
            terms = {}
        terms = {name: value for name, value in terms.items() if value}
        if terms != self._filter:
            self._filter, self._pages, self._cursors = terms, [], [""]
            self._needed, self._refreshed = 1, 0
            self._changed()

    def need_more(self) -> None:
        """The end of what was read is on the screen."""
        if not self.is_complete and self._needed <= len(self._pages):
            self._needed = len(self._pages) + 1
            self._changed()

    async def poll(self) -> None:
        """Read one page. Raises AgentUnreachable, RequestRefused."""
        number, terms = self._next_page(), self._filter
        words = {"limit": PAGE, "cursor": self._cursors[number], **terms}
        path = f"/v1/cache/entries?{urlencode({k: v for k, v in words.items() if v})}"
        page = await self._agent.call("GET", path, CacheList)
        if terms != self._filter:  # the user has typed on
            return
        self._pages[number : number + 1] = [page.entries]
        if number + 1 == len(self._pages):
            self._cursors[number + 1 :] = [page.cursor] if page.cursor else []
        every = {(each.bucket, each.key): each for page_ in self._pages for each in page_}
        self._state.entries = list(every.values())

    def _next_page(self) -> int:
        if len(self._pages) < self._needed and not self.is_complete:
            return len(self._pages)
        self._refreshed = (self._refreshed + 1) % len(self._pages)
        return self._refreshed
