"""What the fields of forms complete while the user types: local paths, buckets, prefixes.

A suggestion is dim text behind the cursor; the right arrow accepts it. Names of the object store
are read from the agent when the user pauses, so that a key costs no request of the remote.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from textual.suggester import Suggester

from s3d.shared.control import Listing
from s3d.tui.agent_client import Agent, AgentUnreachable, RequestRefused
from s3d.tui.control_paths import listing_path

MAX_COMPLETED = 1_000
"""The names in a folder, for the completion of a path."""
DELAY = 0.15
"""Seconds for which a text has to stay as it is before the agent is asked for names."""
_SCHEME = "s3://"


def first_that_continues(text: str, names: Iterable[str]) -> str | None:
    """The first name, in their order, that is longer than a text and begins with it."""
    return next((name for name in names if name.startswith(text) and name != text), None)


class PathSuggester(Suggester):
    """Completes a local path with the first name of its folder that fits."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        folder, _, start = value.rpartition("/")
        if not start:
            return None
        try:
            names = await asyncio.to_thread(_names_below, folder, start)
        except OSError:
            return None
        return f"{folder}/{names[0]}" if names else None


def _names_below(folder: str, start: str) -> list[str]:
    with os.scandir(Path(f"{folder}/").expanduser()) as entries:
        return sorted(
            entry.name + ("/" if entry.is_dir() else "")
            for entry, _ in zip(entries, range(MAX_COMPLETED), strict=False)
            if entry.name.startswith(start)
        )


class BucketSuggester(Suggester):
    """Completes the name of a bucket. names: those that there are now."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._names = names

    async def get_suggestion(self, value: str) -> str | None:
        return first_that_continues(value, sorted(self._names()))


class PrefixSuggester(Suggester):
    """Completes a prefix level by level. bucket: the name of the bucket; empty for none yet."""

    def __init__(self, agent: Agent, bucket: Callable[[], str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._agent, self._bucket = agent, bucket
        self._latest = ""

    async def get_suggestion(self, value: str) -> str | None:
        bucket = self._bucket()
        if not bucket or value.endswith("/"):
            return None
        return await self._below(bucket, value)

    async def _below(self, bucket: str, start: str) -> str | None:
        """The first prefix of a bucket that continues a text; None after a newer text."""
        self._latest = f"{bucket}/{start}"
        await asyncio.sleep(DELAY)
        if self._latest != f"{bucket}/{start}":
            return None
        try:
            page = await self._agent.call("GET", listing_path(bucket, start), Listing)
        except (AgentUnreachable, RequestRefused):
            return None
        return first_that_continues(start, page.prefixes)


class PlaceSuggester(PrefixSuggester):
    """Completes BUCKET/PREFIX, with or without s3:// before it."""

    def __init__(self, agent: Agent, names: Callable[[], Iterable[str]]) -> None:
        super().__init__(agent, lambda: "")
        self._names = names

    async def get_suggestion(self, value: str) -> str | None:
        scheme = _SCHEME if value.startswith(_SCHEME) else ""
        bucket, slash, start = value.removeprefix(scheme).partition("/")
        if not slash:
            name = first_that_continues(f"{bucket}", sorted(self._names())) if bucket else None
            return f"{scheme}{name}/" if name else None
        found = await self._below(bucket, start) if start and not start.endswith("/") else None
        return f"{scheme}{bucket}/{found}" if found else None
