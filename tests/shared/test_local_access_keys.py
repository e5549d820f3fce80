"""The keys of one agent, listed and changed in its file, with or without a configured key."""

import pytest

from s3d.shared.access_key_changes import KeyRequest, RotateRequest
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.errors import NotFoundError, S3dError
from s3d.shared.local_access_keys import LocalKeys
from s3d.shared.paths import find_places

NOW = 1_800_000_000.0


def opened(tmp_path, **given):
    config = Config(local_dir=tmp_path, **given)
    return LocalKeys(find_places(config, {}), config, clock=lambda: NOW)


def test_the_first_change_makes_the_default_key_too(tmp_path):
    keys = opened(tmp_path)
    new = keys.create(KeyRequest("ci", lifetime=60.0))
    assert (new.key.created, new.key.expires) == (NOW, NOW + 60)
    assert [key.name for key in keys.list_keys().keys] == ["default", "ci"]
    assert [key.name for key in keys.revoke("ci").keys] == ["ci"]
    with pytest.raises(NotFoundError):
        keys.revoke("ci")


def test_a_configured_key_is_listed_and_not_changed(tmp_path):
    given = {"access_key_id": "mine", "secret_access_key": Secret("0123456789")}
    keys = opened(tmp_path, **given)
    keys.create(KeyRequest("ci"))
    assert keys.list_keys().keys[0].access_key_id == "mine"
    for change in (
        lambda: keys.rotate("default", RotateRequest()),
        lambda: keys.rotate("mine", RotateRequest()),
        lambda: keys.revoke("mine"),
    ):
        with pytest.raises(S3dError, match="not in the file"):
            change()
    assert keys.rotate("ci", RotateRequest()).key.name == "ci"
