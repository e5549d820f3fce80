import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.core.path_names import (
    conflict_name,
    is_marker,
    is_reserved,
    original_of,
    parents,
    why_no_key,
    why_no_path,
)


@pytest.mark.parametrize(
    "path",
    ["..", "a/../b", ".", "a/./b", "", "/a", "a//b", "a\0b", "n" * 256, "é" * 128, ".s3d",
     ".s3d/x", "/".join(["n" * 200] * 21)],
)  # fmt: skip
def test_no_file_can_have_such_a_path(path):
    assert why_no_path(path)


@pytest.mark.parametrize(
    "path", ["a", "a/", "a/b", "...", "..a", "a.s3d/x", "n" * 255, "a b\n", "é"]
)
def test_a_file_can_have_such_a_path(path):
    assert why_no_path(path) == ""


def test_a_key_has_at_most_1024_bytes():
    assert why_no_key("é" * 500, "p/") == ""
    assert "1026 bytes" in why_no_key("é" * 512, "p/")


def test_the_folders_above_come_from_the_top():
    assert parents("a/b/c") == ["a/", "a/b/"]
    assert parents("a/b/") == ["a/"]
    assert parents("a") == []


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("todo.txt", "todo (conflict laptop 2001-09-09 014640 a1b2).txt"),
        ("d.x/todo", "d.x/todo (conflict laptop 2001-09-09 014640 a1b2)"),
        ("a/.profile", "a/.profile (conflict laptop 2001-09-09 014640 a1b2)"),
        ("a.tar.gz", "a.tar (conflict laptop 2001-09-09 014640 a1b2).gz"),
    ],
)
def test_a_conflict_copy_keeps_the_suffix(path, wanted, monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert conflict_name(path, "laptop", 1e9, "a1b2") == wanted


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0\n"), min_size=1, max_size=255)


@given(names, names)
def test_a_conflict_copy_has_a_legal_name_and_is_known(folder, name):
    copy = conflict_name(f"{folder}/{name}", "a host (with) marks", 1e9, "0f0f")
    assert len(copy.rpartition("/")[2].encode()) <= 255
    original = original_of(copy)
    assert original
    if len(name.encode()) < 150:
        assert original == f"{folder}/{name}"


@pytest.mark.parametrize("path", ["a", "a (conflict of interest).txt", "a (1).txt"])
def test_another_name_is_no_conflict_copy(path):
    assert original_of(path) == ""


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (".s3d/changes", True),
        ("photos/.s3d/changes", True),
        ("x.s3d/changes", False),
        (".s3d/changes/x", False),
        (".s3d/probe", False),
        ("team/.s3d/probe-x", False),
        ("conf/.s3d/fleet/robot.json", False),
        ("notes/.s3d/", False),
        ("a/.s3d.txt", False),
        ("a.s3d", False),
    ],
)
def test_which_keys_are_markers(key, expected):
    assert is_marker(key) is expected
    assert is_reserved(key) is (".s3d" in key.split("/"))
    assert (why_no_path(key) == "the name .s3d is reserved") is is_reserved(key)
