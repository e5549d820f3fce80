from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from s3d.agent.core.context import internal_request
from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.core.store import Completed, TerminalStore, operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext, S3Request, S3Response, WireResponse
from s3d.agent.s3.trace_context import TraceContext
from s3d.agent.stores.forwarded_writes import ForwardedWrites

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
