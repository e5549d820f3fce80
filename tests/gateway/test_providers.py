"""Before remotes that do not do all that S3 does: the real agent, and a proxy that refuses."""

from __future__ import annotations

import math
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.drained import drained
from tests.gateway.conftest import Gateway
from tests.gateway.devices import objects
from tests.gateway.network import Network
from tests.peers.proxy import Fault, Head

pytestmark = pytest.mark.slow


def has(prefix: str) -> Any:
    def matches(head: Head) -> bool:
        return any(name.lower().startswith(prefix) for name, _ in head.headers)

    return matches


def refuse(network: Network, prefix: str) -> None:
    fault = Fault(
        status=400,
        code="InvalidArgument",
        message=f"Unsupported header '{prefix}' received for this API call.",
    )
    network.do(lambda proxy: proxy.inject(fault, times=math.inf, when=has(prefix)))


@pytest.mark.rule("REMOTE-1")
@pytest.mark.finding("F4")
@pytest.mark.finding("F4b")
def test_a_remote_that_takes_no_checksums_gets_every_write(
    gateway: Gateway, network: Network, remote: Any, new_bucket: str
) -> None:
    for prefix in ("x-amz-checksum-", "x-amz-sdk-checksum-algorithm", "x-amz-trailer"):
        refuse(network, prefix)
    agent = gateway.start()
    parts = [bytes([n]) * (5 << 20) for n in (1, 2)]
    with closing(agent.s3()) as client:
        client.put_object(
            Bucket=new_bucket, Key="one", Body=b"1" * 10_000, ChecksumAlgorithm="CRC32"
        )
        client.put_object(Bucket=new_bucket, Key="two", Body=b"2", ChecksumAlgorithm="SHA256")
        upload = client.create_multipart_upload(Bucket=new_bucket, Key="large")["UploadId"]
        place = {"Bucket": new_bucket, "Key": "large", "UploadId": upload}
        done = []
        for number, data in enumerate(parts, 1):
            sent = client.upload_part(**place, PartNumber=number, Body=data)
            done.append({"PartNumber": number, "ETag": sent["ETag"]})
        client.complete_multipart_upload(**place, MultipartUpload={"Parts": done})
        client.delete_objects(Bucket=new_bucket, Delete={"Objects": [{"Key": "none"}]})
        gateway.drain()
        assert remote.get_object(Bucket=new_bucket, Key="one")["Body"].read() == b"1" * 10_000
        assert remote.get_object(Bucket=new_bucket, Key="two")["Body"].read() == b"2"
        assert remote.get_object(Bucket=new_bucket, Key="large")["Body"].read() == b"".join(parts)
        remote.put_object(Bucket=new_bucket, Key="theirs", Body=b"theirs")
        read = client.get_object(Bucket=new_bucket, Key="theirs", ChecksumMode="ENABLED")
        assert read["Body"].read() == b"theirs"
    limitations = agent.client.status().remote.limitations
    assert limitations == ["checksum_mode", "checksums"]


@pytest.mark.rule("REMOTE-3")
@pytest.mark.finding("S8")
def test_a_folder_beside_a_file_of_almost_its_name_is_synced(
    make_device: Any, remote: Any, sync_bucket: str
) -> None:
    """SeaweedFS lists `src/a` before `src.tar.gz`."""
    for key in ("src/a", "src.tar.gz", "src-old/b"):
        remote.put_object(Bucket=sync_bucket, Key=key, Body=key.encode())
    device = make_device("a").start()
    device.now()
    assert device.tree() == objects(remote, sync_bucket)
    assert len(device.tree()) == 3
    remote.delete_object(Bucket=sync_bucket, Key="src.tar.gz")
    device.now()
    assert set(device.tree()) == {"src/a", "src-old/b"}


@pytest.mark.rule("REMOTE-3")
@pytest.mark.finding("S8")
def test_pages_are_merged_with_pending_writes_where_the_order_is_another(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    keys = ["src/a", "src/b", "src.tar.gz", "src-old/b", "z"]
    for key in keys:
        remote.put_object(Bucket=new_bucket, Key=key, Body=b"1")
    agent = gateway.start()
    gateway.queue.pause()
    with closing(agent.s3()) as client:
        client.put_object(Bucket=new_bucket, Key="src/new", Body=b"2")
        client.delete_object(Bucket=new_bucket, Key="z")
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=new_bucket, PaginationConfig={"PageSize": 2}
        )
        found = [row["Key"] for page in pages for row in page.get("Contents", ())]
    assert found == sorted([*keys[:-1], "src/new"])
    assert "listing_order" in agent.client.status().remote.limitations


@pytest.mark.rule("REMOTE-4")
@pytest.mark.finding("D28")
@pytest.mark.parametrize("queue", ["true", "false"])
def test_two_keys_that_the_remote_takes_for_one_are_not_both_accepted(
    gateway: Gateway, remote: Any, new_bucket: str, queue: str
) -> None:
    agent = gateway.start(S3D_WRITE_QUEUE=queue)
    with closing(agent.s3()) as client:
        client.put_object(Bucket=new_bucket, Key="x/y", Body=b"one")
        with pytest.raises(ClientError, match="x//y is stored as x/y"):
            client.put_object(Bucket=new_bucket, Key="x//y", Body=b"two")
        if queue == "true":
            gateway.drain()
        assert client.get_object(Bucket=new_bucket, Key="x/y")["Body"].read() == b"one"
        assert remote.get_object(Bucket=new_bucket, Key="x/y")["Body"].read() == b"one"
    assert "empty_segments" in agent.client.status().remote.limitations


@pytest.mark.rule("REMOTE-4")
@pytest.mark.finding("D28")
def test_without_a_probe_such_a_key_is_refused_with_the_reason(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    agent = gateway.start(S3D_PROBE="off")
    with closing(agent.s3()) as client, pytest.raises(ClientError, match="S3D_PROBE"):
        client.put_object(Bucket=new_bucket, Key="x//y", Body=b"two")
    assert remote.list_objects_v2(Bucket=new_bucket).get("KeyCount") == 0


@pytest.mark.rule("REMOTE-4")
@pytest.mark.finding("D28")
def test_such_a_key_that_was_accepted_while_the_remote_was_away_is_parked(
    gateway: Gateway, network: Network, remote: Any, new_bucket: str
) -> None:
    remote.put_object(Bucket=new_bucket, Key="x/y", Body=b"one")
    agent = gateway.start()
    network.go_away()
    with closing(agent.s3()) as client:
        client.put_object(Bucket=new_bucket, Key="x//y", Body=b"two")
        network.come_back()
        status = drained(gateway.queue)
        assert status.failed.files == 1
        (transfer,) = gateway.queue.transfers()
        assert transfer.error is not None
        assert "InvalidURI" in str(transfer.error)
        assert client.get_object(Bucket=new_bucket, Key="x//y")["Body"].read() == b"two"
    assert remote.get_object(Bucket=new_bucket, Key="x/y")["Body"].read() == b"one"


@pytest.mark.rule("REMOTE-7")
def test_the_object_of_a_folder_that_the_remote_has_without_it_is_no_conflict(
    gateway: Gateway, remote: Any, new_bucket: str
) -> None:
    """SeaweedFS answers for the folder where no object has its name."""
    place = {"Bucket": new_bucket, "Key": "folder/"}
    agent = gateway.start()
    with closing(agent.s3()) as client:
        client.put_object(**place, Body=b"")
        client.put_object(Bucket=new_bucket, Key="folder/k", Body=b"1")
        gateway.drain()
        remote.delete_object(**place)
        client.delete_object(**place)
        gateway.drain()
        client.put_object(**place, Body=b"")
        gateway.drain()
    gateway.check_no_conflicts()
    listed = remote.list_objects_v2(Bucket=new_bucket)["Contents"]
    assert [row["Key"] for row in listed] == ["folder/", "folder/k"]
