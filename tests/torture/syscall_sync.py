"""A sync folder until one of its system calls is its last.

Whatever is interrupted, the next passes come to the same end, and every content that nobody has
replaced by hand is in the folder, in its trash, in a conflict copy or in the bucket.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.path_names import original_of
from s3d.agent.sync import user_actions
from s3d.agent.sync.folder import SyncFolder
from s3d.agent.sync.open_folder import FolderContext
from s3d.shared.config.folder_settings import SyncFolderConfig
from tests.contract.client import Client
from tests.torture.syscall_scenarios import (
    Acknowledge,
    check_all,
    expect,
    lay_ballast,
    places_of,
    started,
    swept,
)
from tests.torture.syscall_steps import BUCKET, content

SIZES = (300, 100_000)
"""Bytes of the contents, by whether their name ends in +."""
LATER = 60.0
"""Seconds that the folder's clock is ahead, so that nothing counts as being written to."""
PASSES = 4


def value(name: str) -> bytes:
    return content(name, SIZES[name.endswith("+")])


@dataclass(frozen=True)
class OfSync:
    """What both sides agree on, what happens on each of them, and what they must come to.

    Contents have names; None is a deletion. here_moves: from path to path.
    """

    name: str
    agreed: Mapping[str, str]
    here: Mapping[str, str | None] = field(default_factory=dict)
    there: Mapping[str, str | None] = field(default_factory=dict)
    here_moves: Mapping[str, str] = field(default_factory=dict)
    there_moves: Mapping[str, str] = field(default_factory=dict)
    is_joined: bool = True
    """Whether both sides have been synced before."""
    copies: Mapping[str, str] = field(default_factory=dict)
    """Contents of the conflict copies, by the path that they are copies of."""

    @property
    def wanted(self) -> dict[str, str]:
        """Path -> content in the end, without the conflict copies."""
        found = dict(self.agreed)
        for path, to in (*self.here_moves.items(), *self.there_moves.items()):
            found[to] = found.pop(path)
        for path, name in (*self.here.items(), *self.there.items()):
            if name is None:
                found.pop(path, None)
            else:
                found[path] = name
        return found

    @property
    def lasting(self) -> set[bytes]:
        """Contents that no person has replaced or removed in the folder."""
        ended = {self.agreed[path] for path in self.here if path in self.agreed}
        names = {*self.agreed.values(), *self.here.values(), *self.there.values()} - ended
        return {value(name) for name in names if name is not None}

    @asynccontextmanager
    async def session(self, folder: Path) -> AsyncIterator[Callable[[Acknowledge], Any]]:
        place = places_of(folder).store_dir
        lay_ballast(place)
        root = folder / "files" / "tree"
        with closing(open_embedded(place)) as store:
            client = Client(store.local)
            await client("CreateBucket", Bucket=BUCKET)
            for path, name in self.agreed.items():
                await client.put(BUCKET, path, value(name))
            if self.is_joined:
                async with _folder(folder, store) as opened:
                    await user_actions.sync_now(opened)
            await self._edit(root, client)

            async def play(acknowledge: Acknowledge) -> None:
                async with _folder(folder, store) as opened:
                    await user_actions.sync_now(opened)
                acknowledge()

            yield play

    async def _edit(self, root: Path, client: Client) -> None:
        """What people and other programs do while no agent runs."""
        for path, to in self.here_moves.items():
            (root / to).parent.mkdir(parents=True, exist_ok=True)
            (root / path).rename(root / to)
        for path, name in self.here.items():
            if name is None:
                (root / path).unlink()
            else:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(value(name))
        for path, to in self.there_moves.items():
            await client("CopyObject", Bucket=BUCKET, Key=to, CopySource=f"{BUCKET}/{path}")
            await client("DeleteObject", Bucket=BUCKET, Key=path)
        for path, name in self.there.items():
            if name is None:
                await client("DeleteObject", Bucket=BUCKET, Key=path)
            else:
                await client.put(BUCKET, path, value(name))

    async def verify(self, folder: Path, acknowledged: int) -> None:
        root = folder / "files" / "tree"
        with closing(open_embedded(places_of(folder).store_dir)) as store:
            await started(store, "the store")
            async with _folder(folder, store) as opened:
                for _ in range(PASSES):
                    report = await user_actions.sync_now(opened)
                    expect("in trouble", report.troubles, 0)
                    if report == type(report)():
                        break
                else:
                    raise AssertionError("it does not come to rest")
                expect("intents", list(opened.baseline.intents()), [])
            await self._compare(root, store)
        await check_all(folder)
        with closing(open_embedded(places_of(folder).store_dir)) as store:
            async with _folder(folder, store) as opened:
                report = await user_actions.sync_now(opened)
                expect("at the second start it syncs", report, type(report)())
            await swept(store, "the store")
            await self._compare(root, store)

    async def _compare(self, root: Path, store: Embedded) -> None:
        there = {}
        client = Client(store.local)
        for key in await client.keys(BUCKET):
            if not key.endswith("/"):  # an empty folder
                there[key] = await client.read(BUCKET, key)
        here = {
            str(file.relative_to(root)): file.read_bytes()
            for file in root.rglob("*")
            if file.is_file() and ".s3d" not in file.relative_to(root).parts
        }
        _same("the folder and the bucket", here, there)
        plain = {path: data for path, data in here.items() if not original_of(path)}
        copies = {original_of(path): data for path, data in here.items() if original_of(path)}
        _same("the files", plain, {path: value(name) for path, name in self.wanted.items()})
        _same("the copies", copies, {path: value(name) for path, name in self.copies.items()})
        trash = {file.read_bytes() for file in (root / ".s3d/trash").iterdir()}
        lost = self.lasting - trash - set(here.values())
        expect("lost", sorted(data[:20] for data in lost), [])
        staged = sorted(path.name for path in (root / ".s3d/stage").iterdir())
        expect("on the stage", staged, [])


def _same(what: str, one: Mapping[str, bytes], other: Mapping[str, bytes]) -> None:
    shown = [{path: data[:20] for path, data in sorted(side.items())} for side in (one, other)]
    if one != other:
        raise AssertionError(f"{what}: {shown[0]} is not {shown[1]}")


@asynccontextmanager
async def _folder(folder: Path, store: Embedded) -> AsyncIterator[SyncFolder]:
    config = SyncFolderConfig(path=folder / "files" / "tree", bucket=BUCKET, interval=3600.0)
    state = places_of(folder).state_dir / "sync"
    state.mkdir(parents=True, exist_ok=True)
    objects = S3Client(store.local, bypass_cache=True)
    file = state / "baseline.sqlite"
    context = FolderContext(config, objects, "store", file, Events(), 0o022, "host", lambda: "A")
    opened = SyncFolder(context, lambda: time.time() + LATER)
    task = asyncio.get_running_loop().create_task(opened.run())
    try:
        yield opened
    finally:
        task.cancel()
        await asyncio.wait([task])
        opened.close()
