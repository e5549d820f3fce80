"""Keys are created, rotated and revoked."""

import pytest

from s3d.shared import access_key_changes
from s3d.shared.access_key import AccessKey, owner_named
from s3d.shared.access_key_changes import KeyRequest, RotateRequest
from s3d.shared.config.values import Secret
from s3d.shared.errors import NotFoundError, S3dError, UsageError

NOW = 1_800_000_000.0
DEFAULT = AccessKey("S3DDEFAULT", Secret("d"))


def made(*requests: KeyRequest) -> list[AccessKey]:
    keys = [DEFAULT]
    for request in requests:
        keys, _ = access_key_changes.create(keys, request, NOW)
    return keys


def test_a_new_key_has_what_was_asked_for():
    request = KeyRequest("ci", "team", "photos", "2024/", read_only=True, lifetime=60.0)
    keys, key = access_key_changes.create([DEFAULT], request, NOW)
    assert keys == [DEFAULT, key]
    assert (key.name, key.owner, key.bucket, key.prefix) == ("ci", "team", "photos", "2024/")
    assert (key.read_only, key.created, key.expires) == (True, NOW, NOW + 60)
    info = access_key_changes.key_info(key, NOW)
    owner = owner_named("team")
    assert (info.owner_id, info.account_id) == (owner.canonical_id, owner.account_id)
    assert info.arn == f"arn:aws:iam::{owner.account_id}:user/ci"
    assert access_key_changes.key_info(DEFAULT, NOW).arn == "arn:aws:iam::000000000000:root"


def test_keys_without_a_name_get_one_each():
    keys = made(KeyRequest(), KeyRequest("key-2"), KeyRequest(), KeyRequest())
    assert [key.name for key in keys[1:]] == ["key-1", "key-2", "key-3", "key-4"]
    assert len({key.access_key_id for key in keys}) == 5
    assert len({key.secret.reveal() for key in keys}) == 5


@pytest.mark.parametrize("name", ["ci", "default"])
def test_a_name_is_taken_once(name):
    with pytest.raises(S3dError, match="a key of this name exists"):
        access_key_changes.create(made(KeyRequest("ci")), KeyRequest(name), NOW)


@pytest.mark.parametrize("lifetime", [0.0, -1.0, 1e12, float("inf"), float("nan")])
def test_a_lifetime_is_finite(lifetime):
    with pytest.raises(UsageError):
        access_key_changes.create([DEFAULT], KeyRequest("ci", lifetime=lifetime), NOW)


def test_there_are_at_most_ten_thousand():
    keys = [AccessKey(str(n), Secret("s"), str(n)) for n in range(access_key_changes.MAX_KEYS)]
    with pytest.raises(S3dError, match="too many keys"):
        access_key_changes.create(keys, KeyRequest("ci"), NOW)


def test_a_rotation_keeps_the_old_key_for_a_while():
    keys, old = access_key_changes.create([DEFAULT], KeyRequest("ci", "o", "photos", "p/"), NOW)
    keys, new = access_key_changes.rotate(keys, "ci", RotateRequest(grace=100.0), NOW)
    assert (new.name, new.owner, new.bucket, new.prefix) == ("ci", "o", "photos", "p/")
    assert new.access_key_id != old.access_key_id
    assert new.secret != old.secret
    kept = next(key for key in keys if key.access_key_id == old.access_key_id)
    assert (kept.replaced, kept.expires) == (True, NOW + 100)
    assert access_key_changes.key_named(keys, "ci") == new
    assert access_key_changes.key_info(kept, NOW).state == "rotated"
    assert access_key_changes.key_info(kept, NOW + 100).state == "expired"


def test_a_rotation_without_grace_ends_the_old_key_at_once():
    keys, _ = access_key_changes.rotate([DEFAULT], "default", RotateRequest(grace=0.0), NOW)
    assert [key.name for key in keys] == ["default"]
    assert keys[0].access_key_id != DEFAULT.access_key_id


def test_a_rotation_never_makes_a_key_last_longer():
    keys, old = access_key_changes.create([DEFAULT], KeyRequest("ci", lifetime=50.0), NOW)
    keys, new = access_key_changes.rotate(keys, "ci", RotateRequest(grace=100.0), NOW)
    assert new.expires == old.expires == keys[1].expires == NOW + 50
    _, longer = access_key_changes.rotate(keys, "ci", RotateRequest(lifetime=500.0), NOW)
    assert longer.expires == NOW + 500


def test_an_expired_key_is_rotated_with_a_new_time_only():
    keys = made(KeyRequest("ci", lifetime=50.0))
    with pytest.raises(S3dError, match="expired"):
        access_key_changes.rotate(keys, "ci", RotateRequest(), NOW + 50)
    _, new = access_key_changes.rotate(keys, "ci", RotateRequest(lifetime=9.0), NOW + 50)
    assert new.expires == NOW + 59


def test_a_key_that_was_rotated_cannot_be_rotated_again():
    keys, old = access_key_changes.create([DEFAULT], KeyRequest("ci"), NOW)
    keys, _ = access_key_changes.rotate(keys, "ci", RotateRequest(), NOW)
    with pytest.raises(S3dError, match="has been rotated"):
        access_key_changes.rotate(keys, old.access_key_id, RotateRequest(), NOW)


def test_rotated_keys_are_forgotten_once_they_have_expired():
    keys = made(KeyRequest("ci"))
    for day in range(5):
        keys, _ = access_key_changes.rotate(
            keys, "ci", RotateRequest(grace=10.0), NOW + 86_400 * day
        )
    assert [key.name for key in keys] == ["default", "ci", "ci"]


def test_a_revoked_name_takes_its_rotated_keys_along():
    keys, old = access_key_changes.create([DEFAULT], KeyRequest("ci"), NOW)
    keys, new = access_key_changes.rotate(keys, "ci", RotateRequest(), NOW)
    assert access_key_changes.revoke(keys, "ci")[0] == [DEFAULT]
    alone = access_key_changes.revoke(keys, old.access_key_id)[0]
    assert alone == [DEFAULT, new]


def test_the_default_key_stays():
    keys, _ = access_key_changes.rotate([DEFAULT], "default", RotateRequest(), NOW)
    for name in ("default", keys[-1].access_key_id):
        with pytest.raises(S3dError, match="cannot be revoked"):
            access_key_changes.revoke(keys, name)
    assert access_key_changes.revoke(keys, DEFAULT.access_key_id)[0] == [keys[-1]]


@pytest.mark.parametrize("name", ["nobody", "", "CI", "S3D"])
def test_an_unknown_name(name):
    for change in (access_key_changes.revoke, access_key_changes.key_named):
        with pytest.raises(NotFoundError, match="no such key"):
            change(made(KeyRequest("ci")), name)
