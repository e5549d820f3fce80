from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.routing import parse_address
from s3d.agent.stores.remote.addressing import (
    Addressing,
    Location,
    Target,
    known_order,
    same_address,
)
from s3d.shared.errors import UsageError

SERVER = "http://127.0.0.1:8333"


@pytest.mark.parametrize(
    ("url", "netloc"),
    [
        ("http://127.0.0.1:8333", "127.0.0.1:8333"),
        ("http://S3.Example.org/", "s3.example.org"),
        ("https://s3.example.org:443", "s3.example.org"),
        ("https://s3.example.org:80", "s3.example.org:80"),
        ("http://[::1]:9000", "[::1]:9000"),
    ],
)
def test_url(url: str, netloc: str) -> None:
    assert Target.parse(url).netloc == netloc


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.org", "ftp://example.org", "http://", "http://h:99999", "http://h/path"),
        *("http://h?x=1", "http://h#x", "http://user:secret@h", "http://[::1"),
    ],
)
def test_a_url_that_cannot_be_a_remote(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Target.parse(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "s3.eu-central-1.amazonaws.com"),
        ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ("us-iso-east-1", "s3.us-iso-east-1.c2s.ic.gov"),
    ],
)
def test_aws(region: str, host: str) -> None:
    target = Target.aws(region)
    assert (target.scheme, target.host) == ("https", host)


@pytest.mark.parametrize(
    ("url", "addressing", "bucket", "key", "location"),
    [
        (SERVER, "auto", "", "", Location("127.0.0.1:8333", "/")),
        (SERVER, "auto", "bucket", "", Location("127.0.0.1:8333", "/bucket")),
        (SERVER, "auto", "bucket", "a/b", Location("127.0.0.1:8333", "/bucket/a/b")),
        (SERVER, "virtual", "bucket", "k", Location("bucket.127.0.0.1:8333", "/k")),
        (SERVER, "virtual", "dotted.name", "k", Location("127.0.0.1:8333", "/dotted.name/k")),
        (SERVER, "virtual", "Old_Name", "k", Location("127.0.0.1:8333", "/Old_Name/k")),
        ("https://s3.eu-west-1.amazonaws.com", "auto", "bucket", "",
         Location("bucket.s3.eu-west-1.amazonaws.com", "/")),
        ("https://s3.eu-west-1.amazonaws.com", "auto", "a.b", "k",
         Location("s3.eu-west-1.amazonaws.com", "/a.b/k")),
        ("https://s3.eu-west-1.amazonaws.com", "path", "bucket", "k",
         Location("s3.eu-west-1.amazonaws.com", "/bucket/k")),
        (SERVER, "auto", "bucket", "a//../ü +%", Location(
            "127.0.0.1:8333", "/bucket/a//../%C3%BC%20%2B%25")),
    ],
)  # fmt: skip
def test_location(
    url: str, addressing: Addressing, bucket: str, key: str, location: Location
) -> None:
    assert Target.parse(url, addressing).locate(bucket, key) == location


@pytest.mark.parametrize("bucket", ["a/b", "..", "a b", "a?x", "a#x", "ü", "a%2Fb", "a@b", "a:1"])
def test_a_bucket_that_would_be_another_place_is_refused(bucket: str) -> None:
    with pytest.raises(S3Error, match="InvalidBucketName"):
        Target.parse(SERVER, "virtual").locate(bucket)


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30))
def test_a_key_is_found_again_under_its_path(key: str) -> None:
    location = Target.parse(SERVER).locate("bucket", key)
    try:
        address = parse_address(location.host, location.raw_path, ())
    except S3Error:
        assert ".." in key
    else:
        assert (address.bucket, address.key) == ("bucket", key)


@pytest.mark.parametrize(
    ("remote", "own", "same"),
    [
        ("http://127.0.0.1:33333", ("127.0.0.1", 33333), True),
        ("http://127.0.0.1:33334", ("127.0.0.1", 33333), False),
        ("http://localhost:33333", ("127.0.0.1", 33333), True),
        ("http://LOCALHOST.:33333", ("127.0.0.1", 33333), True),
        ("http://s3.localhost:33333", ("::1", 33333), True),
        ("http://[::1]:33333", ("::1", 33333), True),
        ("http://[0:0::1]:33333", ("::1", 33333), True),
        ("http://[::ffff:127.0.0.1]:33333", ("127.0.0.1", 33333), True),
        ("http://127.0.0.2:33333", ("127.0.0.1", 33333), False),
        ("http://127.0.0.2:33333", ("0.0.0.0", 33333), True),
        ("http://0.0.0.0:33333", ("127.0.0.1", 33333), True),
        ("http://[::1]:33333", ("::", 33333), True),
        ("http://10.0.0.5:33333", ("10.0.0.5", 33333), True),
        ("http://nas.example:33333", ("nas.example", 33333), True),
        ("http://nas.example:33333", ("127.0.0.1", 33333), False),
        ("http://127.0.0.1", ("127.0.0.1", 80), True),
        ("aws", ("127.0.0.1", 443), False),
        ("nonsense", ("127.0.0.1", 33333), False),
    ],
)
def test_same_address(remote: str, own: tuple[str, int], same: bool) -> None:
    assert same_address(remote, [("10.9.9.9", 1), own]) is same


@pytest.mark.finding("S8")
@pytest.mark.parametrize(
    ("remote", "bucket", "order"),
    [
        ("aws", "photos", "bytes"),
        ("https://s3.eu-west-1.amazonaws.com", "photos", "bytes"),
        ("aws", "photos--use1-az4--x-s3", "other"),
        ("https://s3.example.org", "photos", ""),
    ],
)
def test_the_order_of_listings_is_known_of_aws_only(remote, bucket, order):
    assert known_order(remote, bucket) == order
