import base64
import hmac
import json
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.auth import HmacV1PostAuth, S3SigV4PostAuth
from botocore.awsrequest import AWSRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.post_policy import MAX_FILE, FormGrant, signature_version, verify_policy
from s3d.agent.s3.signature_elements import Scope, basic_date, parse_date, signing_key
from tests.agent.s3.wires import ACCESS_KEY, CREDENTIALS, NOW, REGION, SECRET, secret_of

LATER = "2099-01-01T00:00:00.000Z"
DATE = basic_date(NOW)
SCOPE = Scope(ACCESS_KEY, DATE[:8], REGION)
PROOF = {
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": SCOPE.credential,
    "x-amz-date": DATE,
}
COVERED = [{"bucket": "bucket"}, *({name: value} for name, value in PROOF.items())]
"""The conditions that every policy needs."""


def encoded(policy: Any) -> str:
    return base64.b64encode(json.dumps(policy).encode()).decode()


def signed(policy: str, fields: dict[str, str]) -> dict[str, str]:
    """The fields of a V4 form with this policy document in base64."""
    key = signing_key(SECRET, SCOPE.day, REGION)
    signature = hmac.digest(key, policy.encode("utf-8", "surrogateescape"), "sha256").hex()
    return {**fields, **PROOF, "policy": policy, "x-amz-signature": signature}


def form(conditions: list[Any], **fields: str) -> dict[str, str]:
    """A V4 form whose policy has these conditions, and those that every policy needs."""
    policy = encoded({"expiration": LATER, "conditions": [*conditions, *COVERED]})
    return signed(policy, {name.replace("_", "-"): value for name, value in fields.items()})


def verify(fields: dict[str, str], now: float = NOW, bucket: str = "bucket") -> FormGrant:
    return verify_policy(fields, bucket, secret_of, now)


def refused(fields: dict[str, str], now: float = NOW, bucket: str = "bucket") -> S3Error:
    with pytest.raises(S3Error) as caught:
        verify(fields, now, bucket)
    return caught.value


def lowered(request: AWSRequest) -> dict[str, str]:
    fields = request.context["s3-presign-post-fields"]
    return {name.lower(): value for name, value in fields.items()}


# ------------------------------------------------------------------ what is accepted


@pytest.mark.parametrize("signer", [HmacV1PostAuth, S3SigV4PostAuth])
def test_what_botocore_signs_is_verified(signer: Any) -> None:
    request = AWSRequest("POST", "http://h/bucket")
    policy = {"expiration": LATER, "conditions": [{"bucket": "bucket"}, {"key": "k"}]}
    request.context["s3-presign-post-fields"] = {"key": "k"}
    request.context["s3-presign-post-policy"] = policy
    if signer is HmacV1PostAuth:
        signer(CREDENTIALS).add_auth(request)
    else:
        signer(CREDENTIALS, "s3", REGION).add_auth(request)
    fields = lowered(request)
    now = parse_date(fields["x-amz-date"]) if "x-amz-date" in fields else NOW
    assert now is not None
    assert verify(fields, now) == FormGrant(ACCESS_KEY, 0, MAX_FILE)
    fields["policy"] = fields["policy"][:-4] + "AAAA"
    assert refused(fields, now).code == "SignatureDoesNotMatch"


def test_the_form_of_boto3_is_verified() -> None:
    client = boto3.client(
        "s3",
        endpoint_url="http://localhost",
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET,
    )
    posted = client.generate_presigned_post(
        "bucket",
        "up/${filename}",
        Fields={"acl": "private"},
        Conditions=[{"acl": "private"}, ["content-length-range", 1, 10]],
    )
    client.close()
    fields = {name.lower(): value for name, value in posted["fields"].items()}
    fields["key"] = "up/f.txt"
    assert verify(fields, 0) == FormGrant(ACCESS_KEY, 1, 10)


@pytest.mark.parametrize(
    ("conditions", "fields"),
    [
        ([{"key": "k"}], {"key": "k"}),
        ([["eq", "$key", "k"]], {"key": "k"}),
        ([["EQ", "$Key", "k"]], {"key": "k"}),
        ([["starts-with", "$key", "up/"]], {"key": "up/k"}),
        ([["starts-with", "$key", ""]], {"key": "anything"}),
        ([["starts-with", "$key", ""], ["starts-with", "$acl", ""]], {"key": "k"}),
        ([{"key": "k"}, {"acl": "private"}], {"key": "k", "acl": "private"}),
        ([{"key": "k"}, {"bucket": "bucket"}], {"key": "k"}),
        ([{"key": "k"}, {"bucket": "bucket"}], {"key": "k", "bucket": "another"}),
        ([["starts-with", "$Content-Type", "image/"]], {"content_type": "image/png"}),
        ([["starts-with", "$Content-Type", "image/"]], {"content_type": "image/png, image/gif"}),
        ([{"key": "k"}], {"key": "k", "x_ignore_me": "x", "file": "x"}),
    ],
)
def test_a_form_that_meets_its_policy_is_granted(
    conditions: list[Any], fields: dict[str, str]
) -> None:
    assert verify(form(conditions, **fields)).access_key == ACCESS_KEY


def test_ranges_of_the_size_are_met_together() -> None:
    ranges = [["content-length-range", 1, 100], ["content-length-range", "5", "200"]]
    assert verify(form(ranges)) == FormGrant(ACCESS_KEY, 5, 100)


def test_a_grant_judges_the_size_while_it_grows_and_at_its_end() -> None:
    grant = FormGrant(ACCESS_KEY, 5, 10)
    grant.check_growth(1)
    grant.check_size(5)
    grant.check_size(10)
    for check, size, code in (
        (grant.check_growth, 11, "EntityTooLarge"),
        (grant.check_size, 11, "EntityTooLarge"),
        (grant.check_size, 4, "EntityTooSmall"),
    ):
        with pytest.raises(S3Error, match=code):
            check(size)


def test_a_policy_may_be_broken_into_lines() -> None:
    text = encoded({"expiration": LATER, "conditions": COVERED})
    assert verify(signed(f"{text[:20]}\r\n{text[20:]}\n", {})).access_key == ACCESS_KEY


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("conditions", "fields"),
    [
        ([{"key": "k"}], {"key": "other"}),
        ([{"key": "k"}], {}),
        ([["eq", "$key", "k"]], {"key": "K"}),
        ([["starts-with", "$key", "up/"]], {"key": "down/up/"}),
        ([["starts-with", "$key", "up/"], {"key": "up/k"}], {"key": "up/other"}),
        ([{"key": "k"}, {"bucket": "another"}], {"key": "k"}),
        ([{"key": "k"}, {"bucket": "another"}], {"key": "k", "bucket": "another"}),
        ([["starts-with", "$Content-Type", "image/"]], {"content_type": "image/png,text/html"}),
        ([{"key": "k"}], {"key": "k", "acl": "public-read"}),
        ([{"key": "k"}], {"key": "k", "x_amz_meta_a": "b"}),
        ([{"key": "k"}], {"key": "k", "success_action_redirect": "http://h/"}),
    ],
)
def test_a_form_outside_its_policy_is_denied(conditions: list[Any], fields: dict[str, str]) -> None:
    error = refused(form(conditions, **fields))
    assert error.code == "AccessDenied"
    assert error.message.startswith("Invalid according to Policy: ")


@pytest.mark.parametrize("name", ["bucket", *PROOF])
def test_the_bucket_and_the_fields_of_the_proof_need_a_condition_too(name: str) -> None:
    others = [condition for condition in COVERED if name not in condition]
    fields = signed(encoded({"expiration": LATER, "conditions": others}), {})
    error = refused(fields)
    assert error.code == "AccessDenied"
    assert error.message == f"Invalid according to Policy: Extra input fields: {name}"


def test_a_policy_ends_when_it_expires() -> None:
    policy = {"expiration": "2030-01-01T00:00:00Z", "conditions": COVERED}
    fields = signed(encoded(policy), {})
    assert verify(fields, 1893456000.0).access_key == ACCESS_KEY
    assert refused(fields, 1893456001.0).message == "Invalid according to Policy: Policy expired."


@pytest.mark.parametrize(
    "policy",
    [
        "***",
        "aGVsbG8=",
        "ä",
        "\udcff",
        encoded([]),
        encoded({}),
        encoded({"conditions": []}),
        encoded({"expiration": LATER}),
        encoded({"expiration": LATER, "conditions": {}}),
        encoded({"expiration": "tomorrow", "conditions": []}),
        encoded({"expiration": "2099-01-01", "conditions": []}),
        encoded({"expiration": "2099-01-01T00:00:00+01:00", "conditions": []}),
        encoded({"expiration": "0001-01-01T99:00:00Z", "conditions": []}),
        encoded({"expiration": 4070908800, "conditions": []}),
        base64.b64encode(b"[" * 12000).decode(),
        base64.b64encode(b'{"expiration": "\xff"}').decode(),
        base64.b64encode(b"9" * 10000).decode(),
    ],
)
def test_what_is_no_policy_is_refused(policy: str) -> None:
    assert refused(signed(policy, {})).code == "InvalidPolicyDocument"


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"key": "k", "acl": "private"},
        None,
        "eq",
        [],
        ["eq", "$key"],
        ["eq", "$key", "k", "more"],
        [1, "$key", "k"],
        ["like", "$key", "k"],
        ["eq", "key", "k"],
        ["eq", 1, "k"],
        ["eq", "$key", 1],
        {"key": 1},
        {"key": None},
        ["content-length-range", "a", 1],
        ["content-length-range", -1, 1],
        ["content-length-range", True, 1],
        ["content-length-range", 1.5, 2],
        ["content-length-range", 1, "9" * 5000],
    ],
)
def test_an_invalid_condition_makes_the_policy_invalid(condition: Any) -> None:
    assert refused(form([condition], key="k")).code == "InvalidPolicyDocument"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"policy": None}, "AccessDenied"),
        ({"x-amz-signature": None}, "InvalidArgument"),
        ({"x-amz-date": ""}, "InvalidArgument"),
        ({"x-amz-algorithm": "none"}, "InvalidArgument"),
        ({"x-amz-credential": "x"}, "InvalidArgument"),
        (
            {"x-amz-credential": SCOPE._replace(access_key="NOBODY").credential},
            "InvalidAccessKeyId",
        ),
        ({"x-amz-date": "yesterday"}, "InvalidArgument"),
        ({"x-amz-date": "20000101T000000Z"}, "InvalidArgument"),
        ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"x-amz-signature": "ä"}, "SignatureDoesNotMatch"),
        ({"awsaccesskeyid": "x"}, "InvalidArgument"),
    ],
)
def test_a_bad_proof_has_the_code_of_aws(change: dict[str, str | None], code: str) -> None:
    fields = form([{"key": "k"}], key="k") | change
    error = refused({name: value for name, value in fields.items() if value is not None})
    assert error.code == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"policy": "e30="}, "InvalidArgument"),
        ({"policy": "e30=", "signature": "x"}, "InvalidArgument"),
        ({"policy": "e30=", "signature": "x", "awsaccesskeyid": "NOBODY"}, "InvalidAccessKeyId"),
        (
            {"policy": "e30=", "signature": "x", "awsaccesskeyid": ACCESS_KEY},
            "SignatureDoesNotMatch",
        ),
    ],
)
def test_a_bad_v2_proof_has_the_code_of_aws(fields: dict[str, str], code: str) -> None:
    assert refused(fields).code == code


def test_the_version_of_the_signature_of_a_form() -> None:
    """For the condition key s3:signatureversion."""
    assert signature_version(form([{"key": "k"}], key="k")) == "AWS4-HMAC-SHA256"
    assert signature_version({"awsaccesskeyid": "a", "signature": "s", "policy": "p"}) == "AWS"


def test_no_secret_and_no_signature_is_shown() -> None:
    fields = form([{"key": "k"}], key="k")
    right = fields["x-amz-signature"]
    error = refused(fields | {"x-amz-signature": "0" * 64})
    for text in (right, SECRET):
        assert text not in f"{error!r} {error} {error.detail}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(json_values, st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_any_policy_is_granted_or_answered_with_an_s3_error(
    value: Any, fields: dict[str, str]
) -> None:
    for policy in (value, {"expiration": value, "conditions": []}):
        with suppress(S3Error):
            verify(signed(encoded(policy), {}))
    with suppress(S3Error):
        verify(form([value]))
    with suppress(S3Error):
        verify({**fields, "policy": "x"})
