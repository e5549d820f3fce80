"""boto3 with its defaults: trailing checksums, presigned URLs of both versions, forms, ranges."""

from __future__ import annotations

import io
import urllib.request
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tests.agent_process import AgentProcess

DATA = bytes(range(256)) * 40_000


def test_a_put_is_checked_by_crc32_and_read_back_so(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(DATA), Metadata={"a": "b"})
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == DATA
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"]
    assert got["Metadata"] == {"a": "b"}
    assert "ContentEncoding" not in got


@pytest.mark.parametrize("algorithm", ["CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_other_checksums(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"data", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"data"
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]


def test_a_multipart_upload_and_its_ranges(s3: Any, bucket: str) -> None:
    config = TransferConfig(multipart_threshold=1, multipart_chunksize=5 * 1024**2)
    s3.upload_fileobj(io.BytesIO(DATA), bucket, "m", Config=config)
    head = s3.head_object(Bucket=bucket, Key="m")
    assert head["ContentLength"] == len(DATA)
    assert head["ETag"].endswith('-2"')
    got = s3.get_object(Bucket=bucket, Key="m", Range="bytes=5242870-5242889")
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["Body"].read() == DATA[5242870:5242890]


def test_errors_are_boto3s_own(s3: Any, bucket: str) -> None:
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="none")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="none")
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", IfNoneMatch="*")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_urls_of_both_versions(agent: AgentProcess, bucket: str, version: str) -> None:
    client = agent.s3(signature_version=version)
    names = {"Bucket": bucket, "Key": "a b+ü"}
    url = client.generate_presigned_url("put_object", names)
    assert ("X-Amz-Signature" in url) is (version == "s3v4")
    parts = urlsplit(url)
    assert plain(agent, "PUT", f"{parts.path}?{parts.query}", b"presigned") == (200, b"")
    with urllib.request.urlopen(client.generate_presigned_url("get_object", names)) as answer:
        assert answer.read() == b"presigned"
    assert plain(agent, "GET", parts.path, b"")[0] == 403


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_form_by_generate_presigned_post(agent: AgentProcess, bucket: str, version: str) -> None:
    post = agent.s3(signature_version=version).generate_presigned_post(bucket, "form/${filename}")
    boundary = "e2e"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'
        for n, v in post["fields"].items()
    ]
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\n'
    body = ("".join(parts) + file).encode() + DATA + f"\r\n--{boundary}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert plain(agent, "POST", urlsplit(post["url"]).path, body, kind) == (204, b"")
    assert agent.s3().get_object(Bucket=bucket, Key="form/f.bin")["Body"].read() == DATA


def test_virtual_host_style(agent: AgentProcess, s3: Any, bucket: str) -> None:
    """The bucket in the Host header; the connection goes to loopback whatever the name resolves."""
    port = urlsplit(agent.endpoint).port
    s3.put_object(Bucket=bucket, Key="dir/k", Body=b"virtual")
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "dir/k"})
    host = {"Host": f"{bucket}.s3.localhost:{port}"}
    answer = plain(agent, "GET", f"/dir/k?{urlsplit(url).query}", b"", host)
    assert answer == (200, b"virtual")


def test_a_session_over_one_connection(agent: AgentProcess, s3: Any, bucket: str) -> None:
    """Refusals leave a connection usable, as clients with a pool expect."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = urlsplit(s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}))
    with closing(HTTPConnection(url.netloc, timeout=10)) as connection:
        for path, status in [(f"{url.path}?{url.query}", 200), (url.path, 403)] * 3:
            connection.request("GET", path)
            own = connection.sock
            with connection.getresponse() as answer:
                answer.read()
                assert (answer.status, connection.sock) == (status, own)


def plain(
    agent: AgentProcess, method: str, path: str, body: bytes, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of a request that boto3 does not make."""
    with closing(HTTPConnection(urlsplit(agent.endpoint).netloc, timeout=30)) as connection:
        connection.request(method, path, body, headers or {})
        with connection.getresponse() as answer:
            return answer.status, answer.read()
