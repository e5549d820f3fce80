"""The keys of the clients, and whom they stand for."""

import pytest

from s3d.agent.core.access_keys import AccessKeys, principal_of
from s3d.agent.s3.acl import OWNER
from s3d.agent.s3.principal import KeyScope
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
    assert keys.principal_of("S3DTWO").arn.endswith("user/ci")
    with pytest.raises(KeyError):
        keys.principal_of("S3DONE")
