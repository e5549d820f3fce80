"""What is below a folder: listed by the store, or by what is remembered and pending."""

from __future__ import annotations

import asyncio
import errno
import logging
import stat
from collections.abc import Mapping
from typing import Any

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Answer, Layer
from s3d.agent.frontends.fuse import folder_contents
from s3d.agent.frontends.fuse.folder_contents import (
    FolderContents,
    Pending,
    UnknownFolder,
    known_below,
    list_below,
)
from s3d.agent.frontends.fuse.folder_entries import FILE_MODE, Entry, folder_entry
from s3d.agent.frontends.fuse.folder_memory import FolderMemory, PartialListing
from s3d.agent.frontends.fuse.remembered_folder import Contents
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import ListedObject, S3Request
from tests.agent.frontends.fuse.conftest import BUCKET, World

D = ("b", "d/")
SHOWN = ListedObject('"e"', 3, 2.0)


def file(component: str, **members: Any) -> Entry:
    return Entry(component, component, FILE_MODE, 3, 2_000_000_000, '"e"')._replace(**members)


def below(
    folders: Mapping[str, Contents], pending: Mapping[str, bool] | None = None, *written: str
) -> Mapping[str, ListedObject | None]:
    def contents_of(folder: tuple[str, str]) -> Contents | None:
        assert folder[0] == "b"
        return folders.get(folder[1])

    return known_below(D, contents_of, pending or {}, written)


def test_the_listings_of_all_folders_tell_what_is_there() -> None:
    hidden = file("sub", name="sub%s3d-object")
    link = file("link", mode=stat.S_IFLNK | 0o777, size=9)
    folders = {
        "d/": Contents([file("a"), folder_entry("sub"), hidden, link], '"m"', []),
        "d/sub/": Contents([file("b"), file("", name="%s3d-name")], None, []),
        "d/other/": Contents([file("c")], None, []),
    }
    assert below(folders) == {
        "d/": ListedObject('"m"', 0, 0.0),
        "d/a": SHOWN, "d/sub": SHOWN, "d/link": SHOWN._replace(size=0),
        "d/sub/b": SHOWN, "d/sub/": SHOWN,
    }  # fmt: skip


def test_what_is_pending_decides() -> None:
    listed = [file("a"), file("b"), file("c")]
    folders = {"d/": Contents(listed, "", ["b", "new", "made"])}
    pending = {"d/": False, "d/a": False, "d/b": True, "d/c": True, "d/new": True, "d/made/x": True}
    assert below(folders, pending) == {
        "d/b": None, "d/c": SHOWN, "d/new": None, "d/made/x": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("folders", "pending", "unknown"),
    [
        ({}, {"d/a": True}, "d/"),
        ({"d/": Contents([folder_entry("sub")], None, [])}, {"d/sub/x": True}, "d/sub/"),
        ({"d/": Contents([], None, ["changed"])}, {"d/changed!": True}, "d/"),
        ({"d/": Contents([file("a")], None, ["a"])}, {"d/a/x": True}, "d/"),
        ({"d/": Contents([], None, ["cut%s3d-0123456789abcdef"])}, {"d/cut": True}, "d/"),
        ({"d/": Contents([], None, ["%s3d-name"])}, {}, "d/"),
        ({"d/": Contents([file("copied", etag="")], None, [])}, {}, "d/"),
    ],
)
def test_what_is_not_known_completely_is_said(
    folders: Mapping[str, Contents], pending: Mapping[str, bool], unknown: str
) -> None:
    with pytest.raises(UnknownFolder) as raised:
        below(folders, pending)
    assert raised.value.folder == ("b", unknown)


def test_a_file_without_an_etag_is_known_while_the_mount_or_the_queue_has_it() -> None:
    folders = {"d/": Contents([file("a", etag=""), file("b", etag="")], None, [])}
    assert below(folders, {"d/a": True}, "d/b") == {"d/a": None, "d/b": None}


def test_too_many_objects_are_left_to_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_contents, "MAX_OBJECTS", 2)
    with pytest.raises(OSError, match="more than 2 objects") as raised:
        below({"d/": Contents([file(name) for name in "abc"], None, [])})
    assert raised.value.errno == errno.EXDEV


class Away(Layer):
    """A remote that does not answer in time, or refuses."""

    error: S3Error | None = None
    asked = 0

    def fallback(self, request: S3Request[Any]) -> Answer:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self._wait()

    async def _wait(self) -> Any:
        await asyncio.Event().wait()


async def known(world: World) -> FolderMemory:
    """A folder that was listed, with two objects of which one is there no more."""
    memory = FolderMemory()
    part = PartialListing(memory.begin((BUCKET, "d/")))
    memory.add_page((BUCKET, "d/"), part, [file("a"), file("gone")], is_last=True)
    await world.put("d/a", b"data")
    await world.put("d/foreign", b"data")
    return memory


async def _pending(bucket: str, prefix: str, limit: int) -> Mapping[str, bool]:
    assert (bucket, prefix) == (BUCKET, "d/")
    return {"d/pending": True}


async def objects(
    world: World,
    memory: FolderMemory,
    store: Layer,
    *written: str,
    is_away: bool = False,
    pending: Pending = _pending,
) -> Mapping[str, ListedObject | None]:
    contents = FolderContents(
        S3Client(store), world.bridge, memory, is_away=lambda: is_away, pending=pending
    )
    return await asyncio.to_thread(contents.objects, (BUCKET, "d/"), written)


async def test_the_store_is_asked_first(world: World) -> None:
    found = await objects(world, await known(world), world.store, "d/open")
    assert sorted(found) == ["d/a", "d/foreign", "d/open"]
    shown = found["d/a"]
    assert shown is not None
    assert (shown.size, found["d/open"]) == (4, None)


async def test_without_an_answer_what_is_known_tells(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_contents, "_PATIENCE", 0.05)
    memory = await known(world)
    expected = {"d/a": SHOWN, "d/gone": SHOWN, "d/pending": None, "d/open": None}
    silent = Away(world.store)
    assert await objects(world, memory, silent, "d/open") == expected
    silent.asked = 0
    assert await objects(world, memory, silent, "d/open", is_away=True) == expected
    assert silent.asked == 0
    silent.error = S3Error("ServiceUnavailable")
    assert await objects(world, memory, silent, "d/open") == expected


async def test_more_pending_deletions_than_the_agent_can_tell_of_are_copied_by_programs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_contents, "MAX_PENDING", 20)

    async def pending(bucket: str, prefix: str, limit: int) -> Mapping[str, bool]:
        return {f"{prefix}{number}": False for number in range(limit + more)}

    memory = await known(world)
    more = 0
    assert await objects(world, memory, Away(world.store), is_away=True, pending=pending)
    more = 1
    with pytest.raises(OSError, match="more than 20 pending") as refused:
        await objects(world, memory, Away(world.store), is_away=True, pending=pending)
    assert refused.value.errno == errno.EXDEV


async def test_an_answer_is_believed_also_if_it_is_a_refusal(world: World) -> None:
    refusing = Away(world.store)
    refusing.error = S3Error("AccessDenied")
    with pytest.raises(PermissionError):
        await objects(world, await known(world), refusing)


async def test_a_folder_that_nobody_knows_is_an_error_that_names_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    away = Away(world.store)
    away.error = S3Error("ServiceUnavailable")
    with caplog.at_level(logging.WARNING), pytest.raises(OSError, match="bkt/d/ is not known"):
        await objects(world, FolderMemory(), away, is_away=True)
    assert "unknown=d/" in caplog.text


async def test_all_pages_are_listed_but_not_more_than_needed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await world.put(f"d/{number}")
    monkeypatch.setattr(folder_contents, "MAX_OBJECTS", 3)
    monkeypatch.setattr(folder_contents, "_PAGE", 2)
    found = await list_below(world.client, (BUCKET, "d/"))
    assert sorted(found) == ["d/0", "d/1", "d/2", "d/3"]
