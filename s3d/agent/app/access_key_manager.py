"""The access keys of the running agent: a change takes effect with the next request.

A thread writes the change, since that waits for the disk. Then the loop replaces the keys in
memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from s3d.agent.core.access_keys import AccessKeys
from s3d.shared.access_key import AccessKey
from s3d.shared.access_key_changes import KeyList, KeyRequest, NewKey, RotateRequest
from s3d.shared.local_access_keys import LocalKeys

T = TypeVar("T")


class KeyManager:
    """Changes the keys of the file, and then those that the endpoint uses."""

    def __init__(self, stored: LocalKeys, keys: AccessKeys) -> None:
        self._stored = stored
        self._keys = keys
        self._lock = asyncio.Lock()

    async def list_keys(self) -> KeyList:
        return await asyncio.to_thread(self._stored.list_keys)

    async def create(self, request: KeyRequest) -> NewKey:
        return await self._change(partial(self._stored.create, request))

    async def rotate(self, name: str, request: RotateRequest) -> NewKey:
        return await self._change(partial(self._stored.rotate, name, request))

    async def revoke(self, name: str) -> KeyList:
        return await self._change(partial(self._stored.revoke, name))

    async def _change(self, change: Callable[[], T]) -> T:
        """The keys in memory are changed, too, when this returns."""
        async with self._lock:
            result, keys = await asyncio.to_thread(_change_and_load, change, self._stored.load)
            self._keys.replace(keys)
        return result


def _change_and_load(
    change: Callable[[], T], load: Callable[[], list[AccessKey]]
) -> tuple[T, list[AccessKey]]:
    result = change()
    return result, load()
