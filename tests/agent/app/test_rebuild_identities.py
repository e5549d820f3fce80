"""Which damaged identity files are written again; with whole starts: test_remote_state.py."""

import msgspec
import pytest

from s3d.agent.app.rebuild_identities import damaged_identities, rebuild_identities
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
