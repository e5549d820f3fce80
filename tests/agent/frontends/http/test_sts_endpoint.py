"""STS at the endpoint: temporary credentials as an AWS SDK asks for and uses them."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.stores.local.store import LocalStore
from s3d.shared.access_key import AccessKey, owner_named
from s3d.shared.config.values import Secret
from tests.agent.frontends.http.principals import (
    DEFAULT,
    READER,
    TEAM,
    MovableClock,
    Principals,
)
from tests.agent.frontends.http.test_post import form
from tests.agent.frontends.http.test_post import post as post_form
from tests.agent.frontends.http.wire import Answer, RunningEndpoint, opened, plain_head

ROLE = "arn:aws:iam::123456789012:role/path/builder"
ONLY_TEAM = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": "arn:aws:s3:::bucket/team/*",
        },
    }
)


async def assume(principals: Principals, who: Any = DEFAULT, **given: Any) -> Any:
    given = {"RoleArn": ROLE, "RoleSessionName": "me"} | given
    answer = await principals.sts(who, "assume_role", **given)
    return answer if isinstance(answer, str) else answer["Credentials"]


async def test_get_caller_identity(principals: Principals) -> None:
    answer = await principals.sts(DEFAULT, "get_caller_identity")
    assert (answer["Account"], answer["UserId"]) == ("000000000000", "000000000000")
    assert answer["Arn"] == "arn:aws:iam::000000000000:root"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseMetadata"]["RequestId"]
    account = owner_named("guest").account_id
    answer = await principals.sts(TEAM, "get_caller_identity")
    assert (answer["Account"], answer["Arn"]) == (account, f"arn:aws:iam::{account}:user/team")
    assert answer["UserId"].startswith("AIDA")


async def test_get_session_token_has_the_rights_of_its_key(principals: Principals) -> None:
    answer = await principals.sts(TEAM, "get_session_token", DurationSeconds=900)
    session = answer["Credentials"]
    assert session["AccessKeyId"].startswith("ASIA")
    left = session["Expiration"] - datetime.now(UTC)
    assert 890 < left.total_seconds() <= 900
    got = await principals.s3(session, "get_object", Bucket="bucket", Key="team/a")
    assert got["ContentLength"] == 1
    assert await principals.s3(session, "get_object", Bucket="bucket", Key="secret") == (
        "403 AccessDenied"
    )
    me = await principals.sts(session, "get_caller_identity")
    assert me["Arn"].endswith(":user/team")
    assert await principals.sts(session, "get_session_token") == "403 AccessDenied"


async def test_assume_role_narrows_by_its_policy(principals: Principals) -> None:
    session = await assume(principals, Policy=ONLY_TEAM)
    answer = await principals.sts(session, "get_caller_identity")
    assert answer["Arn"] == "arn:aws:sts::000000000000:assumed-role/builder/me"
    assert answer["UserId"].endswith(":me")
    for key, code in ("team/b", None), ("b", "403 AccessDenied"):
        stored = await principals.s3(session, "put_object", Bucket="bucket", Key=key, Body=b"1")
        assert (stored if isinstance(stored, str) else None) == code
    assert await principals.s3(session, "list_objects_v2", Bucket="bucket") == "403 AccessDenied"
    assert await principals.s3(session, "list_buckets") == "403 AccessDenied"


@pytest.mark.rule("KEY-3")
async def test_a_role_cannot_give_more_than_the_caller_has(principals: Principals) -> None:
    everything = ONLY_TEAM.replace("bucket/team/*", "*")
    session = await assume(principals, READER, Policy=everything)
    stored = await principals.s3(session, "put_object", Bucket="bucket", Key="k", Body=b"")
    assert stored == "403 AccessDenied"
    assert (await principals.s3(session, "get_object", Bucket="bucket", Key="secret"))["ETag"]
    wider = await assume(principals, await assume(principals, Policy=ONLY_TEAM), Policy=everything)
    assert await principals.s3(wider, "get_object", Bucket="bucket", Key="secret") == (
        "403 AccessDenied"
    )
    assert (await principals.s3(wider, "get_object", Bucket="bucket", Key="team/a"))["ETag"]


async def test_a_session_ends(principals: Principals, clock: MovableClock) -> None:
    session = await assume(principals, DurationSeconds=900)
    assert (await principals.s3(session, "list_buckets"))["Buckets"]
    clock.ahead = 880.0  # within the skew that a signature may have
    assert (await principals.s3(session, "list_buckets"))["Buckets"]
    clock.ahead = 900.0 - 0.5
    await asyncio.to_thread(lambda: None)
    principals.keys.replace([DEFAULT, TEAM, READER])  # what was verified before is not needed
    clock.ahead = 900.0
    assert await principals.s3(session, "list_buckets") == "400 ExpiredToken"
    assert await principals.sts(session, "get_caller_identity") == "403 ExpiredToken"


@pytest.mark.rule("KEY-2")
async def test_a_revoked_key_takes_its_sessions_along(principals: Principals) -> None:
    session = (await principals.sts(TEAM, "get_session_token"))["Credentials"]
    principals.keys.replace([DEFAULT])
    assert await principals.s3(session, "list_buckets") == "400 InvalidToken"
    assert await principals.s3(TEAM, "list_buckets") == "403 InvalidAccessKeyId"
    assert await principals.sts(session, "get_caller_identity") == "403 InvalidClientTokenId"


async def test_a_session_survives_a_restart(principals: Principals, store: LocalStore) -> None:
    session = await assume(principals)
    async with opened(store, keys=AccessKeys([DEFAULT])) as endpoint:
        again = Principals(endpoint, principals.keys)
        assert (await again.s3(session, "list_buckets"))["Buckets"]


async def test_the_token_belongs_to_its_credentials(principals: Principals) -> None:
    one, two = await assume(principals), await assume(principals)
    for token, code in [
        (None, "403 InvalidAccessKeyId"),
        (two["SessionToken"], "403 InvalidAccessKeyId"),
        (one["SessionToken"][:-4], "400 InvalidToken"),
        ("garbage", "400 InvalidToken"),
        (one["SessionToken"].swapcase(), "400 InvalidToken"),
    ]:
        mixed = {**one, "SessionToken": token}
        assert await principals.s3(mixed, "list_buckets") == code
    wrong = {**one, "SecretAccessKey": two["SecretAccessKey"]}
    assert await principals.s3(wrong, "list_buckets") == "403 SignatureDoesNotMatch"
    permanent = {
        "AccessKeyId": DEFAULT.access_key_id,
        "SecretAccessKey": DEFAULT.secret.reveal(),
        "SessionToken": "garbage",
    }
    assert await principals.s3(permanent, "list_buckets") == "400 InvalidToken"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
async def test_a_presigned_url_of_a_session(
    principals: Principals, clock: MovableClock, version: str
) -> None:
    session = await assume(principals, Policy=ONLY_TEAM)
    client = principals.client("s3", session, signature_version=version)

    async def status(key: str, method: str = "get_object", edit: Any = None) -> int:
        url = client.generate_presigned_url(
            method, {"Bucket": "bucket", "Key": key}, ExpiresIn=6_000
        )
        path = url if edit is None else edit(url)
        verb = "GET" if method == "get_object" else "DELETE"
        async with principals.endpoint.wire() as wire:
            target = path.partition(principals.endpoint.host)[2]
            answer = await wire.ask(plain_head(verb, target, {"host": principals.endpoint.host}))
        return answer.status

    assert await status("team/a") == 200
    assert await status("secret") == 403
    assert await status("team/a", "delete_object") == 403
    assert await status("team/a", edit=lambda url: url.replace("oken=", "oken=x")) == 400
    assert await status("team/a", edit=lambda url: url.replace("ecurity", "ecurityy")) == 403
    clock.ahead = 3_600.0
    assert await status("team/a") == 400


async def test_a_form_of_a_session(principals: Principals) -> None:
    session = await assume(principals, Policy=ONLY_TEAM)
    client = principals.client("s3", session)

    async def post(key: str, token: str | None = None) -> Answer:
        fields = client.generate_presigned_post("bucket", key)["fields"]
        if token is not None:
            fields["x-amz-security-token"] = token
        return await post_form(principals.endpoint, form(fields, b"data"))

    assert (await post("team/form")).status == 204
    assert (await post("form")).status == 403
    assert (await post("team/form", "garbage")).code == "InvalidToken"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"DurationSeconds": 899}, "400 ValidationError"),
        ({"DurationSeconds": 43_201}, "400 ValidationError"),
        ({"RoleArn": "arn:aws:iam::123456789012:user/x-not-a-role"}, "400 ValidationError"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/"}, "400 ValidationError"),
        ({"RoleSessionName": "a b"}, "400 ValidationError"),
        ({"RoleSessionName": "a/../b"}, "400 ValidationError"),
        ({"Policy": "{}"}, "400 MalformedPolicyDocument"),
        ({"Policy": "not json"}, "400 MalformedPolicyDocument"),
        ({"Policy": ONLY_TEAM + " " * 2_048}, "400 ValidationError"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "400 ValidationError"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnly"}]}, "400 ValidationError"),
        ({"SerialNumber": "arn:aws:iam::1:mfa/x", "TokenCode": "123456"}, "400 ValidationError"),
    ],
)
async def test_bad_parameters(principals: Principals, given: dict[str, Any], error: str) -> None:
    assert await assume(principals, **given) == error


async def test_a_role_that_a_role_assumes_lasts_an_hour_at_most(principals: Principals) -> None:
    session = await assume(principals, DurationSeconds=43_200)
    assert await assume(principals, session, DurationSeconds=3_601) == "400 ValidationError"
    assert (await assume(principals, session, DurationSeconds=3_600))["SessionToken"]


async def test_policies_of_a_chain_have_to_fit_into_a_request(principals: Principals) -> None:
    large = ONLY_TEAM + " " * (2_048 - len(ONLY_TEAM))
    session: Any = DEFAULT
    for _ in range(2):
        session = await assume(principals, session, Policy=large)
    assert (await principals.s3(session, "get_object", Bucket="bucket", Key="team/a"))["ETag"]
    assert await assume(principals, session, Policy=large) == "400 PackedPolicyTooLarge"


@pytest.mark.rule("KEY-3")
async def test_a_session_never_outlives_its_key(principals: Principals) -> None:
    end = time.time() + 1_000
    short = AccessKey("S3DSHORT", Secret("s"), "short", expires=end)
    principals.keys.replace([DEFAULT, short])
    session = await assume(principals, short, DurationSeconds=43_200)
    assert session["Expiration"] == datetime.fromtimestamp(int(end), UTC)


# ---------------------------------------------------------------- raw requests


async def raw(endpoint: RunningEndpoint, body: bytes, **headers: str) -> Any:
    given = {
        "host": endpoint.host,
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        "content-length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    async with endpoint.wire() as wire:
        return await wire.ask(plain_head("POST", "/", given) + body)


IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 403, "MissingAuthenticationToken"),
        ({"authorization": ""}, 403, "MissingAuthenticationToken"),
        ({"authorization": "Bearer x"}, 400, "IncompleteSignature"),
        ({"authorization": "AWS4-HMAC-SHA256 nonsense"}, 400, "IncompleteSignature"),
        ({"authorization": "AWS4-HMAC-SHA256 x", "x_amz_security_token": "x"}, 403,
         "InvalidClientTokenId"),
    ],
)  # fmt: skip
async def test_unsigned_requests(
    principals: Principals, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await raw(principals.endpoint, IDENTITY, **headers)
    assert (answer.status, answer.code) == (status, code)
    assert answer.body.startswith(b"<ErrorResponse xmlns=")


async def test_a_long_body_is_refused_before_it_comes(principals: Principals) -> None:
    answer = await raw(principals.endpoint, b"", content_length=str(1 << 20))
    assert (answer.status, answer.code) == (413, "RequestEntityTooLarge")


async def test_a_signature_of_s3_is_none_of_sts(principals: Principals) -> None:
    head = principals.endpoint.head(
        "POST", "/", IDENTITY, content_type="application/x-www-form-urlencoded"
    )
    async with principals.endpoint.wire() as wire:
        answer = await wire.ask(head + IDENTITY)
    assert (answer.status, answer.code) == (400, "IncompleteSignature")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MissingAction"),
        (b"\xff=1", "MalformedQueryString"),
        (b"Version=2011-06-15", "MissingAction"),
        (b"Action=GetCallerIdentity", "InvalidAction"),
        (b"Action=GetFederationToken&Version=2011-06-15", "InvalidAction"),
        (b"Action=AssumeRole&Version=2011-06-15", "ValidationError"),
        (b"Action=__class__&Version=2011-06-15", "InvalidAction"),
        (IDENTITY + b"&Action=AssumeRole", "MalformedQueryString"),
        (IDENTITY + b"&a=1" * 65, "MalformedQueryString"),
        (b"Action=GetSessionToken&Version=2011-06-15&DurationSeconds=" + b"9" * 500,
         "ValidationError"),
        (b"Action=GetSessionToken&Version=2011-06-15&DurationSeconds=9_00", "ValidationError"),
    ],
)  # fmt: skip
async def test_bad_forms(principals: Principals, body: bytes, code: str) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    headers = {
        "host": principals.endpoint.host,
        "content-type": "application/x-www-form-urlencoded",
    }
    request = AWSRequest("POST", f"http://{principals.endpoint.host}/", headers=headers, data=body)
    credentials = Credentials(DEFAULT.access_key_id, DEFAULT.secret.reveal())
    SigV4Auth(credentials, "sts", "us-east-1").add_auth(request)
    answer = await raw(
        principals.endpoint,
        body,
        **{name.lower(): value for name, value in request.headers.items() if name != "host"},
    )
    assert (answer.status, answer.code) == (400, code)
    # The body is signed: another one is refused.
    other = await raw(
        principals.endpoint,
        b"x" * max(len(body), 1),
        **{
            name.lower(): value
            for name, value in request.headers.items()
            if name.lower() not in ("host", "content-length")
        },
    )
    assert other.code == "SignatureDoesNotMatch"
