from __future__ import annotations

import msgspec
import pytest

from s3d.agent.app.damaged_state import (
    damaged_identities,
    rebuild_identities,
    unreadable_state_warnings,
)
from s3d.agent.app.remote_folders import FILE, claim, read_identity
from s3d.agent.stores.remote.identity import RemoteIdentity, TakeOver

ONE = RemoteIdentity("one", "http://one", "http://one", ("K1",))
TWO = RemoteIdentity("two", "http://two", "http://two", ("K2",))


@pytest.fixture
def bases(tmp_path):
    """Two of them, each of the first remote and with a folder of the second one."""
    found = [tmp_path / "queue", tmp_path / "state"]
    for base in found:
        claim(base, ONE)
        claim(base, TWO)
    return found


@pytest.mark.finding("B4")
@pytest.mark.parametrize(("folder", "identity"), [(".", ONE), ("remotes/two", TWO)])
def test_a_folder_is_given_back_to_its_remote(bases, folder, identity):
    queue, state = bases
    (queue / folder / FILE).write_bytes(b"")
    assert [each.file for each in damaged_identities(queue)] == [queue / folder / FILE]
    rebuild_identities(queue, [state])
    assert read_identity(queue / folder) == identity
    assert damaged_identities(queue) == []


@pytest.mark.finding("B4")
def test_what_only_the_damaged_file_knows_is_not_guessed(bases):
    queue, state = bases
    claim(state, msgspec.structs.replace(ONE, take_over=TakeOver("two", 7)))
    (queue / FILE).write_bytes(b"")
    rebuild_identities(queue, [state])
    assert (queue / FILE).read_bytes() == b""


@pytest.mark.finding("B4")
def test_one_of_two_possible_remotes_is_not_guessed(bases):
    queue, state = bases
    (queue / FILE).write_bytes(b"")
    claim(state, RemoteIdentity("three", "http://three", "http://three", ("K3",)))
    rebuild_identities(queue, [state])
    assert (queue / FILE).read_bytes() == b""


@pytest.mark.finding("B3")
def test_each_file_has_a_warning(tmp_path):
    assert unreadable_state_warnings(tmp_path) == []
    for name in ("pins.broken", "transfers.bad"):
        (tmp_path / name).write_bytes(b"{")
    pins, transfers = unreadable_state_warnings(tmp_path)
    assert ("pins" in pins, str(tmp_path / "pins.broken") in pins) == (True, True)
    assert str(tmp_path / "transfers.bad") in transfers


@pytest.mark.slow
@pytest.mark.finding("B3")
def test_a_status_names_pins_and_transfers_that_were_forgotten(start_agent, tmp_path):
    env = {
        "S3D_REMOTE": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "S3D_FLUSH_TIMEOUT": "0",
    }
    agent = start_agent(home=tmp_path / "home", env=env)
    assert agent.client.status().warnings == []
    agent.stop()
    state = tmp_path / "home" / "state"
    for name in ("pins.json", "transfers.json"):
        (state / name).write_bytes(b"{nonsense")
    agent = start_agent(home=tmp_path / "home", env=env)
    shown = "\n".join(agent.client.status().warnings)
    for name in ("pins.broken", "transfers.bad"):
        assert str(state / name) in shown
        assert str(state / name) in agent.stderr
        assert (state / name).read_bytes() == b"{nonsense"
