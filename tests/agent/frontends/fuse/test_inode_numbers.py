"""Numbers stay over renames and restarts, and no two files have one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse import inode_numbers
from s3d.agent.frontends.fuse.inode_numbers import InodeNumbers
from s3d.agent.frontends.fuse.metadata_table import MetadataTable


def test_numbers_are_the_same_for_the_same_place() -> None:
    keys = ["", "a", "a/", "a/b", "a/b/", *(f"d/{n}" for n in range(1_000))]
    first = [InodeNumbers().of("b", key) for key in keys]
    assert len(set(first)) == len(keys)
    assert first == [InodeNumbers().of("b", key) for key in keys]
    assert all(0 < number < 2**63 for number in first)
    assert InodeNumbers().of("other", "a") not in first


def test_a_listing_has_the_numbers_of_look_ups() -> None:
    numbers = InodeNumbers()
    numbers.moved("b", "d/x", "d/y")
    in_folder, buckets = numbers.numbering("b", "d/"), numbers.numbering("", "")
    assert [in_folder(name) for name in ("x", "y", "z/")] == [
        numbers.of("b", key) for key in ("d/x", "d/y", "d/z/")
    ]
    assert buckets("b") == numbers.of("b", "")


def test_a_renamed_file_keeps_its_number_and_a_new_one_gets_another() -> None:
    numbers = InodeNumbers()
    before = numbers.of("b", "old")
    numbers.moved("b", "old", "new")
    assert numbers.of("b", "new") == before
    numbers.created("b", "old")
    second = numbers.of("b", "old")
    assert second != before
    numbers.removed("b", "new")  # as a log file that was rotated
    assert numbers.of("b", "old") == second
    assert numbers.of("b", "new") not in (before, second)


def test_a_file_that_is_moved_back_needs_no_row() -> None:
    numbers = InodeNumbers()
    numbers.moved("b", "old", "new")
    numbers.moved("b", "new", "old")
    assert numbers._numbers == {}


def test_what_is_in_a_renamed_folder_keeps_its_numbers() -> None:
    numbers = InodeNumbers()
    numbers.moved("b", "x", "d/moved")
    below = ("", "file", "e/", "e/f", "moved")
    before = [numbers.of("b", "d/" + name) for name in below]
    numbers.moved("b", "d/", "new/")
    assert [numbers.of("b", "new/" + name) for name in below] == before
    numbers.created("b", "d/")
    assert not {numbers.of("b", "d/" + name) for name in below} & set(before)


@pytest.mark.parametrize("is_folder", [False, True])
def test_numbers_survive_a_restart(tmp_path: Path, is_folder: bool) -> None:
    old, new = ("d/", "e/") if is_folder else ("d", "e")
    table = MetadataTable(tmp_path / "metadata.sqlite")
    numbers = InodeNumbers(table)
    before = numbers.of("b", old)
    numbers.moved("b", old, new)
    numbers.moved("b", "gone", "away")
    numbers.removed("b", "away")
    table.close()
    again = MetadataTable(tmp_path / "metadata.sqlite")
    assert dict(again.numbers()) == {("b", new): before}
    assert InodeNumbers(again).of("b", new) == before
    again.close()


def test_the_oldest_numbers_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inode_numbers, "MAX_RENAMED", 3)
    numbers = InodeNumbers()
    for number in range(5):
        numbers.moved("b", f"{number}", f"new {number}")
    assert numbers._numbers is not None
    assert [key for _, key in numbers._numbers] == ["new 2", "new 3", "new 4"]


@pytest.mark.parametrize("seed", range(5))
def test_no_two_files_share_a_number_and_none_changes(seed: int) -> None:
    chance, numbers = random.Random(seed), InodeNumbers()
    names = [f"{folder}{name}" for folder in ("", "d/", "e/") for name in "abc"]
    known: dict[str, int] = {}
    for _ in range(400):
        one, other = chance.sample(names, 2)
        step = chance.choice(("create", "move", "remove"))
        if step == "create" and one not in known:
            numbers.created("b", one)
            known[one] = numbers.of("b", one)
        elif step == "move" and one in known:
            numbers.moved("b", one, other)
            known[other] = known.pop(one)
        elif step == "remove" and known.pop(one, None) is not None:
            numbers.removed("b", one)
        assert {name: numbers.of("b", name) for name in known} == known
        assert len(set(known.values())) == len(known)
