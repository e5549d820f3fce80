"""Which requests are reported as changes, as forwarded writes, and as writes of this agent."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from s3d.agent.core.context import internal_request
from s3d.agent.core.events import Events
from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.core.store import Completed, TerminalStore, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext, S3Request, S3Response, WireResponse
from s3d.agent.s3.model import operations
from s3d.agent.s3.trace_context import TraceContext
from s3d.agent.stores.write_observers import ChangeEvents, ForwardedWrites, Keys, RemoteWrites


class Store(TerminalStore):
    """Answers at once, after a wait, or with an error."""

    @operation("HeadObject", "PutObject", "DeleteObjects", "UploadPart")
    def at_once(self, request: S3Request[Any]) -> Completed[Any]:
        return Completed(S3Response({}))

    @operation("CopyObject")
    async def later(self, request: S3Request[Any]) -> S3Response[Any]:
        return S3Response({})

    @operation("DeleteObject")
    async def fail(self, request: S3Request[Any]) -> S3Response[Any]:
        raise S3Error("AccessDenied")


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def store(events) -> ChangeEvents:
    return ChangeEvents(Store(), events)


def request(name: str, **members: Any) -> S3Request[Any]:
    return S3Request(operations()[name], {"Bucket": "b", **members})


async def told(events, store, *requests) -> list[tuple[str, object]]:
    with events.subscribe() as subscription:
        for asked in requests:
            with contextlib.suppress(S3Error):
                await store.call(asked)
        events.close()
        return [(event.subject, event.data["operation"]) for event in await subscription.take()]


async def test_a_change_is_told_with_its_place(events, store):
    requests = [
        request("PutObject", Key="k"),
        request("CopyObject", Key="copy"),
        request("DeleteObjects", Delete={}),
    ]
    assert await told(events, store, *requests) == [
        ("b/k", "PutObject"),
        ("b/copy", "CopyObject"),
        ("b", "DeleteObjects"),
    ]


async def test_reads_parts_and_failures_are_not_told(events, store):
    requests = [
        request("HeadObject", Key="k"),
        request("UploadPart", Key="k"),
        request("DeleteObject", Key="k"),
    ]
    assert await told(events, store, *requests) == []


def test_an_answer_that_is_ready_stays_ready(store):
    assert isinstance(store.call(request("PutObject", Key="k")), Completed)
    assert isinstance(store.call(request("HeadObject", Key="k")), Completed)


CONTEXT = RequestContext("R", trace=TraceContext("a" * 32, "b" * 16))


class Remote(TerminalStore):
    """Answers at once, later, as the remote has, or with an error."""

    @operation("PutObject", "GetObject", "DeleteObjects", "UploadPart", "PutBucketTagging")
    def at_once(self, request: S3Request[Any]) -> Completed[Any]:
        return Completed(S3Response({"VersionId": "V"}))

    @operation("CopyObject", "RenameObject")
    async def later(self, request: S3Request[Any]) -> S3Response[Any]:
        return S3Response({})

    @operation("PutObjectTagging")
    async def forwarded(self, request: S3Request[Any]) -> S3Response[Any]:
        response: S3Response[Any] = S3Response({})
        return replace(response, wire=WireResponse(204, (("x-amz-version-id", "W"),)))

    @operation("DeleteObject")
    async def fail(self, request: S3Request[Any]) -> S3Response[Any]:
        raise S3Error("AccessDenied")


@pytest.fixture
def history(tmp_path):
    return ObjectHistory(tmp_path)


async def events_after(history, name, key="k", *, key_seen="k", **members):
    """The events of b/key_seen after one request."""
    store = ForwardedWrites(Remote(), history)
    named = {"Bucket": "b", **({"Key": key} if key else {}), **members}
    with suppress(S3Error):
        await store.call(internal_request(CONTEXT, name, named))
    return await history.of("b", key_seen)


async def test_a_copy_is_kept_with_its_ids_and_its_source(history):
    (event,) = await events_after(history, "CopyObject", CopySource="b/from")
    assert (event.event, event.request_id, event.trace_id) == ("forwarded", "R", "a" * 32)
    assert event.data == {"operation": "CopyObject", "source": "b/from", "status": 200}


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("PutObject", {"status": 200, "version": "V"}),
        ("PutObjectTagging", {"status": 204, "version": "W"}),
        ("DeleteObject", {"status": 403, "code": "AccessDenied"}),
        ("DeleteObjectTagging", {"status": 501, "code": "NotImplemented"}),
    ],
)
async def test_the_outcome_is_that_of_the_remote(history, name, outcome):
    (event,) = await events_after(history, name)
    assert event.data == {"operation": name, **outcome}


@pytest.mark.parametrize("key", ["one", "two"])
async def test_each_key_of_a_deletion_of_many_has_the_event(history, key):
    objects = {"Objects": [{"Key": "one"}, {"Key": "two"}]}
    (event,) = await events_after(history, "DeleteObjects", "", key_seen=key, Delete=objects)
    assert event.data["operation"] == "DeleteObjects"


@pytest.mark.parametrize("key", ["new", "old"])
async def test_a_new_name_is_an_event_of_both_names(history, key):
    (event,) = await events_after(
        history, "RenameObject", "new", key_seen=key, RenameSource="/b/old"
    )
    assert event.data["source"] == "/b/old"


@pytest.mark.parametrize(
    ("name", "key"), [("GetObject", "k"), ("UploadPart", "k"), ("PutBucketTagging", "")]
)
async def test_what_changes_no_object_is_no_event(history, name, key):
    assert await events_after(history, name, key) == []
    assert await events_after(history, name, key, key_seen="") == []


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
