from urllib.parse import urlsplit

import pytest

from s3d.agent.s3 import sigv4
from s3d.agent.s3.signature_elements import PayloadKind, Signer, query_pairs
from s3d.agent.s3.signing import presign, sign
from tests.agent.s3.wires import (
    ACCESS_KEY,
    EMPTY,
    HOST,
    NOW,
    SECRET,
    SIGNER,
    by_botocore,
    presigned_by_botocore,
    secret_of,
    signed,
    time_of,
    wire,
)

TARGETS = ["/", "/bucket", "/bucket/a%20b%2Bc/%C3%A4~", "/bucket/k?uploads", "/b/k?b=%26&a=1"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_signed_request_is_signed_as_by_botocore(method: str, target: str) -> None:
    headers = [("content-type", "text/plain"), ("x-amz-meta-a", "1  2")]
    theirs = by_botocore(method, target, headers)
    ours = sign(wire(method, target, headers), EMPTY, SIGNER, time_of(theirs))
    assert dict(theirs.headers).items() >= ours.items()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_presigned_url_is_that_of_botocore(method: str, target: str) -> None:
    theirs = presigned_by_botocore(method, target)
    url = presign(method, f"http://{HOST}{target}", SIGNER, 300, time_of(theirs))
    ours = urlsplit(url)
    assert ours.path == theirs.raw_path
    assert sorted(query_pairs(ours.query)) == sorted(query_pairs(theirs.raw_query))


def test_what_a_client_may_change_on_the_way_is_not_signed() -> None:
    added = sign(wire("GET", "/", [("user-agent", "x"), ("expect", "y")]), EMPTY, SIGNER, NOW)
    assert "SignedHeaders=host;x-amz-content-sha256;x-amz-date," in added["authorization"]


def test_signing_again_replaces_the_old_signature() -> None:
    once = signed()
    again = sign(once, EMPTY, SIGNER, NOW)
    assert dict(once.headers).items() >= again.items()


def test_our_own_signatures_are_verified() -> None:
    request = signed("PUT", "/b/k", payload="UNSIGNED-PAYLOAD")
    assert sigv4.verify(request, secret_of, NOW).payload.kind is PayloadKind.UNSIGNED
    other = signed(signer=Signer(ACCESS_KEY, SECRET, "eu-west-1"))
    assert sigv4.verify(other, secret_of, NOW).access_key == ACCESS_KEY
