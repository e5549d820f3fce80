"""Empty folders that stay for the programs that have emptied them."""

from __future__ import annotations

import pytest

from s3d.agent.frontends.fuse import kept_folders
from s3d.agent.frontends.fuse.kept_folders import TTL, KeptFolders
from tests.agent.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def kept(clock: ManualClock) -> KeptFolders:
    return KeptFolders(clock)


def test_a_folder_stays_with_those_above_it(kept: KeptFolders) -> None:
    kept.keep(("b", "x/y/z/"))
    assert [kept.has(("b", prefix)) for prefix in ("x/", "x/y/", "x/y/z/")] == [True] * 3
    assert not kept.has(("b", "x/other/"))
    assert not kept.has(("other", "x/"))
    assert kept.children(("b", "")) == ["x"]
    assert kept.children(("b", "x/")) == ["y"]
    assert kept.children(("b", "x/y/z/")) == []
    kept.keep(("b", ""))
    assert not kept.has(("b", ""))


def test_a_folder_with_an_empty_name(kept: KeptFolders) -> None:
    kept.keep(("b", "/a/"))
    assert kept.has(("b", "/"))
    assert kept.children(("b", "")) == [""]
    assert kept.children(("b", "/")) == ["a"]


def test_a_folder_that_is_removed_is_gone_with_what_is_below(kept: KeptFolders) -> None:
    kept.keep(("b", "x/y/z/"))
    kept.keep(("b", "xx/"))
    kept.drop(("b", "x/y/"))
    assert kept.has(("b", "x/"))
    assert kept.has(("b", "xx/"))
    assert not kept.has(("b", "x/y/"))
    assert not kept.has(("b", "x/y/z/"))


def test_what_another_client_removes_takes_its_folders_along(kept: KeptFolders) -> None:
    kept.keep(("b", "x/y/"))
    kept.keep(("b", "x/z/"))
    kept.drop_above("b", "x/y/file")
    assert not kept.has(("b", "x/y/"))
    assert not kept.has(("b", "x/"))
    assert kept.has(("b", "x/z/"))


def test_they_do_not_stay_for_ever(
    kept: KeptFolders, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.keep(("b", "x/"))
    clock.now += TTL
    assert not kept.has(("b", "x/"))
    assert kept.children(("b", "")) == []
    monkeypatch.setattr(kept_folders, "_MAX_FOLDERS", 2)
    for name in "abc":
        kept.keep(("b", f"{name}/"))
    assert kept.children(("b", "")) == ["b", "c"]
