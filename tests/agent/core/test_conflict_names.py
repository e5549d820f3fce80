import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.core.conflict_names import conflict_name, original_of


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
