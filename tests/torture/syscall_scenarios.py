"""What a process does until one of its system calls is its last, and what must be there afterwards.

A scenario runs on real stores in a folder of its own. Its steps are acknowledged one by one, so
after n acknowledgements the state is that of n steps, or of n + 1: the step under way has happened
or has not. Opening the state again uses the agent's own parts, and nothing else mends it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.app.integrity_check import Checker, Opened
from s3d.agent.storage.reader import known_blobs
from s3d.shared.config.load import load_config
from s3d.shared.paths import Places, find_places
from tests.contract.client import Client
from tests.torture.syscall_steps import BUCKET, Step, look, models

Acknowledge = Callable[[], None]


class Broken(AssertionError):
    """What was promised is not so."""


def places_of(folder: Path) -> Places:
    env = {"S3D_LOCAL_DIR": str(folder), "S3D_SOCKET": "/tmp/unused.sock"}
    return find_places(load_config(None, env, {}), env)


class Scenario(Protocol):
    """prepare, then play until the end or a kill; verify belongs to another process."""

    @property
    def name(self) -> str: ...

    def session(self, folder: Path) -> Any:
        """`async with scenario.session(folder) as play: await play(acknowledge)`."""

    async def verify(self, folder: Path, acknowledged: int) -> None:
        """Raises Broken. It may be killed and called again."""


def lay_ballast(*folders: Path) -> None:
    """One without blocks, as laying a real one takes longer than all the rest."""
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "ballast").open("ab") as file:
            file.truncate(16 << 20)


def expect(what: str, found: Any, *wanted: Any) -> None:
    if found not in wanted:
        raise Broken(f"{what}: {found} is none of {wanted}")


async def check_all(folder: Path) -> None:
    """`s3d check` finds nothing."""
    async for line in Checker(places_of(folder), Opened()).run(repair=False):
        if line.damage is not None:
            raise Broken(f"s3d check: {line.damage}")


async def swept(store: Embedded, what: str) -> None:
    """Nothing is left to do, and nothing to complain about."""
    again = await store.local.sweep()
    expect(f"{what} sweeps again", (again.removed, again.lost), (0, 0))
    there = files_of(store.blobs.folder)
    named = await store.index.read_in_thread(lambda reader: known_blobs(reader, there))
    expect(f"{what} has files that nothing names", set(there) - named, set())
    expect(f"{what} complains", store.warnings(), [])


async def started(store: Embedded, what: str) -> None:
    await store.sweep()
    expect(f"{what} complains", store.warnings(), [])


@dataclass(frozen=True)
class OfStore:
    """Steps on the embedded store."""

    name: str
    before: Sequence[Step]
    steps: Sequence[Step]
    versioned: bool = False

    @asynccontextmanager
    async def session(self, folder: Path) -> AsyncIterator[Callable[[Acknowledge], Any]]:
        place = places_of(folder).store_dir
        lay_ballast(place)
        with closing(open_embedded(place)) as store:
            client, uploads = Client(store.local), dict[str, str]()
            await client("CreateBucket", Bucket=BUCKET)
            if self.versioned:
                status = {"Status": "Enabled"}
                await client("PutBucketVersioning", Bucket=BUCKET, VersioningConfiguration=status)
            for step in self.before:
                await step.run(client, uploads)

            async def play(acknowledge: Acknowledge) -> None:
                for step in self.steps:
                    await step.run(client, uploads)
                    acknowledge()

            yield play

    async def verify(self, folder: Path, acknowledged: int) -> None:
        past = list(models([*self.before, *self.steps]))[len(self.before) :]
        wanted = [
            model.visible(versioned=self.versioned)
            for model in past[acknowledged : acknowledged + 2]
        ]
        place = places_of(folder).store_dir
        with closing(open_embedded(place)) as store:
            client = Client(store.local)
            found = await look(client, versioned=self.versioned)
            expect("at the start", found, *wanted)
            await started(store, "the store")
            expect("after the sweep", await look(client, versioned=self.versioned), found)
        await check_all(folder)
        with closing(open_embedded(place)) as store:
            await swept(store, "the store")
            found_again = await look(Client(store.local), versioned=self.versioned)
            expect("at the second start", found_again, found)


@dataclass(frozen=True)
class OfFirstStart(OfStore):
    """The store is made, and takes its first steps."""

    @asynccontextmanager
    async def session(self, folder: Path) -> AsyncIterator[Callable[[Acknowledge], Any]]:
        async def play(acknowledge: Acknowledge) -> None:
            with closing(open_embedded(places_of(folder).store_dir)) as store:
                client = Client(store.local)
                await client("CreateBucket", Bucket=BUCKET)
                for step in self.steps:
                    await step.run(client, {})
                    acknowledge()

        yield play


def files_of(folder: Path) -> list[int]:
    """The numbers of the blobs in files."""
    names = (name for _, _, names in os.walk(folder) for name in names)
    return [int(name) for name in names if name.isdigit()]
