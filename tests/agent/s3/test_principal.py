"""Owners have ids as AWS shows them; a principal knows whether anything restricts it."""

import re

import pytest

from s3d.agent.s3.acl import OWNER
from s3d.agent.s3.principal import (
    ANONYMOUS,
    DEFAULT_OWNER,
    KeyScope,
    Principal,
    owner_named,
    owner_of,
)


def principal(**changes: object) -> Principal:
    given: dict[str, object] = {
        "access_key_id": "K",
        "owner": "f" * 64,
        "display_name": "o",
        "account_id": "1" * 12,
        "arn": "a",
    }
    return Principal(**given | changes)  # type: ignore[arg-type]


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


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": KeyScope("b", "")},
        {"is_read_only": True},
        {"session_policies": ("{}",)},
        {"access_key_id": ""},
    ],
)
def test_whatever_restricts_a_principal_shows_in_one_attribute(changes: dict[str, object]) -> None:
    assert principal(**changes).is_restricted
    assert not principal().is_restricted
    assert not principal(expires=1.0).is_restricted


def test_anonymous_is_restricted_and_belongs_to_no_account() -> None:
    assert ANONYMOUS.is_anonymous
    assert ANONYMOUS.is_restricted
    assert not principal().is_anonymous


def test_the_agent_itself_acts_for_the_default_owner() -> None:
    assert owner_of(None) == OWNER
    assert owner_of(principal()) == {"ID": "f" * 64, "DisplayName": "o"}
