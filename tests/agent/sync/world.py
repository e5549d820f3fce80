"""A world in memory for the real planner and executor: two devices, a bucket, and people.

Every step of a fake side is a point at which the world may go on: somebody writes, the agent dies.
Contents are unique, so each that is found in the end can be explained, or not.
"""

import hashlib
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from s3d.agent.core.client import IF_ABSENT
from s3d.agent.core.path_names import original_of
from s3d.agent.s3.messages import BytesBody
from s3d.agent.sync.baseline import Baseline
from s3d.agent.sync.compare import local_differences, remote_differences
from s3d.agent.sync.decide import deletions, transfers
from s3d.agent.sync.execute import Executor, SyncPolicy
from s3d.agent.sync.interfaces import (
    ConcurrentChange,
    FileAttributes,
    StagedFile,
    Unavailable,
)
from s3d.agent.sync.moves import carry_out, find_copies, find_moves, read_copies
from s3d.agent.sync.path_state import LocalEntry, RemoteEntry, Signature
from s3d.agent.sync.planning import join, plan
from s3d.agent.sync.recover import recover_all

PASSES = 12
PAGE = 2


class Crash(Exception):
    """The agent is killed here."""


class PowerCut(Crash):
    """The machine stops here: what was not synced may be gone."""


class Tick:
    """What a fake side awaits: the driver of the coroutine is asked."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __await__(self):
        yield self.name


def drive(work: Coroutine[Any, Any, Any], at: Callable[[str], None]) -> Any:
    """Run it; at(name) is called at each step and may raise Crash."""
    try:
        while True:
            at(work.send(None))
    except StopIteration as stop:
        return stop.value
    finally:
        work.close()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@dataclass(eq=False)
class File:
    """An inode. is_synced: its bytes would survive a power cut."""

    data: bytes
    mtime: int
    ino: int
    is_synced: bool = True


@dataclass
class Object:
    data: bytes
    sha256: str
    parent: str
    mtime_ns: int | None
    number: int

    @property
    def etag(self) -> str:
        return f'"{md5(self.data)}"'


class FakeContent:
    def __init__(self, data: bytes) -> None:
        self.size, self.sha256, self.etag, self.is_torn = len(data), sha(data), md5(data), False
        self.data = data

    def body(self) -> BytesBody:
        return BytesBody(self.data)


ROOT, STAGE, TRASH = "files", "stage", "trash"
"""The folders of a fake tree, by the names of their attributes."""
Names = dict[str, dict[str, File]]


class FakeTree:
    """A folder, its stage and its trash. What it holds outlives the agent.

    What the agent changes in a folder may be gone after a power cut until that folder is synced;
    but a change is never kept without the earlier ones in the same folders. What people change is
    durable, and with it what was changed before in the folder.
    """

    syncs = frozenset(("receive", "data", "place", "discard", "move", "give", "recover"))
    """The steps after which the folders that they change are synced. A mutant leaves one out."""

    def __init__(self, numbers: "itertools.count[int]") -> None:
        self.files: dict[str, File] = {}
        self.stage: dict[str, File] = {}
        self.trash: dict[str, File] = {}
        self._numbers = numbers
        self._durable: Names = {ROOT: {}, STAGE: {}, TRASH: {}}
        self._pending: list[tuple[frozenset[str], Callable[[Names], None]]] = []
        self.taken: set[bytes] = set()
        """What the agent has taken out of the folder: it has to be in the trash in the end."""

    # People

    def write(self, path: str, data: bytes) -> None:
        """In the file that is there, or a new one."""
        before = self.files.get(path)
        if before is not None:
            before.data, before.mtime, before.is_synced = data, next(self._numbers), True
            return
        with self.by_people():
            self.files[path] = File(data, next(self._numbers), next(self._numbers))

    @contextmanager
    def by_people(self) -> Iterator[None]:
        """They have changed names in the folder."""
        self._sync(ROOT)
        yield
        self._durable[ROOT] = dict(self.files)

    def entries(self) -> list[LocalEntry]:
        return [LocalEntry(path, _signature(file)) for path, file in sorted(self.files.items())]

    # The disk

    def _change(self, change: Callable[[Names], None], *folders: str) -> None:
        change({ROOT: self.files, STAGE: self.stage, TRASH: self.trash})
        self._pending.append((frozenset(folders), change))

    def _move(self, one: str, name: str, other: str, to: str) -> File:
        """From a folder to another, or to another name."""
        self._change(lambda at: at[other].update({to: at[one].pop(name)}), one, other)
        return {ROOT: self.files, STAGE: self.stage, TRASH: self.trash}[other][to]

    def _sync(self, folder: str) -> None:
        """With all that was changed before in the folders that this one was changed with."""
        needed, left = {folder}, []
        durable = []
        for folders, change in reversed(self._pending):
            if folders & needed:
                needed |= folders
                durable.append(change)
            else:
                left.append((folders, change))
        for change in reversed(durable):
            change(self._durable)
        self._pending = left[::-1]

    async def _synced(self, step: str, *folders: str) -> None:
        await Tick(f"sync {step}")
        if step in self.syncs:
            for folder in folders:
                self._sync(folder)

    def cut_power(self, chance: random.Random) -> None:
        """Any of the changes may have come to the disk, but none without those before it."""
        gone: set[str] = set()
        for folders, change in self._pending:
            if folders & gone or chance.random() < 0.5:
                gone |= folders
            else:
                change(self._durable)
        self._pending = []
        self.files, self.stage, self.trash = (
            dict(self._durable[name]) for name in (ROOT, STAGE, TRASH)
        )
        for file in (*self.files.values(), *self.stage.values(), *self.trash.values()):
            if not file.is_synced:
                file.data, file.is_synced = b"", True
        put_away = {file.data for file in (*self.stage.values(), *self.trash.values())}
        self.taken &= put_away

    # The agent

    async def look(self, path: str) -> LocalEntry | None:
        await Tick("look")
        file = self.files.get(path)
        return LocalEntry(path, _signature(file)) if file is not None else None

    async def read(self, path: str, signature: Signature) -> FakeContent:
        await Tick("read")
        file = self.files.get(path)
        if file is None or _signature(file) != signature:
            raise ConcurrentChange
        return FakeContent(file.data)

    async def receive(self, name: str, body: BytesBody, attributes: FileAttributes) -> StagedFile:
        await Tick("receive")
        if attributes.sha256 and attributes.sha256 != sha(body.data):
            raise ConcurrentChange
        number = next(self._numbers)
        file = File(
            body.data, attributes.mtime_ns or number, number, is_synced="data" in self.syncs
        )
        self._change(lambda at: at[STAGE].update({name: file}), STAGE)
        await self._synced("receive", STAGE)
        await Tick("received")
        return StagedFile(name, _signature(file), sha(body.data))

    async def place(self, staged: StagedFile, path: str, expected: Signature | None):
        await Tick("place")
        there = self.files.get(path)
        if (there is None) != (expected is None):
            raise ConcurrentChange
        if there is None:
            self._move(STAGE, staged.name, ROOT, path)
        else:
            self._change(partial(_exchange, staged.name, path), ROOT, STAGE)
            self.taken.add(there.data)
        await Tick("placed")
        await self._synced("place", ROOT)
        return _signature(self.stage[staged.name]) if there is not None else None

    async def staged(self, name: str) -> Signature | None:
        await Tick("staged")
        return _signature(self.stage[name]) if name in self.stage else None

    async def unstage(self, name: str, path: str) -> bool:
        return await self._give(STAGE, name, path)

    async def _give(self, folder: str, name: str, path: str) -> bool:
        await Tick("give")
        there = self.stage if folder == STAGE else self.trash
        if path in self.files or name not in there:
            return False
        self.taken.discard(self._move(folder, name, ROOT, path).data)
        await Tick("given")
        await self._synced("give", ROOT, folder)
        return True

    async def drop_staged(self, name: str) -> None:
        await Tick("drop")
        self._change(lambda at: at[STAGE].pop(name, None) and None, STAGE)

    async def sync_names(self, path: str) -> None:
        await self._synced("recover", ROOT, STAGE, TRASH)

    async def sweep(self) -> list[str]:
        await Tick("sweep")
        return sorted(self.stage)

    async def trash_staged(self, name: str) -> None:
        await Tick("trash")
        if name in self.stage:
            self._move(STAGE, name, TRASH, name)
        await Tick("trashed")

    async def discard(self, path: str, name: str) -> Signature | None:
        await Tick("discard")
        if path not in self.files:
            return None
        file = self._move(ROOT, path, TRASH, name)
        self.taken.add(file.data)
        await Tick("discarded")
        await self._synced("discard", ROOT, TRASH)
        return _signature(file)

    async def trashed(self, name: str) -> Signature | None:
        await Tick("in trash")
        return _signature(self.trash[name]) if name in self.trash else None

    async def untrash(self, name: str, path: str) -> bool:
        return await self._give(TRASH, name, path)

    async def move(self, path: str, to: str) -> Signature | None:
        await Tick("move")
        if to in self.files or path not in self.files:
            return None
        moved = _signature(self._move(ROOT, path, ROOT, to))
        await Tick("moved")
        await self._synced("move", ROOT)
        return moved

    async def make_folder(self, path: str) -> None:
        await Tick("mkdir")

    async def remove_folder(self, path: str) -> bool:
        await Tick("rmdir")
        return True


def _exchange(name: str, path: str, at: Names) -> None:
    at[ROOT][path], at[STAGE][name] = at[STAGE][name], at[ROOT][path]


def _signature(file: File) -> Signature:
    return Signature(len(file.data), file.mtime, 0, file.ino)


class FakeRemoteTree:
    """A bucket that judges conditions and keeps versions, as seen by one device."""

    def __init__(self, objects: dict[str, Object], past: dict[str, list[Object]], numbers) -> None:
        self.objects, self.past, self._numbers = objects, past, numbers
        self.is_away = False
        self.loses_answers = 0
        """So many writes from now on are done, but not answered."""
        self.cuts_listing = False

    # People

    def store(self, path: str, data: bytes) -> None:
        self._put(path, data, FileAttributes())

    def remove(self, path: str) -> None:
        self.past.setdefault(path, []).append(self.objects.pop(path))

    def _put(self, path: str, data: bytes, attributes: FileAttributes) -> Object:
        if path in self.objects:
            self.past.setdefault(path, []).append(self.objects[path])
        stored = Object(
            data, attributes.sha256, attributes.parent, attributes.mtime_ns, next(self._numbers)
        )
        self.objects[path] = stored
        return stored

    # The agent

    async def look(self, path: str) -> RemoteEntry | None:
        await self._reach("head")
        return _remote(path, self.objects.get(path), whole=True)

    async def is_gone(self, path: str) -> bool:
        await self._reach("list")
        return path not in self.objects

    async def tags(self, path: str) -> dict[str, str]:
        return {}

    async def listing(self) -> AsyncIterator[list[RemoteEntry]]:
        after = ""
        while True:
            await self._reach("list")
            paths = sorted(path for path in self.objects if path > after)
            if self.cuts_listing and after:
                self.cuts_listing = False
                raise Unavailable("cut")
            yield [r for p in paths[:PAGE] if (r := _remote(p, self.objects[p])) is not None]
            if len(paths) <= PAGE:
                return
            after = paths[PAGE - 1]

    async def put(
        self, path: str, content: FakeContent, attributes: FileAttributes, condition: str
    ) -> RemoteEntry:
        await self._reach("put")
        self._judge(path, condition)
        stored = self._put(path, content.data, attributes)
        await self._answer("stored")
        found = _remote(path, stored, whole=True)
        assert found is not None
        return found

    async def get(self, path: str, etag: str, size: int) -> tuple[RemoteEntry, BytesBody]:
        await self._reach("get")
        self._judge(path, etag)
        found = _remote(path, self.objects[path], whole=True)
        assert found is not None
        return found, BytesBody(self.objects[path].data)

    async def delete(self, path: str, etag: str) -> None:
        await self._reach("delete")
        if path in self.objects:
            self._judge(path, etag)
            self.remove(path)
        await self._answer("deleted")

    async def copy(self, source: str, etag: str, size: int, path: str) -> RemoteEntry:
        await self._reach("copy")
        self._judge(source, etag)
        self._judge(path, IF_ABSENT)
        from_ = self.objects[source]
        stored = self._put(path, from_.data, FileAttributes(from_.mtime_ns, None, from_.sha256, ""))
        await self._answer("copied")
        found = _remote(path, stored, whole=True)
        assert found is not None
        return found

    async def landed(self, path: str, sha256: str, etag: str) -> bool:
        await self._reach("versions")
        return any(etag == old.etag.strip('"') for old in self.past.get(path, ()))

    async def _reach(self, name: str) -> None:
        await Tick(name)
        if self.is_away:
            raise Unavailable("away")

    async def _answer(self, name: str) -> None:
        await Tick(name)
        if self.loses_answers:
            self.loses_answers -= 1
            raise Unavailable("no answer")

    def _judge(self, path: str, condition: str) -> None:
        stored = self.objects.get(path)
        if (stored is None) != (condition == IF_ABSENT) or (
            stored is not None and stored.etag != condition
        ):
            raise ConcurrentChange


def _remote(path: str, stored: Object | None, *, whole: bool = False) -> RemoteEntry | None:
    if stored is None:
        return None
    found = RemoteEntry(path, stored.etag, len(stored.data), 0.0)
    if not whole:
        return found
    return found._replace(sha256=stored.sha256, parent=stored.parent, mtime_ns=stored.mtime_ns)


async def _nothing(path: str, local: LocalEntry | None, remote: RemoteEntry | None) -> str:
    return ""


class FakeBaseline(Baseline):
    """A power cut takes commits from the last one on, up to the last flush."""

    def __init__(self) -> None:
        super().__init__(None)
        self._states = [self._db.serialize()]

    def _write(self, *statements: Any) -> None:
        super()._write(*statements)
        self._states.append(self._db.serialize())

    async def flush(self) -> None:
        await Tick("flush")
        self._states = self._states[-1:]
        await Tick("flushed")

    def cut_power(self, chance: random.Random) -> None:
        self._states = [chance.choice(self._states)]
        self._db.deserialize(self._states[0])


class Device:
    """A folder with its agent, which dies and comes back."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name
        self.tree = world.tree_type(world.numbers)
        self.remote_tree = world.hub_type(world.objects, world.past, world.numbers)
        self.baseline = world.baseline_type()
        self.acted = 0

    def executor(self) -> Executor:
        ids = (f"{next(self.world.numbers):032x}"[::-1] for _ in itertools.count())
        return self.world.executor_type(
            self.tree, self.remote_tree, self.baseline, SyncPolicy(_nothing), host=self.name,
            clock=lambda: 1e9, ids=lambda: next(ids),
        )  # fmt: skip

    async def run(self) -> None:
        """One whole pass, as the agent makes it."""
        executor = self.executor()
        await recover_all(executor)
        entries = self.tree.entries()
        found = [row async for page in self.remote_tree.listing() for row in page]
        await Tick("listed")
        differences = await join(
            executor,
            list(local_differences(entries, self.baseline.signatures(), self.baseline.get)),
            list(remote_differences(found, self.baseline.identities("", None), self.baseline.get)),
        )
        steps = await plan(executor, differences)
        moves, steps = find_moves(steps, await read_copies(executor, find_copies(steps)))
        for move in moves:
            if await carry_out(executor, move) is None:
                steps += move
            self.acted += 1
        for step in (*transfers(steps), *deletions(steps)):
            done = await executor.execute(step)
            self.acted += done.action not in ("nothing", "ignore")
        await self.baseline.flush()

    def lose_memory(self) -> None:
        """As when the state folder is removed."""
        self.baseline = self.world.baseline_type()
        self.world.has_lost_memory = True

    def cut_power(self) -> None:
        self.tree.cut_power(self.world.chance)
        self.baseline.cut_power(self.world.chance)
        self.world.has_lost_power = True


@dataclass
class Ledger:
    """Who has seen what: the value that a person replaced or removed is done with, at that path."""

    claims: set[tuple[str, bytes]] = field(default_factory=set)
    done: set[tuple[str, bytes]] = field(default_factory=set)

    def wrote(self, path: str, data: bytes, seen: bytes | None) -> None:
        self.claims.add((path, data))
        self.removed(path, seen)

    def removed(self, path: str, seen: bytes | None) -> None:
        if seen is not None:
            self.done.add((path, seen))


class World:
    """Two devices and a third-party writer on one bucket."""

    executor_type: type[Executor] = Executor
    tree_type: type[FakeTree] = FakeTree
    hub_type: type[FakeRemoteTree] = FakeRemoteTree
    baseline_type: type[FakeBaseline] = FakeBaseline
    device_type: type[Device] = Device
    """What a mutation replaces."""

    def __init__(self, chance: random.Random | None = None) -> None:
        """chance: decides what a power cut takes."""
        self.chance = chance or random.Random(0)
        self.numbers = itertools.count(1)
        self.objects: dict[str, Object] = {}
        self.past: dict[str, list[Object]] = {}
        self.ledger = Ledger()
        self.devices = [self.device_type(self, "a"), self.device_type(self, "b")]
        self.has_lost_memory = self.has_lost_power = False

    # What people do

    def write(self, device: int, path: str) -> None:
        tree = self.devices[device].tree
        data = self._value()
        seen = tree.files[path].data if path in tree.files else None
        self.ledger.wrote(path, data, seen)
        tree.write(path, data)

    def delete(self, device: int, path: str) -> None:
        tree = self.devices[device].tree
        with tree.by_people():
            file = tree.files.pop(path, None)
        if file is not None:
            self.ledger.removed(path, file.data)

    def rename(self, device: int, path: str, to: str) -> None:
        tree = self.devices[device].tree
        files = tree.files
        if path not in files or (to, files[path].data) in self.ledger.claims:
            return  # nothing can be told of a value that comes back to its path
        over = files[to].data if to in files else None
        with tree.by_people():
            file = files.pop(path)
            files[to] = file
        self.ledger.wrote(to, file.data, over)
        self.ledger.removed(path, file.data)

    def replace(self, device: int, path: str) -> None:
        """As editors save: a new file in the place of the old one."""
        tree = self.devices[device].tree
        data = self._value()
        with tree.by_people():
            seen = tree.files.pop(path).data if path in tree.files else None
        self.ledger.wrote(path, data, seen)
        tree.write(path, data)

    def store(self, path: str) -> None:
        remote_tree = self.devices[0].remote_tree
        data = self._value()
        seen = self.objects[path].data if path in self.objects else None
        self.ledger.wrote(path, data, seen)
        remote_tree.store(path, data)

    def remove(self, path: str) -> None:
        if path in self.objects:
            self.ledger.removed(path, self.objects[path].data)
            self.devices[0].remote_tree.remove(path)

    def _value(self) -> bytes:
        return b"v%d" % next(self.numbers)

    # What agents do

    def run(self, device: int, at: Callable[[str], None] = lambda name: None) -> bool:
        """A pass; whether it came to its end."""
        try:
            drive(self.devices[device].run(), at)
        except PowerCut:
            self.devices[device].cut_power()
        except (Crash, Unavailable):
            pass
        else:
            return True
        return False

    # In the end

    def check(self) -> None:
        """Let all come to rest, and explain what is there."""
        for device in self.devices:
            device.remote_tree.is_away = device.remote_tree.cuts_listing = False
            device.remote_tree.loses_answers = 0
        for _ in range(PASSES):
            for number, device in enumerate(self.devices):
                device.acted = 0
                assert self.run(number)
            if not any(device.acted for device in self.devices):
                break
        else:
            raise AssertionError("it does not come to rest")
        remote_tree = {path: stored.data for path, stored in self.objects.items()}
        for device in self.devices:
            assert {path: file.data for path, file in device.tree.files.items()} == remote_tree
            assert not device.tree.stage
            put_away = {file.data for file in device.tree.trash.values()}
            assert device.tree.taken <= put_away, f"not in the trash: {device.tree.taken}"
            assert not device.baseline.intents()
        self._explain(remote_tree)

    def _explain(self, remote_tree: dict[str, bytes]) -> None:
        live = Counter(remote_tree.values())
        for path, data in self.ledger.claims - self.ledger.done:
            assert live[data], f"lost: {data!r} of {path}"
        if self.has_lost_memory:
            return  # then what was deleted or replaced meanwhile may come back, beside the others
        for path, data in remote_tree.items():
            assert (path, data) not in self.ledger.done, f"resurrected: {data!r} at {path}"
            original = original_of(path)
            while original_of(original):
                original = original_of(original)
            if original:
                assert (original, data) not in self.ledger.done, f"spurious: {data!r} of {path}"
