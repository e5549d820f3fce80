"""remote_writes: which requests are reported as writes of this agent."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from s3d.agent.core.context import internal_request
from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext, S3Request, S3Response, WireResponse
from s3d.agent.stores.remote_writes import Keys, RemoteWrites

CONTEXT = RequestContext("R")


class Answering:
    """A remote with one answer."""

    def __init__(self, outcome: object) -> None:
        self._outcome = outcome

    def call(self, request: S3Request[Any]) -> Any:
        return self._answer()

    async def _answer(self) -> S3Response[Any]:
        if isinstance(self._outcome, S3Error):
            raise self._outcome
        response: S3Response[Any] = S3Response({})
        if isinstance(self._outcome, int):
            response = replace(response, wire=WireResponse(self._outcome, ()))
        return response


class Observer:
    """Notes what it gets; begun and ended are equal in the end."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str]] = []
        self.ended: list[tuple[str, str]] = []
        self.changed: list[tuple[str, str]] = []

    def begin(self, keys: Keys) -> None:
        self.begun += keys

    def end(self, keys: Keys, *, may_have_changed: bool) -> None:
        self.ended += keys
        if may_have_changed:
            self.changed += keys


async def reported(name: str, outcome: object = None, **members: Any) -> list[tuple[str, str]]:
    store = RemoteWrites(Answering(outcome))
    observer = store.observer = Observer()
    with suppress(S3Error):
        await store.call(internal_request(CONTEXT, name, {"Bucket": "b", **members}))
    assert observer.begun == observer.ended
    return observer.changed


@pytest.mark.parametrize(
    "name",
    ["PutObject", "DeleteObject", "CopyObject", "CompleteMultipartUpload", "PutObjectTagging"],
)
async def test_a_write_of_an_object_is_reported(name):
    assert await reported(name, Key="k") == [("b", "k")]
    assert await reported(name, 200, Key="k") == [("b", "k")]


async def test_each_of_many_deletions_is_reported():
    objects = {"Objects": [{"Key": "k"}, {"Key": "l"}]}
    assert await reported("DeleteObjects", Delete=objects) == [("b", "k"), ("b", "l")]


@pytest.mark.parametrize("name", ["GetObject", "UploadPart"])
async def test_what_changes_nothing_is_not(name):
    assert await reported(name, Key="k") == []


async def test_a_write_of_the_bucket_is_not():
    assert await reported("PutBucketTagging") == []


def lost(*, sent: bool) -> S3Error:
    error = S3Error("ServiceUnavailable")
    error.failure = Unreachable(Reason.TIMEOUT, "no answer", sent=sent)
    return error


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (403, []),
        (412, []),
        (500, [("b", "k")]),
        (S3Error("AccessDenied"), []),
        (lost(sent=False), []),
        (lost(sent=True), [("b", "k")]),
    ],
    ids=repr,
)
async def test_a_write_that_may_have_happened_is_reported(outcome, expected):
    assert await reported("PutObject", outcome, Key="k") == expected


async def test_a_write_is_reported_before_it_is_sent_and_counts_when_its_caller_gives_up():
    asked, observer = asyncio.Event(), Observer()

    class Silent:
        def call(self, request: S3Request[Any]) -> Any:
            return self._wait()

        async def _wait(self) -> None:
            assert observer.begun == [("b", "k")]
            asked.set()
            await asyncio.Event().wait()

    store = RemoteWrites(Silent())
    store.observer = observer
    request = internal_request(CONTEXT, "PutObject", {"Bucket": "b", "Key": "k"})
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        task = group.create_task(store.call(request))
        await asked.wait()
        task.cancel()
    assert observer.changed == [("b", "k")]
