"""The client of the newest botocore, in a process of its own, against the operations it adds."""

from __future__ import annotations

import os
import subprocess
import sys
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from s3d.agent.s3 import model
from tests.agent.s3.test_newest_model import FOLDER, download
from tests.agent_process import AgentProcess

PROGRAM = """
import base64, hashlib, sys
import botocore.session, xxhash
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, key, secret, bucket = sys.argv[1:]
s3 = botocore.session.get_session().create_client(
    "s3", region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id=key,
    aws_secret_access_key=secret, config=Config(retries={"max_attempts": 0}),
)
at = {"Bucket": bucket, "Key": "k"}
s3.put_object(Body=b"data", **at)

done = s3.put_object_annotation(AnnotationName="n", AnnotationPayload=b"text", **at)
assert (done["Key"], done["AnnotationName"]) == ("k", "n"), done
got = s3.get_object_annotation(AnnotationName="n", ChecksumMode="ENABLED", **at)
assert got["AnnotationPayload"].read() == b"text", got
listed = s3.list_object_annotations(**at)
assert [one["AnnotationName"] for one in listed["Annotations"]] == ["n"], listed
s3.delete_object_annotation(AnnotationName="n", **at)
try:
    s3.get_object_annotation(AnnotationName="n", **at)
    raise AssertionError("it is still there")
except s3.exceptions.NoSuchAnnotation:
    pass

assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Disabled"}
s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Enabled"}

for algorithm in ("SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"):
    member = f"Checksum{algorithm}"
    size = {"SHA512": 64, "MD5": 16, "XXHASH64": 8, "XXHASH3": 8, "XXHASH128": 16}[algorithm]

    try:
        s3.put_object(Body=b"data", **at, **{member: base64.b64encode(bytes(size)).decode()})
        raise AssertionError(f"a wrong {algorithm} was taken")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "BadDigest", error

digests = {
    "SHA512": hashlib.sha512, "MD5": hashlib.md5, "XXHASH64": xxhash.xxh64,
    "XXHASH3": xxhash.xxh3_64, "XXHASH128": xxhash.xxh3_128,
}
for algorithm, digest in digests.items():
    member = f"Checksum{algorithm}"
    value = base64.b64encode(digest(b"data").digest()).decode()
    s3.put_object(Body=b"data", **at, **{member: value})
    head = s3.head_object(ChecksumMode="ENABLED", **at)
    assert (head[member], head["ChecksumType"]) == (value, "FULL_OBJECT"), head

for refused, members in (
    ("update_bucket_metadata_annotation_table_configuration", {"Bucket": bucket,
        "AnnotationTableConfiguration": {"ConfigurationState": "DISABLED"}}),
    ("put_object", {**at, "Body": b"", "ObjectLockEventHold": "ON"}),
):
    try:
        getattr(s3, refused)(**members)
        raise AssertionError(f"{refused} was carried out")
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 501, error
"""


@pytest.mark.finding("F13", "F14")
def test_the_client_of_the_newest_botocore(agent: AgentProcess, bucket: str) -> None:
    version = model.additions().botocore
    download(f"botocore=={version}", FOLDER / version)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, agent.endpoint, *agent.key, bucket],
        env=os.environ | {"PYTHONPATH": str(FOLDER / version)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def ask(agent: AgentProcess, method: str, path: str, **headers: str) -> tuple[int, bytes]:
    """A signed request as it is written here."""
    request = AWSRequest(method, f"{agent.endpoint}{path}", headers=headers, data=b"")
    S3SigV4Auth(Credentials(*agent.key), "s3", "us-east-1").add_auth(request)
    connection = HTTPConnection(urlsplit(agent.endpoint).netloc, timeout=10)
    try:
        connection.request(method, path, b"", dict(request.headers.items()))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.finding("F13")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("key", ["", "/k"])
def test_an_unknown_sub_resource_is_refused(
    agent: AgentProcess, s3: Any, bucket: str, method: str, key: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    assert ask(agent, method, f"/{bucket}{key}?frobnicate=")[0] == 501
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


@pytest.mark.finding("F14")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_an_unknown_header_is_refused(
    agent: AgentProcess, s3: Any, bucket: str, method: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    unknown = {"x-amz-checksum-md6": "AAAA"}
    assert ask(agent, method, f"/{bucket}/k", **unknown)[0] == 501
    assert ask(agent, method, f"/{bucket}/k?X-Amz-Frobnicate=1")[0] == 501
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_words_and_headers_that_promise_nothing_are_ignored(
    agent: AgentProcess, s3: Any, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    harmless = {"x-amz-user-agent": "aws-sdk-js/3", "x-amz-te": "append-md5"}
    status, body = ask(agent, "GET", f"/{bucket}/k?Version=2006-03-01", **harmless)
    assert (status, body) == (200, b"data")
