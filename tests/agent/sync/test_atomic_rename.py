import os

import pytest

from s3d.agent.sync import atomic_rename
from s3d.agent.sync.atomic_rename import Name, exchange, rename_to_free


@pytest.fixture(params=["system", "links"])
def folder(tmp_path, request, monkeypatch):
    """An open folder; with what the system has, and without."""
    if request.param == "links":
        monkeypatch.setattr(atomic_rename, "_rename", lambda old, new, flags: False)
    fd = os.open(tmp_path, os.O_RDONLY)
    yield tmp_path, lambda name: Name(fd, name)
    os.close(fd)


def test_a_free_name_is_taken_and_another_is_not(folder):
    path, name = folder
    (path / "a").write_text("a")
    (path / "b").write_text("b")
    with pytest.raises(FileExistsError):
        rename_to_free(name("a"), name("b"))
    assert (path / "b").read_text() == "b"
    rename_to_free(name("a"), name("c"))
    assert sorted(os.listdir(path)) == ["b", "c"]


def test_two_files_change_their_names(folder):
    path, name = folder
    (path / "a").write_text("a")
    (path / "b").write_text("b")
    exchange(name("a"), name("b"))
    assert [(path / each).read_text() for each in "ab"] == ["b", "a"]
    assert sorted(os.listdir(path)) == ["a", "b"]


def test_there_is_no_exchange_with_nothing(folder):
    path, name = folder
    (path / "a").write_text("a")
    with pytest.raises(FileNotFoundError):
        exchange(name("a"), name("b"))
    with pytest.raises(FileNotFoundError):
        rename_to_free(name("x"), name("y"))
    assert os.listdir(path) == ["a"]
