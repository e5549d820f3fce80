from random import Random
from urllib.parse import parse_qs, quote

import pytest
from botocore.auth import HmacV1Auth
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.sigv2 import SIGNED_WORDS, verify_query
from tests.agent.s3.wires import ACCESS_KEY, presigned_v2_by_botocore, secret_of, with_headers

text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=10)


def refused(request: WireRequest, now: float = 0) -> S3Error:
    with pytest.raises(S3Error) as caught:
        verify_query(request, secret_of, now)
    return caught.value


def with_query(request: WireRequest, query: str) -> WireRequest:
    return WireRequest(request.method, request.raw_path, query, request.headers)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["GET", "PUT", "DELETE"]), text, st.sampled_from(["", "acl", "versionId"]))
def test_what_botocore_presigns_is_verified(method: str, key: str, word: str) -> None:
    query = {"": "", "acl": "?acl", "versionId": "?versionId=a%2Bb&prefix=x"}[word]
    request = presigned_v2_by_botocore(method, f"/bucket/{quote(key)}{query}")
    assert verify_query(request, secret_of, 0) == ACCESS_KEY


def test_response_overrides_are_signed_decoded() -> None:
    target = "/b/k?response-content-disposition=attachment%3B%20filename%3D%22a%26b%22"
    request = presigned_v2_by_botocore("GET", target)
    assert verify_query(request, secret_of, 0) == ACCESS_KEY
    forged = with_query(request, request.raw_query.replace("a%26b", "evil"))
    assert refused(forged).code == "SignatureDoesNotMatch"


@pytest.mark.finding("F1")
def test_a_plus_sign_in_the_query_is_a_space() -> None:
    target = "/b/k?response-content-disposition=attachment%3B%20filename%3Da%2Bb"
    request = presigned_v2_by_botocore("GET", target)
    form = with_query(request, request.raw_query.replace("%20", "+"))
    assert verify_query(form, secret_of, 0) == ACCESS_KEY


def test_the_bucket_of_a_virtual_host_is_signed() -> None:
    request = presigned_v2_by_botocore("GET", "/key", auth_path="/bucket/key")
    assert verify_query(request, secret_of, 0, "bucket") == ACCESS_KEY
    for other in ("", "other"):
        with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
            verify_query(request, secret_of, 0, other)


def test_the_path_of_a_bucket_is_signed_with_or_without_a_slash_at_its_end() -> None:
    for path in ("/bucket", "/bucket/"):
        request = presigned_v2_by_botocore("GET", "/bucket?list-type=2&cors", auth_path=path)
        assert verify_query(request, secret_of, 0) == ACCESS_KEY
    for path in ("/key", "/bucket/key/"):
        request = presigned_v2_by_botocore("GET", "/bucket/key", auth_path=path)
        assert refused(request).code == "SignatureDoesNotMatch"


def test_headers_are_signed_whether_they_are_sent_or_stand_in_the_query() -> None:
    headers = [("x-amz-acl", "private"), ("content-type", "text/plain"), ("content-md5", "abc=")]
    request = presigned_v2_by_botocore("PUT", "/b/k", headers)
    in_query_only = WireRequest("PUT", "/b/k", request.raw_query, request.headers[:1])
    assert verify_query(request, secret_of, 0) == ACCESS_KEY
    assert verify_query(in_query_only, secret_of, 0) == ACCESS_KEY
    for name, _ in headers:
        assert refused(with_headers(request, [(name, "x")])).code == "SignatureDoesNotMatch"
    assert (
        refused(with_headers(request, [("x-amz-tagging", "a=b")])).code == "SignatureDoesNotMatch"
    )
    moved = with_query(request, f"{request.raw_query}&X-Amz-Tagging=a%3Db")
    assert refused(moved).code == "SignatureDoesNotMatch"


def test_a_url_lives_until_it_expires() -> None:
    request = presigned_v2_by_botocore("GET", "/b/k")
    expires = int(parse_qs(request.raw_query)["Expires"][0])
    assert verify_query(request, secret_of, expires) == ACCESS_KEY
    error = refused(request, expires + 1)
    assert (error.code, error.message) == ("AccessDenied", "Request has expired")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("AWSAccessKeyId=AKIDEXAMPLE", "AccessDenied"),
        ("AWSAccessKeyId=AKIDEXAMPLE&Signature=x", "AccessDenied"),
        ("AWSAccessKeyId=AKIDEXAMPLE&Signature=&Expires=9", "AccessDenied"),
        ("AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires=9&Expires=9", "AccessDenied"),
        ("AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires=soon", "AccessDenied"),
        ("AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires=-9", "AccessDenied"),
        (f"AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires={'9' * 5000}", "AccessDenied"),
        ("AWSAccessKeyId=NOBODY&Signature=x&Expires=9", "InvalidAccessKeyId"),
        ("AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires=9", "SignatureDoesNotMatch"),
        ("AWSAccessKeyId=AKIDEXAMPLE&Signature=%ff&Expires=9", "SignatureDoesNotMatch"),
    ],
)
def test_a_bad_query_form_has_the_code_of_aws(query: str, code: str) -> None:
    assert refused(WireRequest("GET", "/b/k", query, (("host", "h"),))).code == code


def test_the_signed_words_are_those_of_botocore() -> None:
    assert set(HmacV1Auth.QSAOfInterest) == SIGNED_WORDS


def test_no_word_that_chooses_an_operation_can_be_added() -> None:
    request = presigned_v2_by_botocore("GET", "/b/k")
    words = {op.subresource for op in operations().values() if op.subresource} - {"list-type"}
    assert len(words) > 30
    for word in words:
        for added in (word, f"{word}=1", f"%{ord(word[0]):02x}{word[1:]}"):
            error = refused(with_query(request, f"{request.raw_query}&{added}"))
            assert error.code in ("SignatureDoesNotMatch", "AccessDenied"), added


def test_signed_words_cannot_be_melted_into_one() -> None:
    request = presigned_v2_by_botocore("PUT", "/b/k?partNumber=1&uploadId=U")
    melted = request.raw_query.replace("partNumber=1&uploadId=U", "partNumber=1%26uploadId%3DU")
    assert melted != request.raw_query
    assert refused(with_query(request, melted)).code == "AccessDenied"


def test_signed_headers_cannot_be_melted_into_one() -> None:
    request = presigned_v2_by_botocore("PUT", "/b/k", [("x-amz-a", "1"), ("x-amz-b", "2")])
    melted = request.raw_query.replace("x-amz-a=1", "x-amz-a=1%0Ax-amz-b%3A2")
    melted = melted.replace("&x-amz-b=2", "")
    forged = WireRequest("PUT", "/b/k", melted, request.headers[:1])
    assert refused(forged).code == "AccessDenied"


def test_no_single_flipped_bit_of_a_signed_request_is_accepted() -> None:
    random = Random(2)
    full = presigned_v2_by_botocore("PUT", "/bucket/key.txt?versionId=abc", [("x-amz-a", "1")])
    request = WireRequest("PUT", full.raw_path, full.raw_query, full.headers[:1])
    assert verify_query(request, secret_of, 0) == ACCESS_KEY
    for _ in range(1500):
        at = random.randrange(len(request.raw_query))
        bit = 1 << random.randrange(7)
        query = request.raw_query[:at] + chr(ord(request.raw_query[at]) ^ bit)
        query += request.raw_query[at + 1 :]
        try:
            verify_query(with_query(request, query), secret_of, 0)
        except S3Error:
            continue
        # the letter case of a percent escape, or of the name of a header
        assert query.lower() == request.raw_query.lower()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_query_is_answered_with_an_s3_error(raw: bytes) -> None:
    query = raw.decode("utf-8", "surrogateescape")
    full = f"AWSAccessKeyId=AKIDEXAMPLE&Signature=x&Expires=9&{query}"
    for candidate in (query, full):
        request = WireRequest("GET", "/b/k", candidate, (("host", "h"),))
        assert refused(request).status < 500
