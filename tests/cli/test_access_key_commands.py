"""s3d key: keys with an owner, a scope and an end, with and without a running agent."""

import json
import os
import re
import stat

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def client(endpoint, key):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["access_key_id"],
        aws_secret_access_key=key["secret_access_key"],
        config=Config(retries={"max_attempts": 0}),
    )


def code_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def create(s3d, *arguments):
    result = s3d("key", "create", *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_a_new_key_works_at_once_and_a_revoked_one_no_longer(s3d, serving):
    key = create(s3d, "works")
    connected = client(serving.endpoint, key)
    connected.list_buckets()
    assert s3d("key", "revoke", "works").out == f"revoked {key['access_key_id']}\n"
    # The connection is still open; the next request on it is refused.
    assert code_of(connected.list_buckets) == (403, "InvalidAccessKeyId")
    assert s3d("key", "revoke", "works").code == 3


def test_the_json_of_a_new_key_has_what_programs_need(s3d):
    key = create(s3d, "full", "--owner", "alice", "--bucket", "s3://photos/2024/", "--read-only")
    assert set(key) == {"access_key_id", "secret_access_key", "owner_id", "key"}
    assert len(key["owner_id"]) == 64
    info = key["key"]
    assert (info["owner"], info["bucket"], info["prefix"]) == ("alice", "photos", "2024/")
    assert (info["read_only"], info["expires"], info["state"]) == (True, None, "active")
    assert info["arn"] == f"arn:aws:iam::{info['account_id']}:user/full"


def test_a_person_sees_the_secret_once(s3d):
    shown = s3d("key", "create", "person", "--expires", "30d").out
    secret = next(line for line in shown.splitlines() if line.startswith("secret")).split()[-1]
    assert len(secret) == 40
    listed = s3d("key", "ls")
    assert "person" in listed.out
    assert "until 20" in listed.out
    assert secret not in listed.out
    assert secret not in s3d("key", "ls", "--json").out
    assert secret not in s3d("logs").out


def test_a_rotated_key_works_during_its_grace(s3d, serving):
    old = create(s3d, "turn")
    new = json.loads(s3d("key", "rotate", "turn", "--json").out)
    for key in (old, new):
        client(serving.endpoint, key).list_buckets()
    assert "rotated, works until" in s3d("key", "ls").out
    last = json.loads(s3d("key", "rotate", "turn", "--grace", "0", "--json").out)
    assert code_of(client(serving.endpoint, new).list_buckets)[1] == "InvalidAccessKeyId"
    client(serving.endpoint, last).list_buckets()
    client(serving.endpoint, old).list_buckets()


def test_an_expired_key_is_listed_as_such(alone):
    create(alone, "short", "--expires", "1h")
    file = next(alone.home.rglob("credentials"))
    file.write_text(re.sub(r"expires = \S+", "expires = 1.5", file.read_text()))
    assert json.loads(alone("key", "ls", "--json").out)["keys"][1]["state"] == "expired"
    assert "s3d, everything, expired" in alone("key", "ls").out
    assert alone("key", "rotate", "short").code == 1
    assert alone("key", "rotate", "short", "--expires", "1h").code == 0


def test_env_of_a_key(s3d):
    key = create(s3d, "of-env")
    values = json.loads(s3d("env", "--key", "of-env", "--json").out)
    assert values["AWS_ACCESS_KEY_ID"] == key["access_key_id"]
    assert values["AWS_SECRET_ACCESS_KEY"] == key["secret_access_key"]
    assert s3d("env", "--key", "nobody").code == 3


def test_the_default_key_can_be_rotated_but_not_revoked(alone):
    before = json.loads(alone("env", "--json", S3D_ENDPOINT="http://127.0.0.1:4").out)
    assert alone("key", "revoke", "default").code == 1
    new = json.loads(alone("key", "rotate", "default", "--json").out)
    after = json.loads(alone("env", "--json", S3D_ENDPOINT="http://127.0.0.1:4").out)
    assert after["AWS_ACCESS_KEY_ID"] == new["access_key_id"] != before["AWS_ACCESS_KEY_ID"]


def test_keys_are_made_without_an_agent_too(alone):
    key = create(alone, "early", "--owner", "bob", "--expires", "8h")
    listed = json.loads(alone("key", "ls", "--json").out)["keys"]
    assert [row["name"] for row in listed] == ["default", "early"]
    assert listed[1]["owner_id"] == key["owner_id"]
    file = next(p for p in alone.home.rglob("credentials"))
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert alone("key", "revoke", key["access_key_id"]).code == 0
    assert "early" not in alone("key", "ls").out


def test_a_configured_key_is_not_changed_in_the_file(alone):
    env = {"S3D_ACCESS_KEY_ID": "mine", "S3D_SECRET_ACCESS_KEY": "0123456789abcdef"}
    for arguments in (("rotate", "default"), ("rotate", "mine"), ("revoke", "mine")):
        result = alone("key", *arguments, **env)
        assert (result.code, "S3D_ACCESS_KEY_ID" in result.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", "a/b"), 2),
        (("create", "../x"), 2),
        (("create", "x" * 65), 2),
        (("create", "default"), 1),
        (("create", "--owner", "a b"), 2),
        (("create", "--owner", ""), 2),
        (("create", "--bucket", "/prefix"), 2),
        (("create", "--bucket", "photos/../other"), 2),
        (("create", "--bucket", "photos/a/./b"), 2),
        (("create", "--bucket", "*"), 2),
        (("create", "--bucket", "photos/" + "x" * 1025), 2),
        (("create", "--expires", "soon"), 2),
        (("create", "--expires", "0"), 2),
        (("rotate", "nobody"), 3),
        (("rotate", "default", "--grace", "never"), 2),
        (("revoke", "nobody"), 3),
        (("revoke", "a/b?c#d"), 3),
    ],
)
def test_bad_usage_says_what_to_do(alone, s3d, arguments, code):
    for commands in (alone, s3d):
        result = commands("key", *arguments)
        assert result.code == code, result.err
        assert result.err.startswith("s3d: ")
