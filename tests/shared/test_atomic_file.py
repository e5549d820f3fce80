import os
import stat

import pytest

from s3d.shared import atomic_file
from s3d.shared.atomic_file import write_atomically


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_made_and_replaced_and_nothing_else_is_left(tmp_path, durable):
    path = tmp_path / "file"
    write_atomically(path, b"old, and longer", durable=durable)
    write_atomically(path, b"new", durable=durable)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_old_file_stays_when_the_new_one_cannot_be_finished(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old", durable=False)

    def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        write_atomically(path, b"new", durable=False, before_rename=fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_durable_replacement_syncs_the_bytes_renames_and_syncs_the_name(tmp_path, monkeypatch):
    steps = []
    replace = os.replace
    monkeypatch.setattr(atomic_file, "sync_file", lambda fd: steps.append("bytes"))
    monkeypatch.setattr(atomic_file, "sync_folder", lambda folder: steps.append("name"))
    monkeypatch.setattr(os, "replace", lambda *args: (steps.append("rename"), replace(*args)))
    write_atomically(tmp_path / "file", b"", durable=True)
    assert steps == ["bytes", "rename", "name"]


def test_the_mode_is_less_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "file", b"", durable=False, mode=0o666)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
