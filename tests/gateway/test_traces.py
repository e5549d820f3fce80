"""One write, followed: client -> request -> queue; restart; push -> remote. And `s3d trace`.

The remote is a second s3d, which exports to the same collector: the parent of its span shows what
the request carried.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from s3d.cli.client.queue_client import QueueClient
from tests.agent_process import AgentProcess
from tests.collector import Collector, SpanSeen, open_collector

pytestmark = pytest.mark.slow

TRACE, CLIENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{CLIENT}-01"
INTERNAL, SERVER, HTTP_CLIENT, CONSUMER = 1, 2, 3, 5
PUSH = "s3d.write_queue.push"
SECRET = "do-not-show-this-secret"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with open_collector() as collector:
        yield collector


@pytest.fixture
def behind(start_agent, tmp_path, collector) -> AgentProcess:
    """The remote."""
    env = collector.env(OTEL_SERVICE_NAME="remote", OTEL_METRICS_EXPORTER="none")
    agent = start_agent(home=tmp_path / "behind", env=env)
    agent.s3().create_bucket(Bucket="bucket")
    return agent


@pytest.fixture
def start_gateway(start_agent, tmp_path, behind, collector):
    access_key, secret = behind.key
    remote = {
        "S3D_REMOTE": behind.endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "S3D_PROBE": "false",
    }
    env = remote | collector.env(OTEL_SERVICE_NAME="gateway")
    return partial(_start, start_agent, tmp_path / "gateway", env)


def _start(start_agent, home, env, **further) -> AgentProcess:
    return start_agent(home=home, env=env | further)


def traced_client(agent: AgentProcess, parent: str = PARENT, state: str = "") -> Any:
    """A boto3 client that sends a traceparent, as an instrumented program does."""
    s3 = agent.s3()

    def add(request, **_):
        request.headers["traceparent"] = parent
        if state:
            request.headers["tracestate"] = state

    s3.meta.events.register("before-send.s3", add)
    return s3


def trace(agent: AgentProcess, key: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "s3d", "trace", f"bucket/{key}", "--json"],
        env=agent.env, capture_output=True, check=True, timeout=30,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def one(spans: list[SpanSeen], **wanted) -> SpanSeen:
    found = [s for s in spans if all(getattr(s, name) == value for name, value in wanted.items())]
    assert len(found) == 1, (wanted, found)
    return found[0]


def drain(agent: AgentProcess) -> None:
    assert QueueClient(agent.client).drain(30, hurry=True).moving.files == 0


def test_a_queued_write_is_followed_to_the_remote_across_a_restart(
    start_gateway, behind, collector
):
    first = start_gateway(S3D_TRACE_REMOTE="1")
    QueueClient(first.client).pause()
    answer = traced_client(first, state="vendor=1").put_object(Bucket="bucket", Key="k", Body=b"v")
    request_id = answer["ResponseMetadata"]["RequestId"]
    accepted = trace(first, "k")
    first.stop()
    second = start_gateway(S3D_TRACE_REMOTE="1")
    assert trace(second, "k") == accepted
    QueueClient(second.client).resume()
    drain(second)
    told = trace(second, "k")
    second.stop()
    behind.stop()

    spans = collector.spans()
    put = one(spans, service="gateway", trace=TRACE, kind=SERVER)
    assert (put.name, put.parent) == ("S3.PutObject", CLIENT)
    assert put.attributes["aws.s3.bucket"] == "bucket"
    assert put.attributes["aws.s3.key"] == "k"
    assert put.attributes["aws.request_id"] == request_id
    assert put.attributes["http.response.status_code"] == 200
    queue = one(spans, service="gateway", trace=TRACE, name="s3d.write_queue")
    assert (queue.parent, queue.kind) == (put.id, INTERNAL)

    push = one(spans, name=PUSH)
    assert push.trace != TRACE
    assert push.links == [(TRACE, queue.id)]
    assert (push.parent, push.kind) == ("", CONSUMER)
    assert push.attributes["s3d.parent_request_id"] == request_id
    sent = one(spans, service="gateway", trace=push.trace, name="S3.PutObject")
    assert (sent.kind, sent.parent) == (HTTP_CLIENT, push.id)
    arrived = one(spans, service="remote", trace=push.trace, name="S3.PutObject")
    assert (arrived.kind, arrived.parent) == (SERVER, sent.id)
    assert arrived.attributes["aws.request_id"] == sent.attributes["aws.request_id"]

    assert [event["event"] for event in told] == ["accepted", "pushing", "cached", "pushed"]
    assert told[0] == accepted[0]
    assert (told[0]["request_id"], told[0]["trace_id"]) == (request_id, TRACE)
    assert told[1]["request_id"] == push.attributes["s3d.request_id"]
    assert told[1]["trace_id"] == push.trace
    assert told[0]["data"]["seq"] == told[1]["data"]["seq"] == told[3]["data"]["seq"]


def test_what_was_accepted_is_told_after_a_kill(start_gateway):
    agent = start_gateway()
    QueueClient(agent.client).pause()
    answer = traced_client(agent).put_object(Bucket="bucket", Key="k", Body=b"v")
    agent.kill()
    (event,) = trace(start_gateway(), "k")
    assert (event["event"], event["trace_id"]) == ("accepted", TRACE)
    assert event["request_id"] == answer["ResponseMetadata"]["RequestId"]


def test_without_the_setting_nothing_of_a_trace_goes_to_the_remote(
    start_gateway, behind, collector
):
    agent = start_gateway()
    s3 = traced_client(agent, state="vendor=1")
    s3.put_object(Bucket="bucket", Key="k", Body=b"v")
    drain(agent)
    s3.get_object(Bucket="bucket", Key="k", PartNumber=1)["Body"].read()
    s3.put_object(Bucket="bucket", Key="direct", Body=b"v", IfNoneMatch="*")
    s3.get_bucket_versioning(Bucket="bucket")
    agent.stop()
    behind.stop()
    spans = [span for span in collector.spans() if span.service == "remote"]
    arrived = [span for span in spans if span.kind == SERVER]
    assert {"S3.PutObject", "S3.GetBucketVersioning"} <= {span.name for span in arrived}
    assert {span.parent for span in arrived} == {""}
    assert TRACE not in {span.trace for span in arrived}


def test_with_the_setting_a_forwarded_request_names_its_own_span(start_gateway, behind, collector):
    agent = start_gateway(S3D_TRACE_REMOTE="1", S3D_WRITE_QUEUE="off", S3D_READ_CACHE="off")
    s3 = traced_client(agent)
    s3.put_object(Bucket="bucket", Key="k", Body=b"v")
    s3.put_bucket_tagging(
        Bucket="bucket", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
    )  # the route that botocore takes
    agent.stop()
    behind.stop()
    spans = [span for span in collector.spans() if span.trace == TRACE]
    for name in ("S3.PutObject", "S3.PutBucketTagging"):
        came = one(spans, service="gateway", kind=SERVER, name=name)
        sent = one(spans, service="gateway", kind=HTTP_CLIENT, name=name)
        arrived = one(spans, service="remote", name=name)
        assert (came.parent, sent.parent, arrived.parent) == (CLIENT, came.id, sent.id)


def test_without_an_exporter_the_clients_own_context_goes_along(
    start_agent, start_gateway, behind, collector
):
    off = {"OTEL_SDK_DISABLED": "true", "S3D_TRACE_REMOTE": "1"}
    agent = start_gateway(**off)
    traced_client(agent).put_object(Bucket="bucket", Key="k", Body=b"v")
    drain(agent)
    agent.stop()
    behind.stop()
    arrived = [span for span in collector.spans() if span.trace == TRACE and span.kind == SERVER]
    assert {(span.service, span.parent) for span in arrived} == {("remote", CLIENT)}


@pytest.mark.parametrize("parent", ["00-x", f"{PARENT}-more", f"00-{'0' * 32}-{CLIENT}-01"])
def test_a_malformed_traceparent_is_replaced(start_agent, tmp_path, collector, parent):
    agent = start_agent(home=tmp_path / "one", env=collector.env())
    traced_client(agent, parent).list_buckets()
    agent.stop()
    (span,) = [span for span in collector.spans() if span.kind == SERVER]
    assert span.parent == ""
    assert span.trace not in ("0" * 32, TRACE)


def test_a_cached_read_and_one_that_is_not(start_gateway, behind, collector):
    behind.s3().put_object(Bucket="bucket", Key="k", Body=b"v")
    agent = start_gateway()
    s3 = traced_client(agent)
    for _ in range(2):
        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"v"
    assert "cached" in [event["event"] for event in trace(agent, "k")]
    agent.stop()
    spans = [span for span in collector.spans() if span.trace == TRACE]
    requests = [span for span in spans if span.kind == SERVER]
    assert len(requests) == 2
    caches = [span for span in spans if span.name == "s3d.read_cache"]
    assert {span.parent for span in caches} == {span.id for span in requests}
    (fetched,) = [span for span in spans if span.kind == HTTP_CLIENT]
    assert fetched.parent in {span.id for span in caches}


def test_an_object_that_nothing_is_known_of(start_gateway):
    agent = start_gateway()
    command = [sys.executable, "-m", "s3d", "trace", "bucket/none"]
    done = subprocess.run(command, env=agent.env, capture_output=True, timeout=30)
    assert done.returncode != 0
    assert b"nothing is recorded about this object" in done.stderr


def test_secrets_are_in_no_span_log_or_setting(start_gateway, behind, collector):
    agent = start_gateway(
        OTEL_EXPORTER_OTLP_HEADERS=f"authorization=Bearer {SECRET},malformed {SECRET}",
        S3D_LOG_LEVEL="debug",
    )
    s3, (_, local) = traced_client(agent), agent.key
    _, remote = behind.key
    s3.put_object(Bucket="bucket", Key="k", Body=b"v")
    drain(agent)
    import urllib.request

    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"})
    assert urllib.request.urlopen(url).read() == b"v"
    signature = url.rpartition("Signature=")[2]
    assert signature
    config = subprocess.run(
        [sys.executable, "-m", "s3d", "config"], env=agent.env, capture_output=True, timeout=30
    ).stdout
    agent.stop()
    assert f"Bearer {SECRET}" in {each.get("authorization") for each in collector.headers}
    sent = b"".join(collector.bodies)
    for secret in (SECRET, local, remote, signature):
        assert secret.encode() not in sent
    for secret in (SECRET, local, remote):
        assert secret not in agent.stderr
        assert secret.encode() not in config
