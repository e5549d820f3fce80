"""Forms of browsers."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest

from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.signature_elements import Scope, signing_key
from tests.agent.frontends.http.wire import (
    ACCESS_KEY,
    SECRET,
    Answer,
    RunningEndpoint,
    opened,
    plain_head,
)

BOUNDARY = "----form"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def signed(conditions: list[Any], expiration: str = "2999-01-01T00:00:00Z") -> dict[str, str]:
    """The fields of a policy for /bucket with these further conditions."""
    scope = Scope(ACCESS_KEY, "20300101", "us-east-1")
    proof = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": scope.credential,
        "x-amz-date": "20300101T000000Z",
    }
    rows = [{"bucket": "bucket"}, *({n: v} for n, v in proof.items()), *conditions]
    document = json.dumps({"expiration": expiration, "conditions": rows}).encode()
    policy = base64.b64encode(document).decode()
    key = signing_key(SECRET, scope.day, scope.region)
    signature = hmac.digest(key, policy.encode(), "sha256").hex()
    return proof | {"policy": policy, "x-amz-signature": signature}


def form(fields: dict[str, str], data: bytes, filename: str = "f.txt") -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'
        for n, v in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"'
    body = "".join(parts).encode() + head.encode() + b"\r\n\r\n" + data
    return body + f"\r\n--{BOUNDARY}--\r\n".encode()


async def post(
    endpoint: RunningEndpoint, body: bytes, path: str = "/bucket", **headers: str
) -> Answer:
    given = {"Host": endpoint.host, "Content-Type": TYPE, "Content-Length": str(len(body))}
    given |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    async with endpoint.wire() as wire:
        return await wire.ask(plain_head("POST", path, given) + body)


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
async def test_a_signed_form_stores_its_file(endpoint: RunningEndpoint, size: int) -> None:
    fields = {"key": "form/${filename}"} | signed([["starts-with", "$key", "form/"]])
    answer = await post(endpoint, form(fields, b"\r\n-" * size))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["location"] == f"http://{endpoint.host}/bucket/form/f.txt"
    stored = await endpoint.ask("GET", "/bucket/form/f.txt")
    assert stored.body == b"\r\n-" * size
    assert stored.headers["etag"] == answer.headers["etag"]


async def test_fields_become_headers_of_the_object(endpoint: RunningEndpoint) -> None:
    fields = {"key": "k2", "Content-Type": "text/css", "x-amz-meta-a": "b"}
    conditions = [{"key": "k2"}, {"content-type": "text/css"}, {"x-amz-meta-a": "b"}]
    assert (await post(endpoint, form(fields | signed(conditions), b"x"))).status == 204
    headers = (await endpoint.ask("HEAD", "/bucket/k2")).headers
    assert (headers["content-type"], headers["x-amz-meta-a"]) == ("text/css", "b")


async def test_success_201_has_a_document(endpoint: RunningEndpoint) -> None:
    conditions = [{"key": "a<b"}, {"success_action_status": "201"}]
    fields = {"key": "a<b", "success_action_status": "201"} | signed(conditions)
    answer = await post(endpoint, form(fields, b"x"))
    assert answer.status == 201
    assert b"<Key>a&lt;b</Key>" in answer.body
    assert b"<Bucket>bucket</Bucket>" in answer.body


async def test_success_redirect_tells_what_was_stored(endpoint: RunningEndpoint) -> None:
    target = "https://app.example/done?x=1"
    conditions = [{"key": "r"}, {"success_action_redirect": target}]
    fields = {"key": "r", "success_action_redirect": target} | signed(conditions)
    answer = await post(endpoint, form(fields, b"x"))
    assert answer.status == 303
    assert answer.headers["location"].startswith(f"{target}&bucket=bucket&key=r&etag=")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"key": "k"}, 403, "AccessDenied"),
        ({"key": "k"} | signed([{"key": "other"}]), 403, "AccessDenied"),
        ({"key": "k"} | signed([]), 403, "AccessDenied"),
        ({"key": "k"} | signed([{"key": "k"}], "2001-01-01T00:00:00Z"), 403, "AccessDenied"),
        ({"key": "k"} | signed([{"key": "k"}]) | {"policy": "AAAA"}, 403, "SignatureDoesNotMatch"),
        (signed([]), 400, "InvalidArgument"),
        (
            {"key": "k"} | signed([{"key": "k"}, ["content-length-range", 0, 3]]),
            400,
            "EntityTooLarge",
        ),
        (
            {"key": "k"} | signed([{"key": "k"}, ["content-length-range", 9, 99]]),
            400,
            "EntityTooSmall",
        ),
    ],
)
async def test_a_form_that_its_policy_does_not_cover_stores_nothing(
    endpoint: RunningEndpoint, fields: dict[str, str], status: int, code: str
) -> None:
    answer = await post(endpoint, form(fields, b"12345"))
    assert (answer.status, answer.code) == (status, code)
    assert (await endpoint.ask("GET", "/bucket/k")).body == b"value"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
async def test_other_kinds_of_form_are_a_failed_precondition(
    endpoint: RunningEndpoint, kind: str
) -> None:
    answer = await post(endpoint, b"key=k&file=x", content_type=kind)
    assert (answer.status, answer.code) == (412, "PreconditionFailed")


async def test_a_form_from_a_foreign_page_is_refused_although_signed(
    endpoint: RunningEndpoint,
) -> None:
    body = form({"key": "k"} | signed([{"key": "k"}]), b"evil")
    for headers in ({"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}):
        assert (await post(endpoint, body, **headers)).code == "AccessDenied"
    assert (await endpoint.ask("GET", "/bucket/k")).body == b"value"


@pytest.mark.parametrize("cut", [30, 400, -20])
async def test_a_form_that_breaks_off_stores_nothing(endpoint: RunningEndpoint, cut: int) -> None:
    body = form({"key": "k"} | signed([{"key": "k"}]), b"12345")[:cut]
    assert (await post(endpoint, body)).status == 400
    assert (await endpoint.ask("GET", "/bucket/k")).body == b"value"


async def test_without_signatures_a_form_needs_no_policy(store: ObjectStore) -> None:
    async with opened(store, auth=False) as endpoint:
        assert (await endpoint.ask("PUT", "/bucket")).status == 200
        assert (await post(endpoint, form({"key": "k"}, b"x"))).status == 204
        answer = await post(endpoint, form({"key": "k"}, b"y"), origin="https://evil.example")
        assert answer.code == "AccessDenied"
        assert (await endpoint.ask("GET", "/bucket/k")).body == b"x"
