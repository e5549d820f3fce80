import asyncio

import msgspec
import pytest

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.s3.messages import BytesBody
from s3d.shared.control import AgentStatus, BucketInfo, Hello, ObjectInfo, State, decode
from s3d.shared.diagnostics import Readiness, ReadinessCheck


async def get(http, path, kind=None, status=200, **query):
    async with http.get(path, params=query) as response:
        body = await response.read()
        assert response.status == status, body
        return msgspec.json.decode(body, type=kind) if kind else body


async def test_hello(control, http):
    hello = await get(http, "/v1/hello", Hello)
    assert (hello.boot, hello.endpoint) == (control.events.boot, "http://127.0.0.1:33333")
    assert hello.limits == {"page": 1000, "subscribers": 16, "events": 10_000}
    assert "events" in hello.features


async def test_status_of_the_agent(control, http):
    assert await get(http, "/v1/status", AgentStatus) == await control.status()


async def test_status_of_a_bucket_counts_and_has_tags(control, http):
    await control.objects.create_bucket("bucket")
    await control.objects.put("bucket", "k", BytesBody(b"12345"))
    await control.objects.set_tags("bucket", "", {"team": "red"})
    status = await get(http, "/v1/status", BucketInfo, bucket="bucket")
    assert (status.objects, status.size, status.tags) == (1, 5, {"team": "red"})


async def test_status_of_an_object_has_everything(control, http):
    await control.objects.create_bucket("bucket")
    attributes = ObjectAttributes(
        "text/plain", {"a": "1"}, {"t": "2"}, {"cache-control": "no-store"}
    )
    await control.objects.put("bucket", "k", BytesBody(b"12345"), attributes)
    status = await get(http, "/v1/status", ObjectInfo, bucket="bucket", key="k")
    assert (status.size, status.content_type) == (5, "text/plain")
    assert (status.metadata, status.tags) == ({"a": "1"}, {"t": "2"})
    assert status.headers == {"cache-control": "no-store"}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"bucket": "none"}, 404, b"NoSuchBucket"),
        ({"bucket": "none", "key": "k"}, 404, b"NoSuchBucket"),
        ({"bucket": "bucket", "key": "none"}, 404, b"NoSuchKey"),
        ({"key": "k"}, 400, b"InvalidArgument"),
    ],
)
async def test_status_of_what_is_not_there(control, http, query, status, code):
    await control.objects.create_bucket("bucket")
    assert code in await get(http, "/v1/status", status=status, **query)


async def test_the_events_go_on_from_the_state(control, http):
    await control.objects.create_bucket("bucket")
    state = await get(http, "/v1/state", State)
    assert [bucket.name for bucket in state.buckets] == ["bucket"]
    assert state.status == await control.status()
    await control.objects.create_bucket("later")
    with control.events.subscribe(since=state.seq, boot=state.boot) as subscription:
        async with asyncio.timeout(5):
            assert [event.subject for event in await subscription.take()] == ["later"]


async def test_health_is_of_the_loop_and_readiness_has_its_reasons(control, http):
    assert await get(http, "/healthz") == b"ok\n"
    assert await get(http, "/readyz", Readiness) == control.readiness()
    control.serving = False
    assert await get(http, "/healthz") == b"ok\n"
    body = await get(http, "/readyz", status=503)
    assert decode(body, Readiness) == Readiness(
        "not ready", [ReadinessCheck("endpoint", False, "the agent is stopping")]
    )


async def test_metrics_are_in_the_format_that_the_client_accepts(http):
    async with http.get("http://s3d/metrics", headers={"Accept": "this"}) as response:
        assert await response.read() == b"# this\n"
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_what_watchers_ask_for_answers_head_too(http, path):
    async with http.get(f"http://s3d{path}") as get, http.head(f"http://s3d{path}") as head:
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(await get.read())))
        assert await head.read() == b""
