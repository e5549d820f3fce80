"""What the mount remembers: how long, what a change forgets, and answers that come too late."""

from __future__ import annotations

import pytest

from s3d.agent.frontends.fuse import folder_memory
from s3d.agent.frontends.fuse.folder_entries import FILE_MODE, Entry, folder_entry
from s3d.agent.frontends.fuse.folder_memory import FolderMemory, Known, PartialListing
from tests.agent.manual_clock import ManualClock

D = ("b", "d/")


def file(name: str, size: int = 1) -> Entry:
    return Entry(name, name, FILE_MODE, size)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def memory(clock: ManualClock) -> FolderMemory:
    return FolderMemory(1.0, clock)


def listed(memory: FolderMemory, *entries: Entry, folder: tuple[str, str] = D) -> None:
    part = PartialListing(memory.begin(folder))
    memory.add_page(folder, part, entries, is_last=True)


def test_a_complete_listing_answers_for_names_that_it_lacks(memory: FolderMemory) -> None:
    part = PartialListing(memory.begin(D))
    memory.add_page(D, part, [file("a")], is_last=False)
    assert memory.find(D, "a") == Known(file("a"))
    assert memory.find(D, "z") is None
    assert memory.listing(D) is None
    memory.add_page(D, part, [file("b")], is_last=True)
    assert memory.find(D, "z") == Known(None)
    assert memory.listing(D) == [file("a"), file("b")]


def test_an_answer_that_was_requested_before_a_change_is_not_kept(memory: FolderMemory) -> None:
    begun = memory.begin(D)
    memory.changed("b", "d/a")
    memory.add(D, begun, "a", file("a"))
    assert memory.find(D, "a") is None
    memory.add(D, begun, "other", file("other"))
    assert memory.find(D, "other") == Known(file("other"))
    memory.add(D, memory.begin(D), "a", file("a", 2))
    assert memory.find(D, "a") == Known(file("a", 2))


def test_a_listing_that_was_begun_before_a_change_lacks_the_changed_name(
    memory: FolderMemory,
) -> None:
    part = PartialListing(memory.begin(D))
    memory.changed("b", "d/a")
    memory.add_page(D, part, [file("a"), file("b")], is_last=True)
    assert memory.find(D, "b") == Known(file("b"))
    assert memory.find(D, "a") is None
    assert memory.listing(D) is None
    memory.add(D, memory.begin(D), "a", file("a", 2))
    assert sorted(memory.listing(D) or []) == [file("a", 2), file("b")]


def test_a_change_of_the_bucket_forgets_all_of_it(memory: FolderMemory) -> None:
    part = PartialListing(memory.begin(D))
    listed(memory, file("x"), folder=("other", ""))
    memory.changed("b")
    memory.add_page(D, part, [file("a")], is_last=True)
    assert memory.find(D, "a") is None
    assert memory.find(("other", ""), "x") == Known(file("x"))


def test_a_change_deep_below_concerns_the_folders_that_may_be_new(memory: FolderMemory) -> None:
    listed(memory, folder_entry("e"))
    memory.changed("b", "d/e/f/g")
    assert memory.find(D, "e") == Known(folder_entry("e"))
    memory.changed("b", "d/n/f")
    assert memory.find(D, "n") is None
    memory.changed("b", "d/e/f/g", is_removal=True)
    assert memory.find(D, "e") is None


def test_what_the_mount_makes_is_believed_at_once(memory: FolderMemory) -> None:
    listed(memory, file("a"))
    begun = memory.begin(D)
    memory.put(D, "new", file("new"))
    memory.put(D, "a", None)
    memory.add(D, begun, "a", file("a"))
    assert memory.find(D, "new") == Known(file("new"))
    assert memory.find(D, "a") == Known(None)
    assert memory.listing(D) == [file("new")]


def test_entries_expire(memory: FolderMemory, clock: ManualClock) -> None:
    listed(memory, file("a"))
    memory.put(D, "b", file("b"))
    clock.now += 0.9
    assert memory.listing(D) == [file("a"), file("b")]
    clock.now += 0.2
    assert memory.listing(D) is None
    assert memory.find(D, "a") is None
    assert memory.find(D, "b") is None


def test_more_changes_than_can_be_noted_forget_the_folder(memory: FolderMemory) -> None:
    part = PartialListing(memory.begin(D))
    listed(memory, file("a"))
    for n in range(2_000):
        memory.changed("b", f"d/{n}")
    assert memory.find(D, "a") is None
    memory.add_page(D, part, [file("a")], is_last=True)
    assert memory.find(D, "a") is None


def test_the_folders_that_were_not_used_for_longest_make_room(
    memory: FolderMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_memory, "_MAX_ENTRIES", 1_000)
    begun = memory.begin(("b", "0/"))
    for n in range(100):
        listed(memory, *(file(str(i)) for i in range(99)), folder=("b", f"{n}/"))
        assert memory.find(("b", f"{n}/"), "1") is not None
    assert [n for n in range(100) if memory.find(("b", f"{n}/"), "1")] == [*range(90, 100)]
    memory.changed("b", "0/1")
    memory.add(("b", "0/"), begun, "1", file("1"))  # the change is not forgotten with the folder
    assert memory.find(("b", "0/"), "1") is None


def test_single_names_of_one_folder_are_limited(memory: FolderMemory, clock: ManualClock) -> None:
    for n in range(3_000):
        memory.put(D, str(n), file(str(n)))
    assert memory.find(D, "2999") == Known(file("2999"))
    assert memory.find(D, "0") is None


def test_a_folder_is_searched_when_more_than_a_few_names_are_looked_up(
    memory: FolderMemory,
) -> None:
    assert [memory.is_searched(D) for _ in range(4)] == [False, False, True, True]
    part = PartialListing(memory.begin(D))
    memory.add_page(D, part, [file("a")], is_last=False)
    assert [memory.is_searched(D) for _ in range(4)] == [False] * 4


def test_the_object_that_a_folder_hides_changes_with_it(memory: FolderMemory) -> None:
    hidden = file("a")._replace(name="a%s3d-object")
    listed(memory, folder_entry("a"))
    memory.changed("b", "d/a")
    assert memory.find(D, "a%s3d-object") is None
    listed(memory, folder_entry("a"), hidden)
    memory.changed("b", "d/a/b", is_removal=True)
    assert memory.find(D, "a") is None
    assert memory.find(D, "a%s3d-object") is None


def test_writes_of_the_mount_do_not_wear_a_listing_out(
    memory: FolderMemory, clock: ManualClock
) -> None:
    memory.ttl = 60.0
    memory.put_empty(D)
    for n in range(5_000):
        memory.changed("b", f"d/{n}")
        memory.put(D, str(n), file(str(n)))
        clock.now += 0.001
    assert memory.find(D, "none") == Known(None)
    assert memory.find(D, "0") == Known(file("0"))
    assert len(memory.listing(D) or []) == 5_000


def test_what_the_mount_makes_during_a_listing_is_in_it(memory: FolderMemory) -> None:
    part = PartialListing(memory.begin(D))
    memory.add_page(D, part, [file("a"), file("b")], is_last=False)
    memory.put(D, "new", file("new"))
    memory.put(D, "b", None)
    memory.put(D, "z", file("z", 2))
    memory.add_page(D, part, [file("z", 1)], is_last=True)
    assert sorted(memory.listing(D) or []) == [file("a"), file("new"), file("z", 2)]


def test_what_the_mount_makes_is_in_an_outdated_listing(
    memory: FolderMemory, clock: ManualClock
) -> None:
    listed(memory, file("a"))
    clock.now += 10.0
    for n in range(3_000):
        memory.changed("b", f"d/{n}")
        memory.put(D, str(n), file(str(n)))
    assert len(memory.listing(D, outdated=True) or []) == 3_001
    contents = memory.contents(D)
    assert contents is not None
    assert (len(contents.entries), contents.unsure) == (3_001, [])


def test_the_marker_of_a_folder_is_remembered(memory: FolderMemory) -> None:
    def marker() -> str | None:
        contents = memory.contents(D)
        assert contents is not None
        return contents.marker

    part = PartialListing(memory.begin(D))
    part.marker = '"m"'
    memory.add_page(D, part, [], is_last=True)
    assert marker() == '"m"'
    memory.changed("b", "d/")
    assert marker() == ""
    memory.add_page(D, part, [], is_last=True)  # requested before that
    assert marker() == ""
    memory.changed("b", "d/", is_removal=True)
    assert marker() is None
    memory.put_empty(D)
    assert marker() == ""


def test_a_folder_is_moved_with_all_that_is_below_it(memory: FolderMemory) -> None:
    listed(memory, file("x"), folder=("b", "d/sub/"))
    listed(memory, file("y"), folder=("b", "e/sub/"))
    listed(memory, folder_entry("sub"))
    listed(memory, file("z"), folder=("other", "d/"))
    begun = memory.begin(D), memory.begin(("b", "e/sub/"))
    memory.move("b", "d/", "e/")
    assert memory.listing(("b", "e/")) == [folder_entry("sub")]
    assert memory.listing(("b", "e/sub/")) == [file("x")]
    assert memory.listing(("other", "d/")) == [file("z")]
    for folder in (D, ("b", "d/sub/")):
        assert memory.listing(folder, outdated=True) is None
    memory.add(D, begun[0], "late", file("late"))
    memory.add(("b", "e/sub/"), begun[1], "late", file("late"))
    assert memory.find(D, "late") is None
    assert memory.find(("b", "e/sub/"), "late") == Known(None)


def test_a_folder_that_was_moved_away_shows_what_it_hid(
    memory: FolderMemory, clock: ManualClock
) -> None:
    listed(memory, folder_entry("a"), file("a")._replace(name="a%s3d-object"), folder_entry("b"))
    clock.now += 10.0
    for component in "ab":
        memory.put_folder_away(D, component)
    assert memory.listing(D, outdated=True) == [file("a")]
    assert memory.recall(D, "b") == Known(None)


def test_a_folder_that_was_moved_away_from_an_unknown_one_is_looked_up(
    memory: FolderMemory,
) -> None:
    memory.put(D, "a", folder_entry("a"))
    memory.put_folder_away(D, "a")
    assert memory.find(D, "a") is None


def test_a_folder_may_come_and_go_while_the_remote_is_away(
    memory: FolderMemory, clock: ManualClock
) -> None:
    listed(memory, folder_entry("a"))
    clock.now += 10.0
    for _ in range(3):
        memory.changed("b", "d/a/x", is_removal=True)
        memory.put_folder_away(D, "a")
        assert memory.recall(D, "a") == Known(None)
        memory.changed("b", "d/a/x")
        memory.put(D, "a", folder_entry("a"))
        assert memory.listing(D, outdated=True) == [folder_entry("a")]


def test_a_folder_in_which_something_was_removed_is_known_while_the_remote_is_away(
    memory: FolderMemory,
) -> None:
    listed(memory, folder_entry("a"), file("o"))
    memory.put(("b", "e/"), "a", folder_entry("a"))  # in a folder that was never listed
    for folder in (D, ("b", "e/")):
        memory.changed("b", f"{folder[1]}a/x", is_removal=True)
        assert memory.find(folder, "a") is None
        assert memory.recall(folder, "a") == Known(folder_entry("a"))
        memory.put_folder_away(folder, "a")
        assert memory.recall(folder, "a") in (None, Known(None))
    contents = memory.contents(D)
    assert contents is not None
    assert contents.unsure == []
    memory.changed("b", "d/o", is_removal=True)
    assert memory.recall(D, "o") is None
