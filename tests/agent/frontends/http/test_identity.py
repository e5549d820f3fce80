"""Who calls is known, and may do it, before a byte of the body is invited; with several keys."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.principal import ANONYMOUS
from s3d.agent.s3.signature_elements import Signer
from s3d.agent.s3.signing import presign, sign
from s3d.agent.stores.access.key_scope_layer import KeyScopeLayer
from s3d.agent.stores.local.store import LocalStore
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret
from tests.agent.frontends.http.principals import (
    DEFAULT,
    READER,
    TEAM,
    MovableClock,
    Principals,
)
from tests.agent.frontends.http.test_post import form, post
from tests.agent.frontends.http.wire import Answer, RunningEndpoint, opened, plain_head


def signed(
    principals: Principals, who: AccessKey, method: str, path: str, body: bytes, **headers: str
) -> bytes:
    """The head of a request that a key has signed."""
    given = {"host": principals.endpoint.host, "content-length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    raw_path, _, raw_query = path.partition("?")
    wire = WireRequest(method, raw_path, raw_query, tuple(given.items()))
    signer = Signer(who.access_key_id, who.secret.reveal())
    given |= sign(wire, hashlib.sha256(body).hexdigest(), signer, time.time())
    return plain_head(method, path, given)


async def ask(
    principals: Principals,
    who: AccessKey,
    method: str,
    path: str,
    body: bytes = b"",
    **headers: str,
) -> Answer:
    async with principals.endpoint.wire() as wire:
        head = signed(principals, who, method, path, body, **headers)
        return await wire.ask(head + body, method)


# ---------------------------------------------------------------- before the body


@pytest.mark.parametrize(
    ("who", "method", "path", "headers"),
    [
        (TEAM, "PUT", "/bucket/secret", {}),
        (READER, "PUT", "/bucket/secret", {}),
        (TEAM, "PUT", "/bucket/secret?partNumber=1&uploadId=u", {}),
        (TEAM, "PUT", "/bucket/secret?tagging", {}),
        (TEAM, "PUT", "/bucket?policy", {}),
        (TEAM, "POST", "/bucket/secret?uploadId=u", {}),
        (READER, "POST", "/bucket/team/a?uploadId=u", {}),
        (TEAM, "PUT", "/new-bucket", {}),
        (TEAM, "PUT", "/bucket/team/c", {"x_amz_copy_source": "/bucket/secret"}),
        (TEAM, "PUT", "/bucket/team/c", {"x_amz_copy_source": "bucket/team/%2e%2e/secret"}),
    ],
)
@pytest.mark.rule("KEY-4")
async def test_a_refused_body_is_not_invited(
    principals: Principals, who: AccessKey, method: str, path: str, headers: dict[str, str]
) -> None:
    body = b"" if "x_amz_copy_source" in headers else b"<not><xml>"
    head = signed(principals, who, method, path, body, expect="100-continue", **headers)
    async with principals.endpoint.wire() as wire:
        answer = await wire.ask(head)  # without the body
    assert (answer.status, answer.code, answer.informed) == (403, "AccessDenied", [])


async def test_a_permitted_body_is_invited(principals: Principals) -> None:
    body = b"<Tagging><TagSet/></Tagging>"
    head = signed(principals, TEAM, "PUT", "/bucket/team/a?tagging", body, expect="100-continue")
    async with principals.endpoint.wire() as wire:
        wire.send(head)
        assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await wire.ask(body)).status == 200


async def test_access_is_decided_before_a_document_is_read(principals: Principals) -> None:
    for who, code in ((TEAM, "AccessDenied"), (DEFAULT, "MalformedXML")):
        answer = await ask(principals, who, "PUT", "/bucket/secret?tagging", b"<garbage")
        assert answer.code == code


async def test_each_key_of_delete_objects_is_decided(principals: Principals) -> None:
    body = b"".join(
        b"<Object><Key>%s</Key></Object>" % key for key in (b"secret", b"team/a", b"team/../b")
    )
    body = b"<Delete>" + body + b"</Delete>"
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    answer = await ask(principals, TEAM, "POST", "/bucket?delete", body, content_md5=md5)
    assert answer.status == 200
    assert answer.body.count(b"<Code>AccessDenied</Code>") == 2
    assert b"<Deleted><Key>team/a</Key></Deleted>" in answer.body
    assert (await principals.endpoint.ask("GET", "/bucket/secret")).body == b"s"


# ---------------------------------------------------------------- presigned URLs and forms


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        (TEAM, "GET", "/bucket/team/a", 200),
        (TEAM, "GET", "/bucket/secret", 403),
        (TEAM, "GET", "/bucket?list-type=2&prefix=team%2F", 200),
        (TEAM, "GET", "/bucket?list-type=2", 403),
        (TEAM, "GET", "/bucket?list-type=2&prefix=team%2F..%2F", 403),
        (TEAM, "DELETE", "/bucket/secret", 403),
        (READER, "GET", "/bucket/secret", 200),
        (READER, "DELETE", "/bucket/secret", 403),
    ],
)
async def test_a_presigned_url_has_the_scope_of_its_key(
    principals: Principals, who: AccessKey, method: str, path: str, status: int
) -> None:
    signer = Signer(who.access_key_id, who.secret.reveal())
    url = presign(method, f"http://{principals.endpoint.host}{path}", signer, 60, time.time())
    target = url.partition(principals.endpoint.host)[2]
    async with principals.endpoint.wire() as wire:
        head = plain_head(method, target, {"host": principals.endpoint.host})
        assert (await wire.ask(head, method)).status == status


@pytest.mark.parametrize("word", ["x-amz-copy-source", "X-Amz-Copy-Source", "x-amz-rename-source"])
@pytest.mark.parametrize(("who", "status"), [(TEAM, 403), (DEFAULT, 501)])
async def test_a_source_in_the_query_of_a_presigned_url(
    principals: Principals, who: AccessKey, status: int, word: str
) -> None:
    """S3 would replace the object by an empty one. A gateway makes a header of the word, so that
    its remote would copy what the key may not read."""
    signer = Signer(who.access_key_id, who.secret.reveal())
    path = f"/bucket/team/a?{word}=%2Fbucket%2Fsecret"
    url = presign("PUT", f"http://{principals.endpoint.host}{path}", signer, 60, time.time())
    target = url.partition(principals.endpoint.host)[2]
    headers = {"host": principals.endpoint.host, "content-length": "0"}
    async with principals.endpoint.wire() as wire:
        assert (await wire.ask(plain_head("PUT", target, headers))).status == status
    assert (await ask(principals, who, "PUT", path)).status == status
    assert (await principals.endpoint.ask("GET", "/bucket/team/a")).body == b"a"


@pytest.mark.parametrize(
    "word",
    ["x-amz-meta-a=1%0D%0Ax-amz-meta-b:2", "x-amz-meta-a%0D%0Ab=1", "X-Amz-Meta-a=%00",
     "x-amz-website-redirect-location=%2F%0Aa", "x-amz-meta-a%20=1"],
)  # fmt: skip
async def test_a_header_in_the_query_that_no_header_could_be(
    principals: Principals, word: str
) -> None:
    """It would begin another header in each response that shows it, and in what a gateway sends."""
    signer = Signer(TEAM.access_key_id, TEAM.secret.reveal())
    url = f"http://{principals.endpoint.host}/bucket/team/b?{word}"
    target = presign("PUT", url, signer, 60, time.time()).partition(principals.endpoint.host)[2]
    headers = {"host": principals.endpoint.host, "content-length": "0"}
    async with principals.endpoint.wire() as wire:
        answer = await wire.ask(plain_head("PUT", target, headers))
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert (await principals.endpoint.ask("GET", "/bucket/team/b")).status == 404


async def test_a_form_has_the_scope_of_its_key(principals: Principals) -> None:
    for who, key, status in [
        (TEAM, "team/form", 204),
        (TEAM, "form", 403),
        (TEAM, "team/../form", 403),
        (READER, "team/form", 403),
    ]:
        client = principals.client("s3", who)
        fields = client.generate_presigned_post("bucket", key)["fields"]
        assert (await post(principals.endpoint, form(fields, b"data"))).status == status, key


async def test_the_name_of_a_file_does_not_lead_out_of_the_scope(principals: Principals) -> None:
    fields = principals.client("s3", TEAM).generate_presigned_post("bucket", "team/${filename}")[
        "fields"
    ]
    answer = await post(principals.endpoint, form(fields, b"data", filename="../../secret"))
    assert answer.status == 204
    assert (await principals.endpoint.ask("GET", "/bucket/team/secret")).body == b"data"
    assert (await principals.endpoint.ask("GET", "/bucket/secret")).body == b"s"
    answer = await post(principals.endpoint, form(fields, b"data", filename=".."))
    assert answer.status == 403


# ---------------------------------------------------------------- unsigned requests


@pytest.mark.parametrize("path", ["/", "/bucket", "/bucket/team/a", "/nothing", "/nothing/k"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_unsigned_request_is_refused_by_a_gateway(
    principals: Principals, method: str, path: str
) -> None:
    head = plain_head(method, path, {"host": principals.endpoint.host, "content-length": "0"})
    async with principals.endpoint.wire() as wire:
        answer = await wire.ask(head)
    assert (answer.status, answer.code) == (403, "AccessDenied")


async def test_an_unsigned_form_is_refused_by_a_gateway(principals: Principals) -> None:
    answer = await post(principals.endpoint, form({"key": "k"}, b"data"))
    assert (answer.status, answer.code) == (403, "AccessDenied")


@pytest.mark.parametrize("path", ["/new-bucket", "/bucket/k"])
@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 403, "AccessDenied"),
        ("", 403, "AccessDenied"),
        ("AWS4-HMAC-SHA256", 400, "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=", 400,
         "AuthorizationHeaderMalformed"),
        ("AWS HAHAHA", 400, "InvalidRequest"),
        ("Basic dXNlcjpwYXNz", 400, "InvalidArgument"),
    ],
)  # fmt: skip
async def test_bad_authorization_headers(
    principals: Principals, path: str, authorization: str | None, status: int, code: str
) -> None:
    """Phrases of the raw headers: what arrives without a usable proof stores nothing."""
    headers = {"host": principals.endpoint.host, "content-length": "0"}
    if authorization is not None:
        headers["authorization"] = authorization
    async with principals.endpoint.wire() as wire:
        answer = await wire.ask(plain_head("PUT", path, headers))
    assert (answer.status, answer.code) == (status, code)
    assert (await principals.endpoint.ask("HEAD", path)).status == 404


@pytest.mark.parametrize("md5", ["", " ", "AAAA", "rL0Y20zC+Fzt72VPzMSk2A", "\xff"])
async def test_a_bad_content_md5_is_an_invalid_digest(principals: Principals, md5: str) -> None:
    answer = await ask(principals, DEFAULT, "PUT", "/bucket/k", b"data", content_md5=md5)
    assert (answer.status, answer.code) == (400, "InvalidDigest")
    assert (await principals.endpoint.ask("HEAD", "/bucket/k")).status == 404


@pytest.mark.parametrize(
    ("expires", "status", "code"),
    [
        ("604801", 400, "AuthorizationQueryParametersError"),
        ("-7", 400, "AuthorizationQueryParametersError"),
        ("-1000", 400, "AuthorizationQueryParametersError"),
        ("soon", 400, "AuthorizationQueryParametersError"),
    ],
)
async def test_the_time_of_a_presigned_url_has_a_range(
    principals: Principals, expires: str, status: int, code: str
) -> None:
    """AWS answers 400; suites of other servers ask for 403."""
    signer = Signer(DEFAULT.access_key_id, DEFAULT.secret.reveal())
    for method in ("GET", "PUT"):
        url = presign(
            method, f"http://{principals.endpoint.host}/bucket/secret", signer, 60, time.time()
        )
        target = url.partition(principals.endpoint.host)[2].replace(
            "Expires=60", f"Expires={expires}"
        )
        head = plain_head(method, target, {"host": principals.endpoint.host, "content-length": "0"})
        async with principals.endpoint.wire() as wire:
            answer = await wire.ask(head)
        assert (answer.status, answer.code) == (status, code)


async def test_a_presigned_url_that_has_expired(
    principals: Principals, clock: MovableClock
) -> None:
    signer = Signer(DEFAULT.access_key_id, DEFAULT.secret.reveal())
    clock.ahead = 60.0
    url = presign("PUT", f"http://{principals.endpoint.host}/bucket/k", signer, 30, time.time())
    head = plain_head(
        "PUT",
        url.partition(principals.endpoint.host)[2],
        {"host": principals.endpoint.host, "content-length": "0"},
    )
    async with principals.endpoint.wire() as wire:
        answer = await wire.ask(head)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert b"Request has expired" in answer.body


# ---------------------------------------------------------------- keys that end


@pytest.mark.rule("KEY-2")
async def test_a_key_that_expires_in_mid_connection(
    principals: Principals, clock: MovableClock
) -> None:
    short = AccessKey("S3DSHORT", Secret("s"), "short", expires=time.time() + 600.0)
    principals.keys.replace([DEFAULT, short])
    async with principals.endpoint.wire() as wire:
        request = signed(principals, short, "GET", "/bucket/secret", b"")
        assert (await wire.ask(request)).body == b"s"
        clock.ahead = 601.0
        for _ in range(2):
            answer = await wire.ask(request)
            assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")
            assert b"expired" in answer.body
        clock.ahead = 0.0
        assert (await wire.ask(request)).body == b"s"


async def test_a_wrong_signature_does_not_learn_that_the_key_has_expired(
    principals: Principals,
) -> None:
    short = AccessKey("S3DSHORT", Secret("s"), "short", expires=1.0)
    principals.keys.replace([DEFAULT, short])
    wrong = AccessKey("S3DSHORT", Secret("wrong"))
    answer = await ask(principals, wrong, "GET", "/bucket/secret")
    assert answer.code == "SignatureDoesNotMatch"


@pytest.mark.rule("KEY-2")
async def test_a_key_that_is_revoked_in_mid_connection(principals: Principals) -> None:
    async with principals.endpoint.wire() as wire:
        request = signed(principals, READER, "GET", "/bucket/secret", b"")
        assert (await wire.ask(request)).status == 200
        principals.keys.replace([DEFAULT])
        assert (await wire.ask(request)).code == "InvalidAccessKeyId"


async def test_a_body_that_began_before_the_revocation_is_stored(principals: Principals) -> None:
    """A request is decided once, when it begins, as at AWS."""
    head = signed(principals, TEAM, "PUT", "/bucket/team/new", b"whole", expect="100-continue")
    async with principals.endpoint.wire() as wire:
        wire.send(head)
        assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        principals.keys.replace([DEFAULT])
        assert (await wire.ask(b"whole")).status == 200


async def test_several_principals_share_a_store(principals: Principals) -> None:
    stored: Any = await principals.s3(
        TEAM, "put_object", Bucket="bucket", Key="team/b", Body=b"of the team"
    )
    assert stored["ETag"]
    read = await principals.s3(READER, "get_object", Bucket="bucket", Key="team/b")
    assert read["ContentLength"] == 11
    listed = await principals.s3(TEAM, "list_objects_v2", Bucket="bucket", Prefix="team/")
    assert [row["Key"] for row in listed["Contents"]] == ["team/a", "team/b"]
    assert await principals.s3(TEAM, "list_buckets") == "403 AccessDenied"
    assert await principals.s3(READER, "delete_object", Bucket="bucket", Key="team/b") == (
        "403 AccessDenied"
    )


# ---------------------------------------------------------------- anonymous requests


class Everyone(KeyScopeLayer):
    """Grants everything to everyone: what the endpoint itself demands of anonymous requests."""

    admits_anonymous = True

    def call(self, request: Any) -> Any:
        assert request.context.principal is ANONYMOUS
        return self.inner.call(request)

    def authorize(self, request: Any) -> None:
        assert request.context.principal is ANONYMOUS


@pytest.fixture
async def everyone(principals: Principals, store: LocalStore) -> AsyncIterator[RunningEndpoint]:
    layer = Everyone(store)
    async with opened(layer, keys=AccessKeys([DEFAULT]), access=layer) as endpoint:
        yield endpoint


async def unsigned(
    endpoint: RunningEndpoint, method: str, path: str, body: bytes = b"", **headers: str
) -> Answer:
    given = {"host": endpoint.host, "content-length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    async with endpoint.wire() as wire:
        return await wire.ask(plain_head(method, path, given) + body, method)


async def test_a_store_that_decides_gets_unsigned_requests(everyone: RunningEndpoint) -> None:
    assert (await unsigned(everyone, "PUT", "/bucket/anyone", b"data")).status == 200
    assert (await unsigned(everyone, "GET", "/bucket/anyone")).body == b"data"
    assert (await unsigned(everyone, "GET", "/bucket/none")).code == "NoSuchKey"
    assert (await unsigned(everyone, "GET", "/none/k")).code == "NoSuchBucket"
    answer = await unsigned(everyone, "PUT", "/bucket/anyone?tagging", b"<Tagging/>")
    assert answer.code == "MalformedXML"


async def test_an_unsigned_body_keeps_what_it_declares(everyone: RunningEndpoint) -> None:
    wrong = hashlib.sha256(b"other").hexdigest()
    answer = await unsigned(everyone, "PUT", "/bucket/x", b"data", x_amz_content_sha256=wrong)
    assert answer.code == "XAmzContentSHA256Mismatch"
    streamed = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    answer = await unsigned(
        everyone, "PUT", "/bucket/x", b"", x_amz_content_sha256=streamed,
        x_amz_decoded_content_length="4",
    )  # fmt: skip
    assert answer.code == "InvalidRequest"
    assert (await unsigned(everyone, "HEAD", "/bucket/x")).status == 404


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/bucket/secret", {"authorization": "AWS x:y"}, "InvalidRequest"),
        ("/bucket/secret", {"authorization": "Bearer x"}, "InvalidArgument"),
        ("/bucket/secret?X-Amz-Signature=x", {}, "AuthorizationQueryParametersError"),
        ("/bucket/secret?Signature=x", {}, "AccessDenied"),
        ("/bucket/secret?AWSAccessKeyId=x", {}, "AccessDenied"),
        ("/bucket/secret", {"x_amz_security_token": "x"}, "InvalidToken"),
        ("/bucket/secret?response-content-type=text/html", {}, "InvalidRequest"),
    ],
)
async def test_half_a_proof_is_not_anonymous(
    everyone: RunningEndpoint, path: str, headers: dict[str, str], code: str
) -> None:
    assert (await unsigned(everyone, "GET", path, **headers)).code == code


async def test_an_anonymous_form(everyone: RunningEndpoint) -> None:
    fields = {"key": "form", "acl": "public-read", "success_action_status": "404"}
    answer = await post(everyone, form(fields, b"data"))
    assert (answer.status, answer.body) == (204, b"")
    assert (await unsigned(everyone, "GET", "/bucket/form")).body == b"data"
    for part in ("policy", "x-amz-signature", "awsaccesskeyid", "x-amz-credential"):
        answer = await post(everyone, form({"key": "half", part: "x"}, b"data"))
        assert answer.status in (400, 403), part
    assert (await unsigned(everyone, "HEAD", "/bucket/half")).status == 404
