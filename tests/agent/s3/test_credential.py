import hmac

import pytest

from s3d.agent.s3.credential import (
    Scope,
    Signer,
    basic_date,
    from_http_date,
    mac,
    parse_credential,
    parse_date,
    signing_key,
)
from s3d.agent.s3.errors import S3Error


def test_a_credential_is_its_scope() -> None:
    scope = parse_credential("KEY/20130524/eu-west-1/s3/aws4_request", "X")
    assert scope == Scope("KEY", "20130524", "eu-west-1")
    assert scope.text == "20130524/eu-west-1/s3/aws4_request"
    assert scope.credential == "KEY/20130524/eu-west-1/s3/aws4_request"


def test_an_access_key_may_hold_slashes() -> None:
    assert parse_credential("a/b/20130524/r/s3/aws4_request", "X").access_key == "a/b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "KEY",
        "KEY/20130524/us-east-1/s3",
        "/20130524/us-east-1/s3/aws4_request",
        "KEY/20130524//s3/aws4_request",
        "KEY/20130524/us-east-1/ec2/aws4_request",
        "KEY/20130524/us-east-1/s3/aws4",
    ],
)
def test_a_malformed_credential_is_told_with_the_code_asked_for(text: str) -> None:
    with pytest.raises(S3Error) as caught:
        parse_credential(text, "AuthorizationHeaderMalformed")
    assert caught.value.code == "AuthorizationHeaderMalformed"


def test_the_signing_key_of_the_aws_example() -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
    key = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20151229", "us-east-1")
    assert len(key) == 32
    assert key == signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20151229", "us-east-1")
    assert key != signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20151230", "us-east-1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "20130524",
        "20130524T000000",
        "20131324T000000Z",
        "20130524T250000Z",
        "20130524T000000Z\n",
        "\u0662\u0660130524T000000Z",
        "00000101T000000Z",
    ],
)
def test_what_is_no_basic_date_is_none(text: str) -> None:
    assert parse_date(text) is None


def test_a_basic_date_is_unix_seconds_and_back() -> None:
    assert parse_date("20130524T000000Z") == 1369353600.0
    assert basic_date(1369353600.9) == "20130524T000000Z"


def test_an_http_date_becomes_a_basic_date() -> None:
    assert from_http_date("Fri, 24 May 2013 00:00:00 GMT") == "20130524T000000Z"
    assert from_http_date("20130524T000000Z") == "20130524T000000Z"
    assert parse_date(from_http_date("Fri, 24 May 99999999 00:00:00 GMT")) is None


def test_a_signer_does_not_show_its_secret() -> None:
    assert "hidden" not in repr(Signer("KEY", "hidden"))


def test_a_mac_is_that_of_the_standard_library() -> None:
    for size in (0, 1, 31, 32, 64):
        key = bytes(range(size))
        for text in (b"", b"text", b"x" * 500):
            assert mac(key, text) == hmac.digest(key, text, "sha256").hex()


def test_a_mac_takes_no_key_that_would_have_to_be_hashed_first() -> None:
    with pytest.raises(ValueError, match="long"):
        mac(bytes(65), b"")
