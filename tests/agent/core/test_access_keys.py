"""The keys of the clients, and whom they stand for."""

import time

import msgspec
import pytest

from s3d.agent.core.access_keys import AccessKeys, OpenedSession, principal_of
from s3d.agent.s3.acl import OWNER
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.principal import KeyScope, Principal
from s3d.agent.s3.session_token import Session
from s3d.shared.access_key import AccessKey, owner_named
from s3d.shared.config.values import Secret

KEY = AccessKey("S3DONE", Secret("one"))
TEAM = AccessKey(
    "S3DTWO", Secret("two"), "ci", "team", bucket="b", prefix="p/", read_only=True, expires=5.0
)


def test_the_default_key_is_the_root_user_of_the_default_owner() -> None:
    principal = principal_of(KEY)
    assert principal.owner_members == OWNER
    assert principal.arn == "arn:aws:iam::000000000000:root"
    assert not principal.is_restricted


def test_another_key_is_a_user_of_its_owner() -> None:
    principal, owner = principal_of(TEAM), owner_named("team")
    assert principal.owner_members == owner.members
    assert principal.arn == f"arn:aws:iam::{owner.account_id}:user/ci"
    assert principal.scope == KeyScope("b", "p/")
    assert (principal.is_read_only, principal.expires) == (True, 5.0)


def test_keys_are_replaced_as_a_whole() -> None:
    keys = AccessKeys([KEY])
    assert keys.secret_of("S3DONE") == "one"
    assert keys.secret_of("S3DTWO") is None
    keys.replace([TEAM])
    assert keys.secret_of("S3DONE") is None
    assert keys.principal_of("S3DTWO", 0.0).arn.endswith("user/ci")
    with pytest.raises(S3Error, match="InvalidAccessKeyId"):
        keys.principal_of("S3DONE", 0.0)


# ---------------------------------------------------------------- expiry


def test_a_key_is_valid_until_it_expires() -> None:
    keys = AccessKeys([KEY, TEAM])
    assert keys.principal_of("S3DTWO", 4.999).account_id
    with pytest.raises(S3Error) as caught:
        keys.principal_of("S3DTWO", 5.0)
    assert caught.value.code == "InvalidAccessKeyId"
    assert "expired" in caught.value.message
    assert keys.principal_of("S3DONE", 1e12).account_id


# ---------------------------------------------------------------- temporary credentials


def session(**changes: object) -> Session:
    return msgspec.structs.replace(Session("", 1_000, ""), **changes)


def open_session(keys: AccessKeys, caller: Principal, **changes: object) -> OpenedSession:
    made = keys.new_session(caller, session(**changes))
    opened = keys.of_session(made.credentials.token, 0.0)
    assert opened == made
    return opened


def test_a_session_has_the_owner_and_the_limits_of_its_key() -> None:
    keys = AccessKeys([KEY, TEAM])
    principal = open_session(keys, principal_of(TEAM)).principal
    assert principal.owner == owner_named("team").canonical_id
    assert (principal.scope, principal.is_read_only) == (KeyScope("b", "p/"), True)
    assert principal.arn.endswith("user/ci")
    assert principal.parent == "S3DTWO"
    assert principal.expires == 5.0  # with its key


def test_an_assumed_role_has_an_arn_of_its_own_in_the_account_of_the_caller() -> None:
    keys = AccessKeys([KEY])
    principal = open_session(
        keys, principal_of(KEY), role="r", name="me", policies=("{}",)
    ).principal
    assert principal.arn == "arn:aws:sts::000000000000:assumed-role/r/me"
    assert (principal.expires, principal.session_policies) == (1_000.0, ("{}",))
    assert principal.is_restricted


def test_a_session_of_a_session_keeps_every_policy() -> None:
    keys = AccessKeys([KEY])
    one = open_session(keys, principal_of(KEY), policies=("1",)).principal
    two = open_session(keys, one, role="r", name="me", policies=("2",)).principal
    assert two.session_policies == ("1", "2")
    assert two.parent == "S3DONE"


def test_the_credentials_of_a_session_are_known_with_its_token_only() -> None:
    keys = AccessKeys([KEY])
    opened = open_session(keys, principal_of(KEY))
    credentials = opened.credentials
    assert opened.secret_of(credentials.access_key_id) == credentials.secret
    assert opened.secret_of("S3DONE") is None
    assert keys.secret_of(credentials.access_key_id) is None


def test_a_session_ends_at_its_time() -> None:
    keys = AccessKeys([KEY])
    token = open_session(keys, principal_of(KEY)).credentials.token
    keys.of_session(token, 999.9)
    with pytest.raises(S3Error) as caught:
        keys.of_session(token, 1_000.0)
    assert (caught.value.code, caught.value.status) == ("ExpiredToken", 400)


def test_a_session_survives_a_restart_and_ends_with_its_key() -> None:
    token = open_session(AccessKeys([KEY, TEAM]), principal_of(KEY)).credentials.token
    keys = AccessKeys([KEY, TEAM])
    assert keys.of_session(token, 0.0).principal.parent == "S3DONE"
    keys.replace([TEAM])
    with pytest.raises(S3Error, match="InvalidToken"):
        keys.of_session(token, 0.0)
    keys.replace([AccessKey("S3DONE", Secret("another"))])
    with pytest.raises(S3Error, match="InvalidToken"):
        keys.of_session(token, 0.0)


def test_a_revoked_key_makes_no_session() -> None:
    keys = AccessKeys([KEY])
    with pytest.raises(S3Error, match="InvalidToken"):
        keys.new_session(principal_of(TEAM), session())


def test_ten_thousand_keys_are_looked_up_and_replaced_quickly() -> None:
    many = [AccessKey(f"S3D{n:017d}", Secret(f"{n:040d}"), f"k{n}") for n in range(10_000)]
    keys = AccessKeys(many)
    before = time.thread_time()
    keys.replace(many)
    assert time.thread_time() - before < 0.02, "it runs on the event loop"
    assert keys.secret_of("S3D" + "9999".zfill(17)) == "9999".zfill(40)
    assert keys.principal_of("S3D" + "42".zfill(17), 0.0).arn.endswith("user/k42")
