from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from s3d.testing import S3dServer


@pytest.fixture(scope="module")
def shared() -> Iterator[S3dServer]:
    with S3dServer() as server:
        yield server


@pytest.fixture
def server(shared: S3dServer) -> S3dServer:
    shared.reset()
    return shared


async def test_both_clients_reach_it(server: S3dServer) -> None:
    bucket = server.create_bucket()
    server.client().put_object(Bucket=bucket, Key="k", Body=b"data")
    async with server.async_client() as s3:
        answer = await s3.get_object(Bucket=bucket, Key="k")
        assert await answer["Body"].read() == b"data"


def test_its_environment_is_all_that_an_sdk_needs(server: S3dServer) -> None:
    bucket = server.create_bucket("from-the-environment")
    code = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'])"
    env = {"PATH": os.environ["PATH"]} | server.environment()
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout.strip() == bucket, done.stderr


def test_a_reset_leaves_nothing_and_takes_under_10_ms(server: S3dServer) -> None:
    s3 = server.client()
    spent = []
    for _ in range(5):
        bucket = server.create_bucket()
        s3.put_object(Bucket=bucket, Key="k", Body=b"data")
        server.add_fault("GetObject", error="SlowDown")
        begun = time.perf_counter()
        server.reset()
        spent.append(time.perf_counter() - begun)
        assert s3.list_buckets()["Buckets"] == []
    assert min(spent) < 0.01


def test_a_snapshot_comes_back(server: S3dServer) -> None:
    bucket = server.create_bucket()
    s3 = server.client()
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    server.save_snapshot("ready")
    s3.put_object(Bucket=bucket, Key="k", Body=b"after")
    server.restore_snapshot("ready")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"before"


def test_its_clock_is_moved(server: S3dServer) -> None:
    bucket = server.create_bucket()
    s3 = server.client()
    server.set_time(datetime(2031, 5, 1, 12, tzinfo=UTC))
    server.advance_time(3600)
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert modified.replace(second=0) == datetime(2031, 5, 1, 13, tzinfo=UTC)


def test_a_fault_hits_and_is_recorded(server: S3dServer) -> None:
    bucket = server.create_bucket()
    s3 = server.client()
    number = server.add_fault("GetObject", error="AccessDenied", times=1)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=bucket, Key="k")
    (refused,) = server.requests(operation="GetObject")
    assert (refused.key, refused.status, refused.error) == ("k", 403, "AccessDenied")
    server.remove_fault(number)
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")


def test_a_restart_is_empty() -> None:
    server = S3dServer(region="eu-central-1")
    with pytest.raises(RuntimeError, match="not started"):
        server.reset()
    with server:
        s3 = server.client()
        where = {"LocationConstraint": server.region}
        s3.create_bucket(Bucket="of-the-first", CreateBucketConfiguration=where)
        assert s3.get_bucket_location(Bucket="of-the-first")["LocationConstraint"] == "eu-central-1"
    with server:
        assert server.start() is server
        assert server.client().list_buckets()["Buckets"] == []
