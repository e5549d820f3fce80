"""As a gateway: local keys keep to their scope, also where the queue or the cache would answer."""

from __future__ import annotations

import time
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from s3d.agent.s3.signature_elements import Signer
from s3d.agent.s3.signing import presign
from s3d.cli.client.access_key_client import AccessKeyClient
from s3d.shared.access_key_changes import KeyRequest, NewKey
from tests.agent_process import AgentProcess
from tests.gateway.conftest import Gateway


def client_of(agent: AgentProcess, key: NewKey, closing: ExitStack) -> Any:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=agent.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(retries={"max_attempts": 0}),
    )
    closing.callback(client.close)
    return client


def code_of(call: Any, **given: Any) -> str:
    try:
        call(**given)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.fixture
def closing():
    with ExitStack() as stack:
        yield stack


@pytest.mark.rule("KEY-1")
def test_a_presigned_url_does_not_make_the_remote_copy_what_the_key_may_not_read(
    gateway: Gateway, remote: Any, bucket_name: str, closing: ExitStack
) -> None:
    """The word of the query becomes a header of the request to the remote."""
    agent = gateway.start(S3D_WRITE_QUEUE="false")
    keys = AccessKeyClient(agent.client)
    key = keys.create(KeyRequest("t", bucket=bucket_name, prefix="team/"))
    team = client_of(agent, key, closing)
    remote.create_bucket(Bucket=bucket_name)
    remote.put_object(Bucket=bucket_name, Key="secret", Body=b"secret")
    url = urlsplit(agent.endpoint)
    signer = Signer(key.access_key_id, key.secret_access_key)
    source = f"x-amz-copy-source=%2F{bucket_name}%2Fsecret"
    target = f"{agent.endpoint}/{bucket_name}/team/stolen?{source}"
    signed = presign("PUT", target, signer, 60, time.time())
    connection = HTTPConnection(url.netloc)
    closing.callback(connection.close)
    connection.request("PUT", signed.partition(url.netloc)[2])
    assert connection.getresponse().status == 403
    assert code_of(team.get_object, Bucket=bucket_name, Key="team/stolen") == "NoSuchKey"


@pytest.mark.rule("KEY-1")
def test_pending_and_cached_answers_obey_the_scope_of_the_key(
    gateway: Gateway, remote: Any, bucket_name: str, closing: ExitStack
) -> None:
    agent = gateway.start(S3D_READ_CACHE_MAX_AGE="1h")
    keys = AccessKeyClient(agent.client)
    team = client_of(
        agent, keys.create(KeyRequest("t", bucket=bucket_name, prefix="team/")), closing
    )
    reader = client_of(agent, keys.create(KeyRequest("r", read_only=True)), closing)
    everything = client_of(agent, keys.create(KeyRequest("all")), closing)
    everything.create_bucket(Bucket=bucket_name)
    where = {"Bucket": bucket_name}
    gateway.drain()
    for key in "secret", "team/cached":
        remote.put_object(**where, Key=key, Body=b"at the remote")
        assert reader.get_object(**where, Key=key)["Body"].read() == b"at the remote"  # cached now
    gateway.queue.pause()
    everything.put_object(**where, Key="pending", Body=b"only here")

    for key in "secret", "pending", "team/../secret":
        assert code_of(team.get_object, **where, Key=key) == "AccessDenied"
        assert code_of(team.put_object, **where, Key=key, Body=b"") == "AccessDenied"
        assert code_of(team.delete_object, **where, Key=key) == "AccessDenied"
        source = {"Bucket": bucket_name, "Key": key}
        assert code_of(team.copy_object, **where, Key="team/c", CopySource=source) == "AccessDenied"
    assert team.get_object(**where, Key="team/cached")["Body"].read() == b"at the remote"
    team.put_object(**where, Key="team/mine", Body=b"mine")
    assert code_of(team.list_objects_v2, **where) == "AccessDenied"
    listed = team.list_objects_v2(**where, Prefix="team/")["Contents"]
    assert [row["Key"] for row in listed] == ["team/cached", "team/mine"]
    assert code_of(team.list_buckets) == "AccessDenied"

    assert reader.get_object(**where, Key="pending")["Body"].read() == b"only here"
    assert code_of(reader.put_object, **where, Key="x", Body=b"") == "AccessDenied"
    deleted = team.delete_objects(
        **where, Delete={"Objects": [{"Key": "team/mine"}, {"Key": "secret"}, {"Key": "pending"}]}
    )
    assert [row["Key"] for row in deleted["Deleted"]] == ["team/mine"]
    assert [row["Code"] for row in deleted["Errors"]] == ["AccessDenied"] * 2
    assert remote.get_object(**where, Key="secret")["Body"].read() == b"at the remote"
