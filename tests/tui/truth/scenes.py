"""The scenes: what the agent has, and where the app is. In order: each state of the agent stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.tui.truth.world import World

Step = Callable[[World], None]


class Scene(NamedTuple):
    """keys: pressed one after the other in a tab; what each reads is awaited.

    row: the cursor is put on it before the keys. place: in Buckets, what is listed before.
    """

    name: str
    tab: str
    keys: tuple[str, ...] = ()
    row: str = ""
    place: tuple[str, str] = ("", "")


class Act(NamedTuple):
    """A state of the agent, and its scenes."""

    begin: Step
    scenes: tuple[Scene, ...]


_PHOTOS, _YEAR, _SITE = ("photos", ""), ("photos", "2024/"), ("website", "")

ACTS = (
    Act(World.fill, (
        Scene("first dashboard", "dashboard"),
        Scene("buckets", "buckets"),
        Scene("a bucket", "buckets", (), "photos"),
        Scene("objects, one cached and one in part", "buckets", (), "large.bin", _PHOTOS),
        Scene("pinned objects", "buckets", (), "2024/day-1.jpg", _YEAR),
        Scene("an object in detail", "buckets", (), "notes.txt", _PHOTOS),
        Scene("an object with a receipt", "buckets", (), "sent.html", _SITE),
        Scene("its metadata", "buckets", ("]",), "notes.txt", _PHOTOS),
        Scene("its tags", "buckets", ("]",), "notes.txt", _PHOTOS),
        Scene("its versions beside", "buckets", ("]",), "notes.txt", _PHOTOS),
        Scene("its versions in a dialog", "buckets", ("]", "V"), "notes.txt", _PHOTOS),
        Scene("properties of a bucket", "buckets", ("P",), "2024/", _PHOTOS),
        Scene("sizes", "buckets", ("S",), "2024/", _PHOTOS),
        Scene("confirm a deletion", "buckets", ("D",), "2024/", _PHOTOS),
        Scene("two panes", "buckets", ("w",), "notes.txt", _PHOTOS),
        Scene("one pane again", "buckets", ("w",), "notes.txt", _PHOTOS),
        Scene("go to", "buckets", ("ctrl+g",), "", _PHOTOS),
        Scene("a cache with a pin", "cache"),
        Scene("the limits of the cache", "cache", ("L",)),
        Scene("confirm an eviction", "cache", ("E",), "photos/large.bin"),
    )),
    Act(World.add_folders, (
        Scene("folders on the dashboard", "dashboard"),
        Scene("a folder that is up to date", "sync", (), "notes"),
        Scene("a paused folder", "sync", (), "paused"),
        Scene("a folder with a conflict", "sync", (), "both"),
        Scene("a folder that asks", "sync", (), "emptied"),
        Scene("conflicts", "sync", ("c",), "both"),
        Scene("the difference of a conflict", "sync", ("c", "="), "both"),
        Scene("a dry run", "sync", ("t",), "emptied"),
        Scene("the form of a folder", "sync", ("e",), "notes"),
    )),
    Act(World.mount, (
        Scene("mounts on the dashboard", "dashboard"),
        Scene("mounts", "dashboard", ("M",)),
    )),
    Act(World.unmount, (
        Scene("no mounts", "dashboard", ("M",)),
    )),
    Act(World.park_writes, (
        Scene("what needs attention", "dashboard"),
        Scene("a failed write", "transfers", (), "2"),
        Scene("a write in conflict", "transfers", (), "3"),
        Scene("a waiting write", "transfers", (), "5"),
        Scene("a paused write", "transfers", (), "7"),
        Scene("a write that the filter holds", "transfers", (), "4"),
        Scene("failed writes alone", "transfers", ("tab", "tab", "tab", "tab"), ""),
        Scene("pending keys", "buckets", (), "page-0.html", _SITE),
        Scene("pending writes in the cache", "cache", (), "write 2"),
        Scene("the log", "logs"),
        Scene("settings", "dashboard", ("comma",)),
    )),
    Act(World.upload_slowly, (
        Scene("an upload on the dashboard", "dashboard"),
        Scene("a running upload", "transfers", (), "8"),
        Scene("a download that is done", "transfers", (), "t1"),
    )),
    Act(World.cut, (
        Scene("a dashboard without a remote", "dashboard"),
        Scene("an upload without a remote", "transfers", (), "8"),
        Scene("a folder without a remote", "sync", (), "notes"),
        Scene("objects without a remote", "buckets", (), "2024/", _PHOTOS),
    )),
)  # fmt: skip

STORE_SCENES = (
    Scene("the dashboard of an embedded store", "dashboard"),
    Scene("its mounts", "dashboard", ("M",)),
    Scene("its buckets", "buckets"),
    Scene("its bucket", "buckets", (), "photos"),
    Scene("its objects", "buckets", (), "large.bin", _PHOTOS),
    Scene("its transfers", "transfers"),
    Scene("its cache", "cache"),
    Scene("its folders", "sync"),
)
"""Of the remote of the world, which is an s3d without a remote."""
