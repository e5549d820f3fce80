import os
import stat

import msgspec
import pytest

from s3d.agent.storage.encrypted_blocks import KeyUnavailable
from s3d.agent.storage.key_ring import KeyRing


def ring_in(folder):
    ring = KeyRing(folder / "keyring", lambda: 1_000.0)
    ring.load()
    return ring


@pytest.fixture
def ring(tmp_path):
    return ring_in(tmp_path)


def test_no_folder_is_made_before_a_key_is_needed(ring, tmp_path):
    assert ring.named("AES256") is None
    assert ring.missing({}) == []
    assert not (tmp_path / "keyring").exists()


def test_a_key_is_there_after_a_restart(ring, tmp_path):
    made = ring.create("alias/aws/s3")
    again = ring_in(tmp_path)
    assert again.problems == []
    assert again.named("alias/aws/s3").key == again.key(made.id).key == made.key
    assert again.missing({made.id: made.check}) == []


def test_only_the_owner_reads_the_keys(ring, tmp_path):
    key = ring.create("AES256")
    folder = tmp_path / "keyring"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / f"{key.id}.json").stat().st_mode) == 0o600
    assert key.key.hex() not in repr(key)
    assert repr(key.key) not in repr(key)


def test_a_key_that_others_can_read_is_a_problem(ring, tmp_path):
    key = ring.create("AES256")
    path = tmp_path / "keyring" / f"{key.id}.json"
    path.chmod(0o640)
    again = ring_in(tmp_path)
    assert again.problems == [f"other users can read the key file {path}: chmod 600 {path}"]
    assert again.key(key.id).key == key.key


def test_a_lost_key_is_named(ring, tmp_path):
    key = ring.create("AES256")
    (tmp_path / "keyring" / f"{key.id}.json").unlink()
    again = ring_in(tmp_path)
    (problem,) = again.missing({key.id: key.check})
    assert key.id in problem
    assert "missing" in problem
    with pytest.raises(KeyUnavailable, match=key.id):
        again.key(key.id)


def test_another_key_under_the_same_id_is_never_used(ring, tmp_path):
    key = ring.create("AES256")
    path = tmp_path / "keyring" / f"{key.id}.json"
    content = msgspec.json.decode(path.read_bytes())
    other = msgspec.json.encode(os.urandom(32)).decode().strip('"')
    path.write_bytes(msgspec.json.encode({**content, "key": other}))
    again = ring_in(tmp_path)
    (problem,) = again.missing({key.id: key.check})
    assert "another key" in problem
    assert again.named("AES256") is None
    with pytest.raises(KeyUnavailable):
        again.key(key.id)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "truncated"),
        (b'{"version": 2, "id": "a", "name": "n", "key": "", "created": 0}', "newer s3d"),
        (b'{"version": 1, "id": "a", "name": "n", "key": "QUJD", "created": 0}', "3 bytes"),
    ],
)
def test_a_file_that_is_no_key_is_a_problem_and_not_the_end(ring, tmp_path, content, reason):
    key = ring.create("AES256")
    path = tmp_path / "keyring" / "a.json"
    path.write_bytes(content)
    path.chmod(0o600)
    again = ring_in(tmp_path)
    (problem,) = again.problems
    assert "a.json" in problem
    assert reason in problem
    assert again.key(key.id).key == key.key


def test_keys_of_a_backup_join_those_that_were_made_since(ring, tmp_path):
    old = ring.create("AES256")
    path = tmp_path / "keyring" / f"{old.id}.json"
    saved = path.read_bytes()
    path.unlink()
    new = ring_in(tmp_path).create("AES256")
    path.write_bytes(saved)
    again = ring_in(tmp_path)
    assert again.missing({old.id: old.check, new.id: new.check}) == []


def test_clients_do_not_learn_where_the_keys_are(ring, tmp_path):
    """The error of an object goes to whoever reads it, also without a key of this machine."""
    with pytest.raises(KeyUnavailable) as refused:
        ring.key("lost")
    assert "lost" in refused.value.message
    assert str(tmp_path) not in refused.value.message
