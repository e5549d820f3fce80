import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.shared.config.validators import (
    parse_admin,
    parse_endpoint,
    parse_max_age,
    parse_policy_server,
    parse_remote,
    parse_token,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:33333", "http://127.0.0.1:33333"),
        ("http://localhost:0/", "http://localhost:0"),
        ("HTTP://LocalHost:80", "http://localhost:80"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://0.0.0.0:9000", "http://0.0.0.0:9000"),
    ],
)
def test_an_endpoint_is_put_into_one_form(text, expected):
    assert parse_endpoint(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://127.0.0.1:1", "only http"),
        ("http://127.0.0.1", "port is missing"),
        ("http://127.0.0.1:", "port is missing"),
        ("http://127.0.0.1:99999", "not a URL"),
        ("http://127.0.0.1:http", "not a URL"),
        ("http://:1", "not a URL with a host"),
        ("127.0.0.1:33333", "not a URL"),
        ("localhost:33333", "not a URL"),
        ("33333", "not a URL"),
        ("", "not a URL"),
        ("http://h:1/path", "no path"),
        ("http://h:1?q", "no query"),
        ("http://h:1#f", "no fragment"),
        ("http://me:secret@h:1", "credentials"),
        ("http://h_h:1", "not the name"),
        ("http://[::1:1", "not a URL"),
        ("unix:///tmp/x", "not a URL with a host"),
    ],
)
def test_an_endpoint_that_is_none_is_explained(text, why):
    with pytest.raises(ValueError, match=why) as caught:
        parse_endpoint(text)
    assert "http://HOST:PORT" in str(caught.value)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_an_endpoint_is_read_or_refused_and_nothing_else(text):
    try:
        found = parse_endpoint(text)
    except ValueError as error:
        found = str(error)
    assert "http://" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aws", "aws"),
        ("AWS", "aws"),
        ("https://s3.example.org", "https://s3.example.org"),
        ("HTTP://LocalHost:9000/", "http://localhost:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("https://s3.example.org:443", "https://s3.example.org:443"),
    ],
)
def test_a_remote_is_put_into_one_form(text, expected):
    assert parse_remote(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gcs", "not a URL"),
        ("s3://bucket", "not a URL of HTTP"),
        ("https://", "not a URL of HTTP with a host"),
        ("https://h:port", "not a URL"),
        ("https://h/bucket", "nothing may follow the host"),
        ("https://h?x", "nothing may follow the host"),
        ("https://me:secret@h", "credentials"),
        ("https://h_h", "not the name"),
    ],
)
def test_a_remote_that_is_none_is_explained(text, why):
    with pytest.raises(ValueError, match=why):
        parse_remote(text)


@pytest.mark.parametrize(("text", "expected"), [("none", None), ("off", None), ("1h", 3600.0)])
def test_an_age_may_be_without_limit(text, expected):
    assert parse_max_age(text) == expected


@pytest.mark.parametrize(
    "text", ["http://opa:8181", "https://opa", "http://[::1]:8181/v1/data/mine", "unix:///run/opa"]
)
def test_a_policy_server(text):
    assert parse_policy_server(text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("opa:8181", "write http"),
        ("http://:8181", "write http"),
        ("http://opa:port", "write http"),
        ("http://opa:99999", "write http"),
        ("ftp://opa", "write http"),
        ("unix://run/opa", "write http"),
        ("unix:///", "write http"),
        ("http://user:secret@opa", "credentials"),
    ],
)
def test_no_policy_server(text, why):
    with pytest.raises(ValueError, match=why) as caught:
        parse_policy_server(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["off", "OFF"])
def test_the_admin_address_can_be_switched_off(text):
    assert parse_admin(text) == ""


def test_the_admin_address_is_as_an_endpoint_with_an_example_of_its_own():
    assert parse_admin("HTTP://LocalHost:80/") == "http://localhost:80"
    with pytest.raises(ValueError, match=r"such as http://127\.0\.0\.1:33334, or off"):
        parse_admin("33334")


@pytest.mark.parametrize("text", ["0123456789abcdef", "a-._~+/0123456789==", "x" * 256])
def test_a_token_is_one_that_a_header_can_carry(text):
    assert parse_token(text).reveal() == text


@pytest.mark.parametrize(
    "text",
    ["", "short", "0123456789abcde", "x" * 257, "0123456789 abcdef", "0123456789abcd\u00e9f"],
)
def test_a_token_that_is_short_or_has_other_characters_is_refused(text):
    with pytest.raises(ValueError, match="16 to 256"):
        parse_token(text)
