"""One agent whose buckets are in every state that an error needs, and how it is asked."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from s3d.cli.client.access_key_client import AccessKeyClient
from s3d.shared.access_key import DEFAULT_OWNER, owner_named
from s3d.shared.access_key_changes import KeyRequest
from tests.agent_process import AgentProcess
from tests.e2e.errors.form_rows import signed_policies
from tests.e2e.errors.valid_requests import Request, content_md5

REGION = "us-east-1"
UNTIL = datetime(2090, 1, 1, tzinfo=UTC)
CUSTOMER_KEY = "k" * 32
OWNERSHIP = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
BLOCK = {"BlockPublicAcls": True, "BlockPublicPolicy": True}
_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_NAME = re.compile(r"\{(\w+)\}")


class Answer(NamedTuple):
    status: int
    code: str
    """"": there is no error document."""
    text: str


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """Signs the digest of the body that is in the headers, whether it is right or not."""

    def payload(self, request: AWSRequest) -> str:
        return self._given or str(super().payload(request))

    def add_auth(self, request: AWSRequest) -> None:
        self._given = request.headers.get("x-amz-content-sha256", "")
        super().add_auth(request)


class ErrorStore:
    """The buckets: plain, empty, versioned, locked (object lock), enforced (no ACLs), blocked
    (no public access), taken (another owner's); none of the name missing."""

    def __init__(self, agent: AgentProcess) -> None:
        self._host = urlsplit(agent.endpoint).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=30)
        alt = AccessKeyClient(agent.client).create(KeyRequest("alt", owner="alt"))
        self.keys: dict[str, tuple[str, str] | None] = {
            "main": agent.key,
            "alt": (alt.access_key_id, alt.secret_access_key),
            "unknown": ("AKIAIOSFODNN7EXAMPLE", "secret"),
            "wrong secret": (agent.key[0], "secret"),
            "anonymous": None,
        }
        self.names = {
            "host": self._host,
            "main": owner_named(DEFAULT_OWNER).canonical_id,
            "alt": owner_named("alt").canonical_id,
            "key": agent.key[0],
            "now": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
            "today": datetime.now(UTC).strftime("%Y%m%d"),
        }
        self.names |= dict(signed_policies(agent.key[1], self.names["now"]))
        self._fill(agent.s3())
        agent.s3(key=self.keys["alt"]).create_bucket(Bucket="taken")

    def _fill(self, s3: Any) -> None:
        for name in ("plain", "empty", "enforced", "blocked"):
            s3.create_bucket(Bucket=name)
        s3.put_bucket_ownership_controls(Bucket="enforced", OwnershipControls=OWNERSHIP)
        s3.put_public_access_block(Bucket="blocked", PublicAccessBlockConfiguration=BLOCK)
        for name in ("plain", "enforced", "blocked"):
            s3.put_object(Bucket=name, Key="k", Body=b"data")
        plain = {"Bucket": "plain", "Key": "k"}
        upload = s3.create_multipart_upload(**plain)["UploadId"]
        parts = [s3.upload_part(**plain, UploadId=upload, PartNumber=n, Body=b"x") for n in (1, 2)]
        secret = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": CUSTOMER_KEY}
        s3.put_object(Bucket="plain", Key="secret", Body=b"data", **secret)
        self.names |= {"upload": upload, "etag": parts[0]["ETag"]}
        self._fill_versions(s3)

    def _fill_versions(self, s3: Any) -> None:
        s3.create_bucket(Bucket="versioned")
        enabled = {"Status": "Enabled"}
        s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration=enabled)
        version = s3.put_object(Bucket="versioned", Key="k", Body=b"data")["VersionId"]
        s3.put_object(Bucket="versioned", Key="gone", Body=b"data")
        marker = s3.delete_object(Bucket="versioned", Key="gone")["VersionId"]
        s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        s3.put_object(Bucket="locked", Key="k", Body=b"data")
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": UNTIL}
        locked = s3.put_object(Bucket="locked", Key="kept", Body=b"data", **lock)["VersionId"]
        hold = {"ObjectLockLegalHoldStatus": "ON"}
        held = s3.put_object(Bucket="locked", Key="held", Body=b"data", **hold)["VersionId"]
        self.names |= {"version": version, "marker": marker, "locked": locked, "held": held}

    def close(self) -> None:
        self._connection.close()

    def send(self, request: Request, by: str = "main") -> Answer:
        """by: whose key signs; see keys. A header with an empty value is left out."""
        body = self._fill_in(request.body.decode("latin-1")).encode("latin-1")
        given = {"Content-MD5": content_md5(body)} if body else {}
        headers = {n: self._fill_in(v) for n, v in {**given, **request.headers}.items() if v}
        path = self._fill_in(request.path)
        sent = self._signed(request.method, path, body, headers, by)
        try:
            self._connection.request(request.method, path, body, sent)
            response = self._connection.getresponse()
            data = response.read()
        except BaseException:
            self._connection.close()
            raise
        code = _CODE.search(data)
        return Answer(response.status, code[1].decode() if code else "", data.decode())

    def _signed(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], by: str
    ) -> dict[str, str]:
        key = self.keys[by]
        if key is None or "Authorization" in headers or "X-Amz-Algorithm" in path:
            return dict(headers)
        request = AWSRequest(method, f"http://{self._host}{path}", dict(headers), body)
        _Signer(Credentials(*key), "s3", REGION).add_auth(request)
        return dict(request.headers)

    def _fill_in(self, text: str) -> str:
        return _NAME.sub(lambda found: self.names.get(found[1], found[0]), text)
