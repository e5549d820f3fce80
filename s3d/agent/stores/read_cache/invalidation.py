"""Writes on their way to the remote, and what they do to what is cached.

1. While a write is under way, the entries of its objects are believed only after the remote was
   asked, and nothing that is being fetched is kept.
2. Its outcome decides (changes.effect_of): the entries go, are doubted, or stay as they were.
3. Before a success is passed on, the rows of what went are committed: a killed agent must not find
   an entry again that is older than a write which it has acknowledged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeGuard

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.messages import Body, S3Request, S3Response
from s3d.agent.stores.read_cache.changes import Effect, changed, effect_of, may_have_changed

Name = tuple[str, str]


class Entries(Protocol):
    """What writes make wrong. key "": all of the bucket."""

    def forget(self, bucket: str, key: str) -> None: ...

    def doubt(self, bucket: str, key: str) -> None: ...

    def superseded(self, bucket: str, key: str) -> None:
        """What is being fetched now is kept for nobody."""

    async def committed(self) -> None:
        """Return when nothing that was forgotten can come back after a crash."""


@dataclass
class Invalidation:
    """Passes writes on.

    on_done gets each that was carried out, with its answer; on_unknown each that may have been
    carried out although it did not succeed.
    """

    inner: ObjectStore
    entries: Entries
    on_done: Callable[[S3Request[Any], S3Response[Any]], None]
    on_unknown: Callable[[S3Request[Any]], None]
    count: int = 0
    """Grows with each beginning and end of a write: what was asked before it is not known now."""
    _under_way: Counter[Name] = field(default_factory=Counter)

    def is_under_way(self, name: Name) -> bool:
        """Whether the object, or all of its bucket, is being written."""
        return bool(self._under_way) and (
            name in self._under_way or (name[0], "") in self._under_way
        )

    async def pass_on(self, request: S3Request[Any]) -> S3Response[Any]:
        """Carry it out."""
        names = list(changed(request))
        self._begin(names)
        try:
            response = await self.inner.call(request)
        except BaseException as error:
            self._end(names, effect_of(error, None))
            if may_have_changed(error, None):
                self.on_unknown(request)
            raise
        status = None if response.wire is None else response.wire.status
        effect = effect_of(None, status)
        if effect is Effect.FORGET and response.wire is not None and _has_bytes(response.body):
            # Of some operations the head of the answer comes before the deed.
            self._apply(names, effect)
            ended = self._followed(request, response, names)
            return replace(response, body=_Followed(response.body, ended))
        self._end(names, effect)
        if effect is Effect.FORGET:
            self.on_done(request, response)
            await self.entries.committed()
        elif may_have_changed(None, status):
            self.on_unknown(request)
        return response

    def _followed(
        self, request: S3Request[Any], response: S3Response[Any], names: list[Name]
    ) -> Callable[[bool], Awaitable[None]]:
        async def ended(whole: bool) -> None:
            self._end(names, Effect.FORGET)
            if whole:
                self.on_done(request, response)
                await self.entries.committed()
            else:
                self.on_unknown(request)

        return ended

    def _begin(self, names: list[Name]) -> None:
        self._under_way.update(names)
        self.count += 1
        for name in names:
            self.entries.superseded(*name)

    def _end(self, names: list[Name], effect: Effect) -> None:
        self._under_way -= Counter(names)
        self._apply(names, effect)

    def _apply(self, names: list[Name], effect: Effect) -> None:
        self.count += 1
        for name in names:
            self.entries.superseded(*name)
            if effect is Effect.FORGET:
                self.entries.forget(*name)
            elif effect is Effect.DOUBT:
                self.entries.doubt(*name)


def _has_bytes(body: Body | None) -> TypeGuard[Body]:
    return body is not None and body.size != 0


class _Followed:
    """A body whose end is told before its last bytes are given; told: whether it was all."""

    def __init__(self, body: Body, ended: Callable[[bool], Awaitable[None]]) -> None:
        self._body = body
        self._ended = ended
        self._is_over = False
        self.size = body.size

    @property
    def trailers(self) -> Mapping[str, str]:
        return self._body.trailers

    async def __aiter__(self) -> AsyncIterator[bytes]:
        last = b""
        async for chunk in self._body:
            if last:
                yield last
            last = chunk
        await self._end(True)
        if last:
            yield last

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            await self._end(False)

    async def _end(self, whole: bool) -> None:
        if not self._is_over:
            self._is_over = True
            await self._ended(whole)
