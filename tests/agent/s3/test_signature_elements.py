from __future__ import annotations

import hmac
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.signature_elements import (
    UNSIGNED,
    PayloadKind,
    Scope,
    Signer,
    basic_date,
    canonical_path,
    canonical_query,
    canonical_request,
    from_http_date,
    joined_headers,
    mac,
    parse_credential,
    parse_date,
    payload_of,
    query_pairs,
    signing_key,
    string_to_sign,
    to_bytes,
)
from tests.agent.s3.wires import EMPTY


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("", "/"),
        ("/b/k", "/b/k"),
        ("/b//a/../k/.", "/b//a/../k/."),
        ("/b/a%2Fb", "/b/a/b"),
        ("/b/a b+c", "/b/a%20b%2Bc"),
        ("/b/a%20b%2bc", "/b/a%20b%2Bc"),
        ("/b/%7E~", "/b/~~"),
        ("/b/ä", "/b/%C3%A4"),
        ("/b/%ff", "/b/%FF"),
        ("/b/\udcff", "/b/%FF"),
        ("/b/%zz%", "/b/%25zz%25"),
        ("/b/!*'()", "/b/%21%2A%27%28%29"),
    ],
)
def test_a_path_is_decoded_once_and_encoded_again(raw: str, canonical: str) -> None:
    assert canonical_path(raw) == canonical


@settings(max_examples=40, deadline=None)
@given(st.text("aZ09-._~/%2F4G+ \u00e4", max_size=9))
@example("\n")
def test_the_short_cut_for_what_is_canonical_changes_nothing(raw: str) -> None:
    for text in (raw, *(f"{raw}%{byte:02X}" for byte in range(256))):
        plain, form = unquote_to_bytes(text), unquote_to_bytes(text.replace("+", " "))
        assert canonical_path(f"/{text}") == "/" + quote(plain, safe="/-_.~")
        assert query_pairs(f"a={text}") == [("a", quote(form, safe="-_.~"))]


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("", ""),
        ("acl", "acl="),
        ("acl=", "acl="),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1&&", "a=1&a=2"),
        ("a=b=c", "a=b%3Dc"),
        ("a=x+y%20z%2B", "a=x%20y%20z%2B"),
        ("%41=%2f", "A=%2F"),
        ("prefix=%C3%A4&Prefix=%ff", "Prefix=%FF&prefix=%C3%A4"),
    ],
)
def test_a_query_is_encoded_again_and_sorted(raw: str, canonical: str) -> None:
    assert canonical_query(query_pairs(raw)) == canonical


def test_repeated_headers_are_joined_and_trimmed() -> None:
    headers = joined_headers([("a", " 1\t"), ("b", "x"), ("a", " 2 ")])
    assert headers == {"a": "1,2", "b": "x"}


def test_runs_of_spaces_in_a_signed_header_are_one_space() -> None:
    text = canonical_request("GET", ("/", ""), {"a": "x   y", "z": "no"}, ["a", "gone"], "HASH")
    assert text == "GET\n/\n\na:x y\ngone:\n\na;gone\nHASH"


def test_the_string_to_sign_of_the_aws_example() -> None:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, GET object
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "range": "bytes=0-9",
        "x-amz-content-sha256": empty,
        "x-amz-date": "20130524T000000Z",
    }
    canonical = canonical_request("GET", ("/test.txt", ""), headers, list(headers), empty)
    text = string_to_sign("20130524T000000Z", "20130524/us-east-1/s3/aws4_request", canonical)
    digest = "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972"
    assert text.splitlines()[-1] == digest


def test_bytes_that_were_not_utf8_come_back_as_they_were() -> None:
    assert to_bytes(b"\xff\xc3\xa4".decode("utf-8", "surrogateescape")) == b"\xff\xc3\xa4"


def test_a_hash_is_a_signed_payload_in_lower_case() -> None:
    payload = payload_of("PUT", EMPTY.upper())
    assert payload == (PayloadKind.SIGNED, EMPTY)
    assert not payload.kind.streaming


def test_an_unsigned_payload_is_no_stream() -> None:
    assert payload_of("GET", "UNSIGNED-PAYLOAD") is UNSIGNED
    assert not UNSIGNED.kind.streaming


@pytest.mark.parametrize(
    ("word", "chunks_signed"),
    [
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", True),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", True),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", False),
    ],
)
def test_streams_are_told_apart(word: str, chunks_signed: bool) -> None:
    kind = payload_of("PUT", word).kind
    assert kind == word
    assert kind.streaming
    assert kind.chunks_signed is chunks_signed


@pytest.mark.parametrize(
    ("method", "word", "code"),
    [
        ("PUT", "", "InvalidArgument"),
        ("PUT", "SIGNED", "InvalidArgument"),
        ("PUT", "unsigned-payload", "InvalidArgument"),
        ("PUT", EMPTY[:-1], "InvalidArgument"),
        ("PUT", EMPTY[:-1] + "g", "InvalidArgument"),
        ("PUT", "STREAMING-UNSIGNED-PAYLOAD", "InvalidArgument"),
        ("PUT", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "InvalidRequest"),
        ("PUT", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", "InvalidRequest"),
        ("GET", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "InvalidRequest"),
        ("POST", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "InvalidRequest"),
    ],
)
def test_every_other_kind_is_refused(method: str, word: str, code: str) -> None:
    with pytest.raises(S3Error) as caught:
        payload_of(method, word)
    assert caught.value.code == code


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
