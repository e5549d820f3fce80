from urllib.parse import quote

import pytest

from s3d.shared.masking import hide, mask, mask_credentials, mask_encoded, mask_url

LIVE = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture(autouse=True)
def live():
    hide(LIVE, None, "", "test")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"secret is {LIVE}!", LIVE),
        ("Authorization: AWS4-HMAC-SHA256 Credential=AK/2/us/s3, Signature=abcdef", "abcdef"),
        ("{'Authorization': 'AWS4-HMAC-SHA256 Signature=abcdef'}", "abcdef"),
        ("('authorization', 'Bearer abcdef')", "abcdef"),
        ("GET /k?X-Amz-Signature=abcdef&X-Amz-Date=1", "abcdef"),
        ("GET /k?X-Amz-Security-Token=abc%2Fdef", "abc%2Fdef"),
        ("x-amz-security-token: abcdef", "abcdef"),
        ("GET /k?AWSAccessKeyId=AK&Signature=abc%3D&Expires=1", "abc%3D"),
        ("?X-Amz-Credential=AKID%2F20260101%2Fus-east-1", "20260101"),
        ("x-amz-server-side-encryption-customer-key: c2VjcmV0", "c2VjcmV0"),
        ("Cookie: session=abcdef", "abcdef"),
        (f"?token={quote(LIVE, safe='')}&x=1", quote(LIVE, safe="")),
        ("{'SSECustomerKey': 'c2VjcmV0', 'Key': 'k'}", "c2VjcmV0"),
        ("CopySourceSSECustomerKey=c2VjcmV0", "c2VjcmV0"),
        ("aws_session_token = FwoGZXIvYXdzEBY", "FwoGZXIvYXdzEBY"),
        ("SecretAccessKey='abcdef'", "abcdef"),
    ],
)
def test_what_must_not_be_in_a_log_is_masked(text, hidden):
    masked = mask(text)
    assert hidden not in masked
    assert "***" in masked


def test_what_stands_around_a_mask_stays():
    text = "GET /k?X-Amz-Signature=abcdef&X-Amz-Date=1 status=403"
    assert mask(text) == "GET /k?X-Amz-Signature=***&X-Amz-Date=1 status=403"
    assert mask("bucket=b key=signature.txt size=3") == "bucket=b key=signature.txt size=3"


def test_a_word_that_happens_to_be_a_short_secret_stays():
    assert mask("bucket=test") == "bucket=test"


def test_names_of_keys_stay_where_they_are_no_secret():
    text = "sse_customer_key_md5=abc SSECustomerKeyMD5: abc"
    assert mask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "GET /b/k%3Fx%3D1%26X-Amz-Signature%3Dabcdef HTTP/1.1",
        "GET /b/k%3fX-Amz-Signature=abcdef?tagging HTTP/1.1",
        "GET /b?prefix=k%3FX-Amz-Signature%3Dabcdef&max-keys=1 HTTP/1.1",
    ],
)
def test_a_signature_that_is_encoded_once_too_often_is_masked_in_a_url(text):
    shown = mask_url(text)
    assert "abcdef" not in shown
    assert shown.startswith("GET /b")
    assert shown.endswith(" HTTP/1.1")


@pytest.mark.parametrize("text", ["/b/a%20b%C3%A9%ff%0a", "/b/%", "/b/k"])
def test_an_encoded_text_without_secrets_stays_as_it_is(text):
    assert mask_encoded(text) == text


def test_credentials_in_urls_are_masked() -> None:
    text = "'https://me:pw@host:8/a?token=x' and http://host/a, s3://b/k@1?versionId=2"
    masked = "'https://***@host:8/a?***' and http://host/a, s3://b/k@1?***"
    assert mask_credentials(text) == masked
    assert mask_credentials("no URL: me@host?") == "no URL: me@host?"
