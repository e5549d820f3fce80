import msgspec
import pytest

from s3d.agent.stores.remote.identity import (
    MAX_KEYS,
    Certainty,
    RemoteIdentity,
    account_number,
    confirmed,
    endpoint_of,
    match,
    new_identity,
    owner_of_key,
)
from s3d.shared.errors import UsageError

HERE = "https://s3.example.org"
ONE = RemoteIdentity("one", HERE, HERE, ("K1",), "owner-1")
TWO = RemoteIdentity("two", HERE, HERE, ("K2",), "owner-2")
UNOWNED = RemoteIdentity("unowned", HERE, HERE, ("K3",))
UNUSED = RemoteIdentity("unused", HERE, HERE)
ELSEWHERE = RemoteIdentity("else", "https://s3.example.com", "", ("K1",), "owner-1")


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("aws", "aws"),
        ("AWS", "aws"),
        ("https://s3.amazonaws.com", "aws"),
        ("https://s3.eu-central-1.amazonaws.com/", "aws"),
        ("https://s3.dualstack.us-west-2.amazonaws.com:443", "aws"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "aws"),
        ("http://s3.amazonaws.com", "http://s3.amazonaws.com"),
        (HERE, HERE),
        ("HTTPS://S3.Example.org:443/", HERE),
        ("https://s3.example.org.", HERE),
        ("https://s3.example.org:8443", "https://s3.example.org:8443"),
        ("http://s3.example.org", "http://s3.example.org"),
        ("http://127.0.0.1:8333/", "http://127.0.0.1:8333"),
        ("http://[0:0::1]:80", "http://[::1]"),
    ],
)
@pytest.mark.finding("D1")
def test_an_endpoint_is_scheme_host_and_port(url, endpoint):
    assert endpoint_of(url) == endpoint


def test_what_is_no_url_is_refused():
    with pytest.raises(UsageError):
        endpoint_of("ftp://s3.example.org")


@pytest.mark.parametrize(
    ("identities", "key", "owner", "found"),
    [
        # No identity at this endpoint.
        ([], "K1", "", (None, Certainty.NEW)),
        ([ELSEWHERE], "K1", "owner-1", (None, Certainty.NEW)),
        # The key is known.
        ([ONE], "K1", "", (ONE, Certainty.SAME)),
        ([TWO, ONE], "K1", "", (ONE, Certainty.SAME)),
        # A rotated key of a known owner.
        ([TWO, ONE], "K9", "owner-1", (ONE, Certainty.SAME)),
        # Another owner.
        ([TWO, ONE], "K9", "owner-9", (None, Certainty.NEW)),
        # Nobody knows whose the new key is.
        ([TWO, ONE], "K9", "", (TWO, Certainty.OPEN)),
        # The new key's owner is known, but not the one of the old key.
        ([ONE, UNOWNED], "K9", "owner-9", (UNOWNED, Certainty.OPEN)),
        # The first start had no credentials: the first key takes it.
        ([ONE, UNUSED], "K9", "", (UNUSED, Certainty.SAME)),
        ([ONE], "", "", (ONE, Certainty.OPEN)),
    ],
)
def test_which_identity_is_meant(identities, key, owner, found):
    assert match(identities, HERE, key, owner) == found


def test_a_session_key_is_recognised_by_its_account():
    old, new, other = "ASIAQNZGKIQY56JQ7WML", "ASIAQNZGKIQYZZZZZZZZ", "ASIAZZZZZZZZZZZZZZZZ"
    assert account_number(old) == account_number(new) == "029608264753"
    assert account_number(other) not in ("", "029608264753")
    assert account_number("AKIAQNZGKIQY56JQ7WML") == account_number("short") == ""
    denied = RemoteIdentity("role", "aws", "aws", (old,))
    assert match([denied], "aws", new) == (denied, Certainty.SAME)
    assert match([denied], "aws", other) == (denied, Certainty.OPEN)


def test_a_confirmed_key_is_listed_once_and_the_owner_stays():
    found = confirmed(ONE, "K5", "owner-5")
    assert (found.keys, found.owner) == (("K1", "K5"), "owner-1")
    assert confirmed(found, "K1").keys == ("K1", "K5")
    assert confirmed(UNOWNED, "", "owner-3").owner == "owner-3"
    for number in range(100):
        found = confirmed(found, f"N{number}")
    assert (len(found.keys), found.keys[-1]) == (MAX_KEYS, "N99")


def test_an_owner_is_known_by_the_key():
    assert owner_of_key([ELSEWHERE, ONE, TWO], HERE, "K2") == "owner-2"
    assert owner_of_key([ONE, UNOWNED], HERE, "K3") == ""


def test_ids_are_names_of_folders_and_differ_by_account():
    first = new_identity("https://S3.example.org:8443/", "K1", "", 5.0)
    assert first.id.startswith("s3-example-org-8443-")
    assert (first.endpoint, first.keys, first.first_seen) == (
        "https://s3.example.org:8443", ("K1",), 5.0)  # fmt: skip
    assert first.id != new_identity("https://s3.example.org:8443", "K2", "", 5.0).id
    assert new_identity("aws", "", "o", 0.0).id.startswith("aws-")
    assert msgspec.json.decode(msgspec.json.encode(first), type=RemoteIdentity) == first
