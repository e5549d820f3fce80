"""Changes of the keys are durable and atomic, and files of older versions open."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from s3d.shared import access_key_changes, access_key_file
from s3d.shared.access_key import AccessKey
from s3d.shared.access_key_changes import KeyRequest
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.errors import S3dError
from s3d.shared.paths import find_places

NOW = 1_800_000_000.0


@pytest.fixture
def places(tmp_path):
    return find_places(Config(local_dir=tmp_path), {})


def add(path: Path, request: KeyRequest) -> AccessKey:
    return access_key_file.change_keys(
        path, lambda keys: access_key_changes.create(keys, request, NOW)
    )[1]


def test_a_change_is_read_back_as_it_was_made(places):
    default = access_key_file.load_keys(places, Config())[0]
    request = KeyRequest("c+i", "o@x", "photos", 'a "b" \\ größe/', read_only=True, lifetime=9.5)
    key = add(places.credentials_file, request)
    assert access_key_file.load_keys(places, Config()) == [default, key]
    assert stat.S_IMODE(places.credentials_file.stat().st_mode) == 0o600
    assert [path.name for path in places.state_dir.iterdir()] == ["credentials"]


def test_changes_at_the_same_time_are_all_kept(places):
    default = access_key_file.load_keys(places, Config())[0]
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: add(places.credentials_file, KeyRequest()), range(24)))
    stored = access_key_file.load_keys(places, Config())
    assert stored[0] == default
    assert {k.access_key_id for k in stored[1:]} == {k.access_key_id for k in keys}


def test_a_refused_change_leaves_the_file_as_it_was(places):
    access_key_file.load_keys(places, Config())[0]
    before = places.credentials_file.read_bytes()
    with pytest.raises(S3dError):
        add(places.credentials_file, KeyRequest("default"))
    assert places.credentials_file.read_bytes() == before


VERSION_1 = 'version = 1\n\n[[key]]\nid = "S3DOLD"\nsecret = "old"\n'


def test_a_file_of_version_1_opens_and_becomes_version_2_by_a_change(places):
    places.state_dir.mkdir(mode=0o700, parents=True)
    places.credentials_file.touch(0o600)
    places.credentials_file.write_text(VERSION_1)
    old = access_key_file.load_keys(places, Config())[0]
    assert (old.access_key_id, old.secret.reveal(), old.name) == ("S3DOLD", "old", "default")
    assert places.credentials_file.read_text() == VERSION_1
    key = add(places.credentials_file, KeyRequest("ci"))
    assert access_key_file.load_keys(places, Config()) == [old, key]
    assert places.credentials_file.read_text().startswith("version = 2\n")


def test_a_configured_key_takes_the_place_of_the_default_one_only(places):
    config = Config(access_key_id="mine", secret_access_key=Secret("0123456789"))
    key = add(places.credentials_file, KeyRequest("ci"))
    mine, other = access_key_file.load_keys(places, config)
    assert (mine.access_key_id, mine.name, other) == ("mine", "default", key)
    default, other = access_key_file.load_keys(places, Config())  # as if the setting were removed
    assert (default.name, other) == ("default", key)
    assert [k.access_key_id for k in access_key_file.load_keys(places, config)] == [
        "mine",
        key.access_key_id,
    ]


def test_a_configured_key_wins_over_one_of_the_file_with_its_id(places):
    key = add(places.credentials_file, KeyRequest("ci", read_only=True))
    config = Config(access_key_id=key.access_key_id, secret_access_key=Secret("0123456789"))
    (mine,) = access_key_file.load_keys(places, config)
    assert (mine.secret.reveal(), mine.read_only) == ("0123456789", False)


def test_no_answer_but_that_of_a_new_key_has_a_secret(places):
    key = add(places.credentials_file, KeyRequest("ci"))
    secret = key.secret.reveal()
    assert secret not in repr(access_key_changes.key_info(key, NOW))
    assert secret not in repr(key)
    assert access_key_changes.new_key(key, NOW).secret_access_key == secret
