"""A load of boto3 calls of which the client counts every request, for tests of the metrics.

The calls go through a relay that counts the bytes of the responses, which boto3 does not show.
"""

from __future__ import annotations

import select
import socket
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from s3d.cli.client.unix_http import exchange
from tests.agent_process import AgentProcess
from tests.collector import attributes_of
from tests.scrape import Scrape, parse

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
KIB = 1024


def scrape(agent: AgentProcess, accept: str = "") -> Scrape:
    """The metrics at the agent's socket, as a client that sends this Accept header gets them."""
    request = ("GET", "/metrics")
    with exchange(agent.places.socket, request, {"Accept": accept}, timeout=10.0) as answer:
        assert answer.status == 200
        return parse(answer.read().decode())


class Relay:
    """Passes connections on to an endpoint, and counts the bytes that come back."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._upstream = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.received = 0
        """Bytes of responses."""
        self._opened = ExitStack()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.close()
        self._opened.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._upstream)  # type: ignore[arg-type]
                for each in (near, far):
                    self._opened.callback(each.close)
                for pair in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_response: bool) -> None:
        with suppress(OSError):
            while data := source.recv(64 * KIB):
                if is_response:
                    with self._lock:
                        self.received += len(data)
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@dataclass
class Counted:
    """What the client has counted."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By operation and status."""
    sent: Counter[str] = field(default_factory=Counter)
    """Bytes of request bodies, by operation."""

    def by_operation(self) -> Counter[str]:
        sums: Counter[str] = Counter()
        for (operation, _), number in self.requests.items():
            sums[operation] += number
        return sums


class KnownLoad:
    """boto3 with one request for each call, at an agent, and what it has counted."""

    def __init__(self, agent: AgentProcess, relay: Relay, **settings: Any) -> None:
        self.counted = Counted()
        self._agent = agent
        self.client = self._client(agent, relay)
        self.stranger = self._client(agent, relay, secret="not the secret")

    def _client(self, agent: AgentProcess, relay: Relay, secret: str = "") -> Any:
        import boto3
        from botocore.config import Config

        access_key, own = agent.key
        client = boto3.client(
            "s3",
            endpoint_url=relay.endpoint,
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret or own,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )
        events = client.meta.events
        events.register("before-send.s3", self._before_send)
        events.register("after-call.s3", self._after_call)
        self._last_size = 0
        return client

    def _before_send(self, request: Any, **_: Any) -> None:
        self._last_size = int(request.headers.get("Content-Length") or 0)

    def _after_call(self, http_response: Any, model: Any, **_: Any) -> None:
        status = http_response.status_code
        operation = "" if status == 403 else str(model.name)  # refused before it is looked at
        self.counted.requests[operation, str(status)] += 1
        self.counted.sent[operation] += 0 if status == 403 else self._last_size

    def fails(self, status: int, call: Any, **members: Any) -> None:
        """Make a call that is answered with this status."""
        with pytest.raises(ClientError) as caught:
            call(**members)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status

    def run(self, bucket: str) -> None:
        """Each operation of an everyday client, with each outcome that it can have."""
        s3, fails = self.client, self.fails
        s3.create_bucket(Bucket=bucket)
        s3.list_buckets()
        s3.head_bucket(Bucket=bucket)
        fails(404, s3.head_bucket, Bucket=f"{bucket}-none")
        for number in range(5):
            s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x" * KIB * number)
        etag = s3.put_object(Bucket=bucket, Key="large", Body=b"y" * 300 * KIB)["ETag"]
        fails(412, s3.put_object, Bucket=bucket, Key="k1", Body=b"", IfNoneMatch="*")
        for _ in range(3):
            s3.get_object(Bucket=bucket, Key="k2")["Body"].read()
            s3.head_object(Bucket=bucket, Key="k2")
        s3.get_object(Bucket=bucket, Key="large")["Body"].read()
        s3.get_object(Bucket=bucket, Key="large", Range="bytes=100-70000")["Body"].read()
        fails(304, s3.get_object, Bucket=bucket, Key="large", IfNoneMatch=etag)
        fails(304, s3.head_object, Bucket=bucket, Key="large", IfNoneMatch=etag)
        fails(412, s3.get_object, Bucket=bucket, Key="k2", IfMatch='"0"')
        fails(416, s3.get_object, Bucket=bucket, Key="k2", Range="bytes=99999-")
        fails(404, s3.get_object, Bucket=bucket, Key="none")
        fails(404, s3.head_object, Bucket=bucket, Key="none")
        fails(403, self.stranger.get_object, Bucket=bucket, Key="k2")
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k3")
        s3.list_objects_v2(Bucket=bucket)
        s3.list_objects(Bucket=bucket, Prefix="k")
        tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
        s3.put_object_tagging(Bucket=bucket, Key="k1", Tagging=tags)
        s3.get_object_tagging(Bucket=bucket, Key="k1")
        self._upload_parts(bucket)
        s3.delete_object(Bucket=bucket, Key="k4")
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k3"}, {"Key": "copy"}]})

    def _upload_parts(self, bucket: str) -> None:
        s3 = self.client
        upload = {"Bucket": bucket, "Key": "parts"}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        part = s3.upload_part(**upload, PartNumber=1, Body=b"z" * 100 * KIB)
        s3.list_parts(**upload)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(**upload, MultipartUpload=parts)
        other = {"Bucket": bucket, "Key": "other"}
        other["UploadId"] = s3.create_multipart_upload(**other)["UploadId"]
        s3.abort_multipart_upload(**other)

    def abort_read(self, bucket: str, key: str) -> None:
        """Begin to read an object, and reset the connection. Past the relay."""
        url = self._agent.s3().generate_presigned_url("get_object", {"Bucket": bucket, "Key": key})
        response = urllib.request.urlopen(url)
        assert response.read(1)
        raw = response.fp.raw._sock
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        response.close()
        self.counted.requests["GetObject", "aborted"] += 1

    def abort_write(self, bucket: str, key: str) -> None:
        """Send half of an object, and reset the connection. Past the relay."""
        url = self._agent.s3().generate_presigned_url("put_object", {"Bucket": bucket, "Key": key})
        parts = urlsplit(url)
        head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            connection.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + b"x" * 50_000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.counted.requests["PutObject", "aborted"] += 1


CHANGING = ("s3d_process_", "s3d_control_")
"""Metrics that change while nobody does anything."""
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""By name and labels."""


def counts_of_text(agent: AgentProcess) -> Series:
    """The counters and the counts of histograms of GET /metrics."""
    found: Series = {}
    for name, series in scrape(agent).samples.items():
        if name.endswith(("_total", "_count")) and not name.startswith(CHANGING):
            for pairs, value in series.items():
                found[name.removesuffix("_count"), frozenset(pairs)] = value
    return found


def counts_of_otlp(metrics: dict[str, Any]) -> Series:
    """The same of what a collector has received. metrics: Collector.metrics()."""
    found: Series = {}
    for name, metric in metrics.items():
        kind = metric.WhichOneof("data")
        if kind == "gauge" or name.startswith(CHANGING):
            continue
        for point in getattr(metric, kind).data_points:
            value = point.count if kind == "histogram" else point.as_double
            found[name, frozenset(attributes_of(point).items())] = value
    return found


def wait_until(is_so: Callable[[], Any], seconds: float = 30.0) -> None:
    """Look 20 times a second until it is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, is_so
        select.select([], [], [], 0.05)
