"""A principal knows whether anything restricts it."""

import pytest

from s3d.agent.s3.acl import OWNER
from s3d.agent.s3.principal import ANONYMOUS, KeyScope, Principal, owner_of


def principal(**changes: object) -> Principal:
    given: dict[str, object] = {
        "access_key_id": "K",
        "owner": "f" * 64,
        "display_name": "o",
        "account_id": "1" * 12,
        "arn": "a",
    }
    return Principal(**given | changes)  # type: ignore[arg-type]


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
