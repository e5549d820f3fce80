"""One write, followed: client -> request -> queue; restart; push -> remote. And `s3d trace`.

The remote is a second s3d, which exports to the same collector: the parent of its span shows what
the request carried.
"""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from s3d.cli.client.queue_client import QueueClient
from tests.agent_process import AgentProcess, launch
from tests.collector import Collector, SpanSeen, open_collector
from tests.drained import drained
from tests.forked_process import run
from tests.known_load import counts_of_otlp, counts_of_text

pytestmark = pytest.mark.slow

CLIENT = "00f067aa0ba902b7"
INTERNAL, SERVER, HTTP_CLIENT, CONSUMER = 1, 2, 3, 5
PUSH = "s3d.write_queue.push"
SECRET = "do-not-show-this-secret"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with open_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def behind(tmp_path_factory, collector) -> Iterator[AgentProcess]:
    """The remote, which exports its spans within a moment."""
    env = collector.env(OTEL_SERVICE_NAME="remote", OTEL_METRICS_EXPORTER="none")
    agent = launch(tmp_path_factory.mktemp("remote") / "behind", env=env)
    agent.s3().create_bucket(Bucket="bucket")
    yield agent
    agent.kill()


@pytest.fixture
def start_gateway(start_agent, tmp_path, behind, collector):
    env = {**behind.as_remote, "S3D_PROBE": "false"} | collector.env(OTEL_SERVICE_NAME="gateway")
    return partial(_start, start_agent, tmp_path / "gateway", env)


def _start(start_agent, home, env, **further) -> AgentProcess:
    return start_agent(home=home, env=env | further)


@pytest.fixture
def trace_id() -> str:
    """The trace of the client of this test."""
    return secrets.token_hex(16)


def traced_client(agent: AgentProcess, trace_id: str, parent: str = "") -> Any:
    """A boto3 client that sends a traceparent, as an instrumented program does."""
    s3 = agent.s3()

    def add(request, **_):
        request.headers["traceparent"] = parent or f"00-{trace_id}-{CLIENT}-01"
        request.headers["tracestate"] = "vendor=1"

    s3.meta.events.register("before-send.s3", add)
    return s3


def trace(agent: AgentProcess, key: str) -> list[dict[str, Any]]:
    done = run("s3d", "trace", f"bucket/{key}", "--json", env=agent.env)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def one(spans: list[SpanSeen], **wanted) -> SpanSeen:
    found = [s for s in spans if all(getattr(s, name) == value for name, value in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]


def drain(agent: AgentProcess) -> None:
    assert drained(QueueClient(agent.client)).moving.files == 0


def at_remote(collector: Collector, name: str, **wanted) -> SpanSeen:
    """The span of a request at the remote, once it has arrived."""

    def found() -> list[SpanSeen]:
        spans = [span for span in collector.spans() if span.service == "remote"]
        spans = [span for span in spans if span.name == name]
        return [s for s in spans if all(getattr(s, key) == value for key, value in wanted.items())]

    return collector.until(found)[-1]


def test_a_queued_write_is_followed_to_the_remote_across_a_restart(
    start_gateway, collector, trace_id
):
    first = start_gateway(S3D_TRACE_REMOTE="1")
    QueueClient(first.client).pause()
    answer = traced_client(first, trace_id).put_object(Bucket="bucket", Key="k", Body=b"v")
    request_id = answer["ResponseMetadata"]["RequestId"]
    accepted = trace(first, "k")
    first.stop()
    second = start_gateway(S3D_TRACE_REMOTE="1")
    assert trace(second, "k") == accepted
    QueueClient(second.client).resume()
    drain(second)
    events = trace(second, "k")
    second.stop()

    spans = collector.spans()
    put = one(spans, service="gateway", trace=trace_id, kind=SERVER)
    assert (put.name, put.parent) == ("S3.PutObject", CLIENT)
    assert put.attributes["aws.s3.bucket"] == "bucket"
    assert put.attributes["aws.s3.key"] == "k"
    assert put.attributes["s3d.request_id"] == request_id
    assert put.attributes["http.response.status_code"] == 200
    queue = one(spans, service="gateway", trace=trace_id, name="s3d.write_queue")
    assert (queue.parent, queue.kind) == (put.id, INTERNAL)

    push = one(spans, name=PUSH, links=[(trace_id, queue.id)])
    assert push.trace != trace_id
    assert (push.parent, push.kind) == ("", CONSUMER)
    assert push.attributes["s3d.parent_request_id"] == request_id
    sent = one(spans, service="gateway", trace=push.trace, name="S3.PutObject")
    assert (sent.kind, sent.parent) == (HTTP_CLIENT, push.id)
    arrived = at_remote(collector, "S3.PutObject", trace=push.trace)
    assert (arrived.kind, arrived.parent) == (SERVER, sent.id)
    assert arrived.attributes["s3d.request_id"] == sent.attributes["aws.request_id"]

    assert [event["event"] for event in events] == ["accepted", "pushing", "cached", "pushed"]
    assert events[0] == accepted[0]
    assert (events[0]["request_id"], events[0]["trace_id"]) == (request_id, trace_id)
    assert events[1]["request_id"] == push.attributes["s3d.request_id"]
    assert events[1]["trace_id"] == push.trace
    assert events[0]["data"]["seq"] == events[1]["data"]["seq"] == events[3]["data"]["seq"]


def test_what_was_accepted_is_told_after_a_kill(start_gateway, trace_id):
    agent = start_gateway(OTEL_SDK_DISABLED="true")
    done = run("s3d", "trace", "bucket/killed", env=agent.env)
    assert done.returncode != 0
    assert b"nothing is recorded about this object" in done.stderr
    QueueClient(agent.client).pause()
    answer = traced_client(agent, trace_id).put_object(Bucket="bucket", Key="killed", Body=b"v")
    agent.kill()
    (event,) = trace(start_gateway(OTEL_SDK_DISABLED="true"), "killed")
    assert (event["event"], event["trace_id"]) == ("accepted", trace_id)
    assert event["request_id"] == answer["ResponseMetadata"]["RequestId"]


def test_writes_that_are_not_queued_are_in_the_trace(start_gateway, trace_id):
    """And a trace is readable without an agent."""
    agent = start_gateway(OTEL_SDK_DISABLED="true")
    s3 = traced_client(agent, trace_id)
    source = {"Bucket": "bucket", "Key": "source"}
    s3.put_object(**source, Body=b"v")
    drain(agent)
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    answers = [
        s3.copy_object(Bucket="bucket", Key="sync", CopySource=source),
        s3.put_object_tagging(Bucket="bucket", Key="sync", Tagging=tags),
        s3.delete_object(Bucket="bucket", Key="sync", VersionId="null"),
    ]
    events = trace(agent, "sync")
    agent.stop()
    assert {event["event"] for event in events} == {"forwarded"}
    assert [(each["request_id"], each["trace_id"]) for each in events] == [
        (answer["ResponseMetadata"]["RequestId"], trace_id) for answer in answers
    ]
    assert [event["data"] for event in events] == [
        {"operation": "CopyObject", "source": "bucket/source", "status": 200},
        {"operation": "PutObjectTagging", "status": 200},
        {"operation": "DeleteObject", "status": 204, "version": "null"},
    ]
    assert trace(agent, "sync") == events


def test_without_the_setting_nothing_of_a_trace_goes_to_the_remote(
    start_gateway, collector, trace_id
):
    """And a cached read has no request to the remote, one that is not cached has one."""
    agent = start_gateway()
    s3 = traced_client(agent, trace_id)
    s3.put_object(Bucket="bucket", Key="quiet", Body=b"v")
    drain(agent)
    for _ in range(2):
        assert s3.get_object(Bucket="bucket", Key="quiet")["Body"].read() == b"v"
    s3.put_object(Bucket="bucket", Key="direct", Body=b"v", IfNoneMatch="*")
    s3.get_bucket_versioning(Bucket="bucket")
    assert s3.get_object(Bucket="bucket", Key="direct")["Body"].read() == b"v"
    agent.stop()
    ours = [span for span in collector.spans() if span.trace == trace_id]
    fetched = [span for span in ours if (span.kind, span.name) == (HTTP_CLIENT, "S3.GetObject")]
    (source,) = {span.attributes["aws.s3.key"] for span in fetched}
    assert source == "direct"
    caches = {span.id: span for span in ours if span.name == "s3d.read_cache"}
    assert fetched[0].parent in caches
    assert len(caches) == 3
    for name in ("S3.PutObject", "S3.GetBucketVersioning", "S3.GetObject"):
        at_remote(collector, name, parent="")
    ours = [span for span in collector.spans() if span.trace == trace_id]
    assert {span.service for span in ours} == {"gateway"}


def test_with_the_setting_a_forwarded_request_names_its_own_span(
    start_gateway, collector, trace_id
):
    """And a traceparent that is malformed is replaced."""
    agent = start_gateway(S3D_TRACE_REMOTE="1", S3D_WRITE_QUEUE="off", S3D_READ_CACHE="off")
    s3 = traced_client(agent, trace_id)
    s3.put_object(Bucket="bucket", Key="forwarded", Body=b"v")
    s3.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    for parent in ("00-x", f"00-{trace_id}-{CLIENT}-01-more", f"00-{'0' * 32}-{CLIENT}-01"):
        traced_client(agent, trace_id, parent).list_buckets()
    agent.stop()
    for name in ("S3.PutObject", "S3.PutBucketTagging"):
        arrived = at_remote(collector, name, trace=trace_id)
        spans = [span for span in collector.spans() if span.service == "gateway"]
        came = one(spans, trace=trace_id, kind=SERVER, name=name)
        sent = one(spans, trace=trace_id, kind=HTTP_CLIENT, name=name)
        assert (came.parent, sent.parent, arrived.parent) == (CLIENT, came.id, sent.id)
    listings = [span for span in spans if (span.kind, span.name) == (SERVER, "S3.ListBuckets")]
    assert [span.parent for span in listings] == [""] * 3
    assert not {span.trace for span in listings} & {"0" * 32, trace_id}


def test_without_an_exporter_the_clients_own_context_goes_along(start_gateway, collector, trace_id):
    agent = start_gateway(OTEL_SDK_DISABLED="true", S3D_TRACE_REMOTE="1")
    traced_client(agent, trace_id).put_object(Bucket="bucket", Key="passed", Body=b"v")
    drain(agent)
    assert at_remote(collector, "S3.PutObject", trace=trace_id).parent == CLIENT


def test_after_a_load_otlp_has_every_number_that_metrics_has(start_gateway, collector):
    agent = start_gateway(OTEL_TRACES_EXPORTER="none", OTEL_LOGS_EXPORTER="none")
    s3 = agent.s3()
    for number in range(5):
        s3.put_object(Bucket="bucket", Key=f"load/{number}", Body=b"v" * 100)
    drain(agent)
    for number in range(5):
        s3.get_object(Bucket="bucket", Key=f"load/{number}")["Body"].read()
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="bucket", Key="none")
    s3.list_objects_v2(Bucket="bucket", Prefix="load/")
    s3.delete_object(Bucket="bucket", Key="load/0")
    drain(agent)
    collector.until(lambda: counts_of_otlp(collector.metrics()) == counts_of_text(agent))
    sent = counts_of_otlp(collector.metrics())
    requests = {
        (labels["operation"], labels["code"]): value
        for (name, pairs), value in sent.items()
        if name == "s3d_http_requests_total" and (labels := dict(pairs))
    }
    assert requests == {
        ("PutObject", "200"): 5,
        ("GetObject", "200"): 5,
        ("GetObject", "404"): 1,
        ("ListObjectsV2", "200"): 1,
        ("DeleteObject", "204"): 1,
    }


def test_secrets_are_in_no_span_log_or_setting(start_gateway, behind, collector, trace_id):
    agent = start_gateway(
        OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer {SECRET},malformed {SECRET}",
        S3D_LOG_LEVEL="debug",
    )
    s3, (_, local) = traced_client(agent, trace_id), agent.key
    _, remote = behind.key
    s3.put_object(Bucket="bucket", Key="secret", Body=b"v")
    drain(agent)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "secret"})
    assert urllib.request.urlopen(url).read() == b"v"
    signature = url.rpartition("Signature=")[2]
    assert signature
    config = run("s3d", "config", env=agent.env).stdout
    agent.stop()
    assert f"Bearer {SECRET}" in {each.get("authorization") for each in collector.headers}
    sent = b"".join(collector.bodies)
    for secret in (SECRET, local, remote, signature):
        assert secret.encode() not in sent
    for secret in (SECRET, local, remote):
        assert secret not in agent.stderr
        assert secret.encode() not in config
