import contextlib
from typing import Any

import pytest

from s3d.agent.core.events import Events
from s3d.agent.core.store import Completed, TerminalStore, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.stores.change_events import ChangeEvents


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
