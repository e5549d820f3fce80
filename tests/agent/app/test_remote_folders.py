import json
import os

import pytest

from s3d.agent.app.remote_folders import FILE, claim, folders_of, read_identity, write_identity
from s3d.agent.stores.remote.identity import RemoteIdentity
from s3d.shared.errors import S3dError, UsageError

ONE = RemoteIdentity("one", "http://one", "http://one", ("K1",))
TWO = RemoteIdentity("two", "http://two", "http://two", ("K2",))


def test_the_first_remote_has_the_base_and_the_others_a_folder_each(tmp_path):
    base = tmp_path / "write_queue"
    assert folders_of(base) == []
    assert claim(base, ONE) == base
    assert claim(base, TWO) == base / "remotes" / "two"
    assert claim(base, ONE) == base
    assert {each.identity.id: each.path for each in folders_of(base)} == {
        "one": base,
        "two": base / "remotes" / "two",
    }


def test_the_most_recently_used_comes_first(tmp_path):
    claim(tmp_path, ONE)
    claim(tmp_path, TWO)
    os.utime(tmp_path / FILE, (1e9, 1e9))
    assert [each.identity for each in folders_of(tmp_path)] == [TWO, ONE]
    claim(tmp_path, ONE)
    assert [each.identity for each in folders_of(tmp_path)] == [ONE, TWO]


def test_what_is_known_of_a_remote_is_replaced(tmp_path):
    claim(tmp_path, ONE)
    more = RemoteIdentity("one", "http://one", "http://one", ("K1", "K9"), "owner")
    claim(tmp_path, more)
    assert read_identity(tmp_path) == more
    assert os.listdir(tmp_path) == [FILE]


def test_a_newer_format_is_refused_with_the_reason(tmp_path):
    write_identity(tmp_path, ONE)
    content = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(content | {"version": 2}))
    with pytest.raises(UsageError, match="newer s3d"):
        folders_of(tmp_path)


def test_a_damaged_file_is_not_taken_for_none(tmp_path):
    (tmp_path / FILE).write_text("{")
    with pytest.raises(S3dError, match="cannot read which remote"):
        claim(tmp_path, TWO)


def test_a_write_that_a_crash_has_cut_short_leaves_the_file_as_it_was(tmp_path):
    write_identity(tmp_path, ONE)
    (tmp_path / f".{FILE}.new").write_text('{"id": "tw')
    assert read_identity(tmp_path) == ONE
    write_identity(tmp_path, TWO)
    assert read_identity(tmp_path) == TWO
