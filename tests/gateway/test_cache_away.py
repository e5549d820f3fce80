"""What the real agent gives while SeaweedFS is away; also after kill -9."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.peers.proxy import Partition

BOUND = 20.0
"""Seconds within which all is answered of which something can be said, and what a busy machine
adds. The agent takes 3 at most; it would wait for a silent remote for 30."""


def code_of(call: Any, **members: Any) -> str:
    """The error that a call is answered with; "" for none."""
    try:
        call(**members)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def header(answer: Any, name: str = "x-s3d-stale") -> str | None:
    found: str | None = answer["ResponseMetadata"]["HTTPHeaders"].get(name)
    return found


@pytest.mark.slow
@pytest.mark.finding("S2")
@pytest.mark.rule("AWAY-5")
@pytest.mark.parametrize("queue", ["on", "off"])
def test_no_older_version_comes_back_after_kill_9(
    gateway: Gateway, network: Network, new_bucket: str, queue: str
) -> None:
    """Killed right after the acknowledgement (and the push): whether the remote is there or away,
    what was acknowledged before it is never given again."""
    for number in range(2):
        network.come_back()
        agent = gateway.start(S3D_READ_CACHE_MAX_AGE="1h", S3D_WRITE_QUEUE=queue)
        kept, gone = f"kept{number}", f"gone{number}"
        with closing(agent.s3()) as client:
            place = {"Bucket": new_bucket}
            for key in (kept, gone):
                client.put_object(**place, Key=key, Body=b"old")
            if queue == "on":
                gateway.drain()
            for key in (kept, gone):
                assert client.get_object(**place, Key=key)["Body"].read() == b"old"
            client.delete_object(**place, Key=gone)
            client.put_object(**place, Key=kept, Body=b"new")
            if queue == "on":
                gateway.drain()
        agent.kill()
        if number % 2:
            network.go_away()
        agent = gateway.start(S3D_READ_CACHE_MAX_AGE="1h", S3D_WRITE_QUEUE=queue)
        with closing(agent.s3()) as client:
            seen = code_of(client.get_object, Bucket=new_bucket, Key=gone)
            assert seen in (("ServiceUnavailable",) if number % 2 else ("NoSuchKey",))
            given: list[bytes] = []
            with suppress(ClientError):
                given.append(client.get_object(Bucket=new_bucket, Key=kept)["Body"].read())
            assert given in ([b"new"], [b"new"] if number % 2 == 0 else [])
        agent.kill()


@pytest.mark.slow
@pytest.mark.finding("D4")
@pytest.mark.finding("S9")
@pytest.mark.parametrize("partition", [Partition.REFUSED, Partition.SILENT])
def test_listings_are_answered_while_the_remote_is_away(
    gateway: Gateway, network: Network, new_bucket: str, partition: Partition
) -> None:
    agent = gateway.start()
    with closing(agent.s3()) as client:
        for key in ("a/1", "b"):
            client.put_object(Bucket=new_bucket, Key=key, Body=b"1")
        gateway.drain()
        client.list_objects_v2(Bucket=new_bucket)
        client.list_buckets()
        client.put_object(Bucket=new_bucket, Key="c", Body=b"pushed since")
        gateway.drain()
    for is_restarted in (False, True):
        network.go_away(partition)
        if is_restarted:
            agent.kill()
            agent = gateway.start()
        with closing(agent.s3(read_timeout=30)) as client:
            pending = f"d{int(is_restarted)}"
            client.put_object(Bucket=new_bucket, Key=pending, Body=b"pending")
            for members, expected in (
                ({}, ["a/1", "b", "c", "d0", "d1"][: 4 + is_restarted]),
                ({"Delimiter": "/", "MaxKeys": 2}, ["b"]),
                ({"Prefix": "c"}, ["c"]),
            ):
                begun = time.monotonic()
                answer = client.list_objects_v2(Bucket=new_bucket, **members)
                assert time.monotonic() - begun < BOUND
                assert [row["Key"] for row in answer["Contents"]] == expected
                assert header(answer) == "1"
            begun = time.monotonic()
            answer = client.list_buckets()
            assert time.monotonic() - begun < BOUND
            assert new_bucket in [row["Name"] for row in answer["Buckets"]]


@pytest.mark.slow
@pytest.mark.finding("D7")
def test_a_refused_write_leaves_what_is_cached(
    gateway: Gateway, network: Network, remote: Any, new_bucket: str
) -> None:
    remote.put_object(Bucket=new_bucket, Key="k", Body=b"12345")
    agent = gateway.start()
    with closing(agent.s3()) as client:
        place = {"Bucket": new_bucket, "Key": "k"}
        client.get_object(**place)["Body"].read()
        network.go_away()
        tagging = {"TagSet": [{"Key": "a", "Value": "1"}]}
        assert code_of(client.put_object_tagging, **place, Tagging=tagging)
        assert client.get_object(**place)["Body"].read() == b"12345"


@pytest.mark.slow
@pytest.mark.finding("Q2")
def test_conditions_that_name_the_remote_s_version(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    remote.put_object(Bucket=new_bucket, Key="k", Body=b"old")
    agent = gateway.start(S3D_READ_CACHE_MAX_AGE="1h")
    with closing(agent.s3()) as client:
        place = {"Bucket": new_bucket, "Key": "k"}
        assert client.get_object(**place)["Body"].read() == b"old"
        new = remote.put_object(**place, Body=b"newer")["ETag"]
        assert code_of(client.get_object, **place, IfNoneMatch=new) == "304"
        assert client.get_object(**place, IfMatch=new)["Body"].read() == b"newer"
