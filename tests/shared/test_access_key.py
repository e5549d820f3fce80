"""Owners have ids as AWS shows them; names and scopes of keys follow rules."""

import re

import pytest

from s3d.agent.s3.acl import OWNER
from s3d.shared.access_key import (
    DEFAULT_OWNER,
    check_name,
    check_scope,
    owner_named,
)
from s3d.shared.errors import UsageError


@pytest.mark.parametrize("name", [DEFAULT_OWNER, "alice", "bob", "", "ä", "x" * 200])
def test_the_ids_of_an_owner_have_the_form_of_aws(name: str) -> None:
    owner = owner_named(name)
    assert re.fullmatch(r"[0-9a-f]{64}", owner.canonical_id)
    assert re.fullmatch(r"[0-9]{12}", owner.account_id)
    assert owner.members == {"ID": owner.canonical_id, "DisplayName": name}


def test_the_ids_of_an_owner_never_change() -> None:
    """Records and policies on the disk name them."""
    assert owner_named("alice").canonical_id == (
        "20c9c99213d3cbf9af7ba9c56bdf0c73115ff1477f08c7f07dadc7b2f2bafd64"
    )
    assert owner_named("alice").account_id == "906998157443"
    assert owner_named(DEFAULT_OWNER).canonical_id == OWNER["ID"]


def test_no_two_owners_share_an_id() -> None:
    owners = [owner_named(name) for name in (DEFAULT_OWNER, *map(str, range(10_000)))]
    assert len({owner.canonical_id for owner in owners}) == len(owners)
    assert len({owner.account_id for owner in owners}) == len(owners)


@pytest.mark.parametrize("name", ["a", "ci", "Alice.B+x=1,2@home_-", "x" * 64])
def test_names_that_iam_allows(name: str) -> None:
    check_name("key", name)


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a/b", "../x", "ä", "a\n", "a\0", "*", '"'])
def test_names_that_iam_refuses(name: str) -> None:
    for what in ("key", "owner"):
        with pytest.raises(UsageError, match=what):
            check_name(what, name)


@pytest.mark.parametrize(
    ("bucket", "prefix"),
    [("", ""), ("b2", ""), ("photos", "a/b/"), ("photos", "log-"), ("Old_Name", "größe/")],
)
def test_scopes(bucket: str, prefix: str) -> None:
    check_scope(bucket, prefix)


@pytest.mark.parametrize(
    ("bucket", "prefix"),
    [
        ("", "p/"),
        ("b", ""),
        ("a/b", ""),
        ("..", "x"),
        ("b*c", ""),
        ("x" * 256, ""),
        ("photos", "../x"),
        ("photos", "a/../b"),
        ("photos", "a/./b"),
        ("photos", "a/.."),
        ("photos", "a\nb"),
        ("photos", "a\0"),
        ("photos", "\x85"),
        ("photos", "\u202e"),
        ("photos", "\ud800"),
        ("photos", "x" * 1025),
        ("photos", "ä" * 513),
    ],
)
def test_scopes_that_nobody_can_mean(bucket: str, prefix: str) -> None:
    with pytest.raises(UsageError):
        check_scope(bucket, prefix)
