import os

import pytest

from s3d.agent.sync.scan import Walk


@pytest.fixture
def walk(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    yield lambda skip=lambda folder: False, prefix="": Walk(fd, prefix, skip)
    os.close(fd)


def make(root, *paths):
    for path in paths:
        if path.endswith("/"):
            (root / path).mkdir(parents=True, exist_ok=True)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(path)


def paths(found):
    return [local.path for local in found]


def test_it_comes_in_the_order_of_the_keys(walk, tmp_path):
    make(tmp_path, "a/b", "a.txt", "a-b/c", "a0", "b/", "é", "z/y/x")
    found = paths(walk().under())
    assert found == sorted(found, key=str.encode)
    assert found == ["a-b/", "a-b/c", "a.txt", "a/", "a/b", "a0", "b/", "z/", "z/y/", "z/y/x", "é"]


def test_empty_folders_are_told_from_others(walk, tmp_path):
    make(tmp_path, "a/", "b/c/")
    assert {local.path: local.is_empty for local in walk().under()} == {
        "a/": True,
        "b/": False,
        "b/c/": True,
    }


def test_one_folder_can_be_walked_alone(walk, tmp_path):
    make(tmp_path, "a/b/c", "a/d", "e")
    assert paths(walk().under("a/b/")) == ["a/b/", "a/b/c"]
    assert paths(walk().under("nothing/")) == []
    assert paths(walk().under("e/")) == []


def test_what_is_ours_and_what_is_skipped_is_left_out(walk, tmp_path):
    make(tmp_path, ".s3d/marker", "a/.s3d/x", "a/.s3d.txt", "build/x", "build.txt")
    found = paths(walk(lambda folder: folder == "build/").under())
    assert found == ["a/", "a/.s3d.txt", "build.txt"]


def test_links_and_special_files_are_not_entered(walk, tmp_path):
    make(tmp_path, "real/x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "fifo")
    found = {local.path: local.trouble for local in walk().under()}
    assert found == {
        "fifo": "not a regular file",
        "link": "a symbolic link",
        "real/": "",
        "real/x": "",
    }


def test_names_that_are_no_text_are_kept_apart(walk, tmp_path):
    (tmp_path / os.fsdecode(b"bad-\xff")).touch()
    os.mkdir(tmp_path / os.fsdecode(b"dir-\xfe"))
    make(tmp_path, "good")
    found = walk()
    assert paths(found.under()) == ["good"]
    assert sorted(paths(found.unnamed)) == ["bad-\\xff", "dir-\\xfe/"]


def test_keys_that_are_too_long_are_told(walk, tmp_path):
    make(tmp_path, "d/" + "n" * 250)
    found = list(walk(prefix="p" * 800).under())
    assert [bool(local.trouble) for local in found] == [False, True]


def test_files_and_bytes_are_counted(walk, tmp_path):
    make(tmp_path, "a", "bb/cc")
    found = walk()
    list(found.under())
    assert (found.files, found.size) == (2, 6)


def test_no_descriptor_is_left_when_a_walk_is_broken_off(walk, tmp_path):
    make(tmp_path, "a/b/c/d", "e")
    before = len(os.listdir("/proc/self/fd"))
    found = walk().under()
    next(found)
    next(found)
    found.close()
    assert len(os.listdir("/proc/self/fd")) == before
