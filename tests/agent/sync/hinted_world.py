"""The world of world.py, whose agents list the bucket rarely: hints say what others have changed.

The marker is a history of versions at the bucket, so that a reader may get a late one. It is
written with a condition, or without one, and a write of it may be lost. Events are a bag of paths:
some are lost, some come twice or late, some lie. The numbers and gaps of the marker, what a killed
agent has left, and the schedule of a folder are the real ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path

from s3d.agent.remote_changes.marker_format import Marker, news_of, seen_after
from s3d.agent.remote_changes.marker_object import WatchedPrefix
from s3d.agent.remote_changes.own_changes import OwnChanges
from s3d.agent.remote_changes.unannounced_writes import UnannouncedWrites
from s3d.agent.remote_changes.write_announcer import WriteAnnouncer
from s3d.agent.sync.compare import local_differences, remote_differences
from s3d.agent.sync.decide import Action, Step, deletions, transfers
from s3d.agent.sync.execute import Executor
from s3d.agent.sync.interfaces import ConcurrentChange, Unavailable
from s3d.agent.sync.moves import Move, carry_out, find_copies, find_moves, read_copies
from s3d.agent.sync.pass_scope import PassResult, Scope, StepResult
from s3d.agent.sync.passes import failed_steps
from s3d.agent.sync.path_state import BaselineEntry, LocalEntry
from s3d.agent.sync.planning import join, plan
from s3d.agent.sync.recover import recover_all
from s3d.agent.sync.retries import Retries
from s3d.agent.sync.schedule import Schedule
from tests.agent.sync.histories import PATHS
from tests.agent.sync.world import (
    PASSES,
    Crash,
    Device,
    FakeRemoteTree,
    PowerCut,
    Tick,
    World,
    drive,
)

PLACE = WatchedPrefix("bucket", "")
HOUR = 3600.0
IS_LOST, IS_STALE, IS_LATE, IS_TWICE, IS_LIE, IS_BUSY = 0.1, 0.1, 0.3, 0.2, 0.05, 0.03
"""The chance of each trouble with markers, events and single requests."""
LISTS = 0.1
"""The chance that an hour has passed before an agent makes its next pass."""


class HintedRemoteTree(FakeRemoteTree):
    """Reports the writes of its agent, as RemoteWrites does."""

    device: HintedDevice

    async def put(self, path, content, attributes, condition):
        return await self._observed(path, super().put(path, content, attributes, condition))

    async def delete(self, path, etag):
        return await self._observed(path, super().delete(path, etag))

    async def copy(self, source, etag, size, path):
        return await self._observed(path, super().copy(source, etag, size, path))

    async def _observed(self, path, write):
        announcer, keys = self.device.announcer, [(PLACE.bucket, path)]
        announcer.begin(keys)
        may_have_changed = True
        try:
            return await write
        except ConcurrentChange:
            may_have_changed = False
            raise
        finally:
            announcer.end(keys, may_have_changed=may_have_changed)

    async def _reach(self, name):
        await super()._reach(name)
        device = self.device
        if device.world.has_trouble and device.world.chance.random() < IS_BUSY:
            raise Unavailable("busy")


class QuickFile(UnannouncedWrites):
    """What is noted in it outlives the agent; this machine does not stop."""

    def die(self):
        """The system closes the file of a killed agent."""
        if self.is_open:
            os.close(self._fd)
            self._fd = -1


class Exchange:
    """The marker as one run of an agent knows it, in the place of MarkerExchange."""

    def __init__(self, agent: str) -> None:
        self.own = OwnChanges(agent)
        self.known = Marker()
        self.version = -1
        """Of `known`, in the history of the marker."""
        self.seen: dict[str, int] | None = None

    @property
    def unannounced(self) -> list[str]:
        return self.own.unannounced

    def written(self, path: str) -> None:
        self.own.add(path)


class HintedDevice(Device):
    """A device whose agent looks at what hints name."""

    world: HintedWorld

    def __init__(self, world: HintedWorld, name: str) -> None:
        super().__init__(world, name)
        assert isinstance(self.remote_tree, HintedRemoteTree)
        self.remote_tree.device = self
        self._file = world.folder / f"unannounced-{name}"
        self._file.unlink(missing_ok=True)
        self._boots = 0
        self._unannounced = QuickFile(self._file, "")
        self.restart()

    def restart(self) -> None:
        """The agent starts again, after a kill."""
        world = self.world
        self._is_recovered = False
        self.exchange = Exchange(f"{self.name}{next(world.numbers)}")
        self._unannounced.die()
        self._unannounced = world.unannounced_type(self._file, f"boot {self._boots}")
        self.announcer = WriteAnnouncer(self._unannounced)
        self.announcer.exchanges[PLACE] = self.exchange
        self.announcer.resume()
        self.schedule = Schedule(30.0, lambda: world.now)
        self.schedule.retries = world.retries_type(lambda: world.now)
        self.schedule.listings.reported_interval = lambda: HOUR

    def end(self) -> None:
        self._unannounced.die()

    def cut_power(self) -> None:
        super().cut_power()
        self._boots += 1
        self.restart()

    # The marker

    def write_marker(self, *, is_lost: bool = False) -> None:
        """is_lost: the request does not arrive."""
        exchange = self.exchange
        if exchange.seen is None:
            self.read_marker(len(self.world.markers) - 1)
        exchange.own.number()
        exchange.own.missing()
        if is_lost:
            return
        newest = len(self.world.markers) - 1
        if self.world.has_conditions and exchange.version != newest:
            self.read_marker(newest)
        marker = exchange.own.merged(exchange.known)
        self.world.markers.append(marker)
        exchange.version = newest + 1
        exchange.known, exchange.seen = marker, seen_after(exchange.seen, marker)
        exchange.own.written()
        self.announcer.settle()

    def read_marker(self, version: int) -> None:
        """version: the one that the bucket answers with."""
        exchange, marker = self.exchange, self.world.markers[version]
        news = news_of(exchange.seen, marker, exchange.own.agent)
        exchange.seen = seen_after(exchange.seen, marker)
        exchange.known, exchange.version = marker, version
        exchange.own.compare(marker)
        self.look_at(news.paths)
        if news.is_gap:
            self.schedule.look_at_bucket()

    def look_at(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.schedule.touched(path)

    # A pass

    def executor(self) -> Executor:
        executor = super().executor()
        executor.on_copy = lambda path: self.schedule.changed({path})
        return executor

    @property
    def has_work(self) -> bool:
        schedule = self.schedule
        is_due = schedule.pending > 0 or schedule.listings.due_at() <= self.world.now
        return is_due or self.exchange.own.is_pending

    async def run(self) -> None:
        """The pass that is due, as Passes and SyncFolder make it."""
        executor = self.executor()
        if not self._is_recovered:
            await recover_all(executor)
            self._is_recovered = True
        scope = self.schedule.take()
        scope.bucket_requests = self.schedule.listings.requests
        try:
            outcome = await self._pass(executor, scope)
        except Unavailable:
            self.schedule.put_back(scope, 0.0)
            raise
        self.schedule.ended(scope, outcome)
        for result in outcome.done:
            self.acted += result.action not in (Action.NOTHING, Action.IGNORE)
            self.schedule.handled(result, scope)

    async def _pass(self, executor: Executor, scope: Scope) -> PassResult:
        remotes = None
        locals = list(
            local_differences(self.tree.entries(), self.baseline.signatures(), self.baseline.get)
        )
        if not scope.everything_here:
            locals = [pair for pair in locals if _path(pair) in scope.paths]
        if scope.bucket:
            found = [row async for page in self.remote_tree.listing() for row in page]
            known = self.baseline.identities("", None)
            remotes = list(remote_differences(found, known, self.baseline.get))
        await Tick("found")
        differences = await join(executor, locals, remotes)
        seen = {difference.path for difference in differences}
        differences += [await executor.look(path) for path in sorted(scope.touched - seen)]
        steps = await plan(executor, differences)
        moves, steps = find_moves(steps, await read_copies(executor, find_copies(steps)))
        outcome = PassResult()
        for move in moves:
            outcome.add(await self._each(move, partial(self._move, executor, move, steps)))
        for step in (*transfers(steps), *deletions(steps)):
            outcome.add(await self._each(step, partial(self._execute, executor, step)))
        await self.baseline.flush()
        return outcome

    async def _each(
        self, item: Step | Move, act: Callable[[], Awaitable[list[StepResult]]]
    ) -> list[StepResult]:
        """One request that fails leaves the others."""
        try:
            return await act()
        except Unavailable as error:
            if self.remote_tree.is_away:
                raise
            return failed_steps(item, str(error))

    async def _move(self, executor: Executor, move: Move, steps: list[Step]) -> list[StepResult]:
        done = await carry_out(executor, move)
        if done is None:
            steps += move
        return [done] if done is not None else []

    async def _execute(self, executor: Executor, step: Step) -> list[StepResult]:
        return [await executor.execute(step)]


def _path(pair: tuple[BaselineEntry | None, LocalEntry | None]) -> str:
    base, local = pair
    return base.path if base is not None else local.path if local is not None else ""


class HintedWorld(World):
    """Agents that list once an hour, unless a gap tells them to."""

    devices: list[HintedDevice]
    hub_type = HintedRemoteTree
    device_type = HintedDevice
    retries_type: type[Retries] = Retries
    unannounced_type: type[QuickFile] = QuickFile
    folder: Path
    """Where the agents note what they have not announced. Set in a subclass."""

    def __init__(self, chance: random.Random) -> None:
        self.now = 1_000.0
        self.markers = [Marker()]
        self.has_conditions = chance.random() < 0.8
        self.has_trouble, self.always_lists = True, False
        self.events: list[str] = []
        self.unheard: set[str] = set()
        """Paths that a third party has changed, whose event was lost."""
        super().__init__(chance)

    # People, whose changes the system reports

    def write(self, device: int, path: str) -> None:
        super().write(device, path)
        self._saw(device, path)

    def replace(self, device: int, path: str) -> None:
        super().replace(device, path)
        self._saw(device, path)

    def delete(self, device: int, path: str) -> None:
        super().delete(device, path)
        self._saw(device, path)

    def rename(self, device: int, path: str, to: str) -> None:
        super().rename(device, path, to)
        self._saw(device, path, to)

    def _saw(self, device: int, *paths: str) -> None:
        self.devices[device].schedule.changed(set(paths))

    # The third party, whose writes are reported by events

    def store(self, path: str) -> None:
        super().store(path)
        self._report(path)

    def remove(self, path: str) -> None:
        super().remove(path)
        self._report(path)

    def _report(self, path: str) -> None:
        if self.chance.random() < IS_LOST:
            self.unheard.add(path)
        else:
            self.events.append(path)

    # What agents do

    def run(self, number: int, at: Callable[[str], None] = lambda name: None) -> bool:
        device = self.devices[number]
        if self.has_trouble:
            self._let_hints_come(device)
        if self.always_lists:
            device.schedule.everything()
        try:
            drive(device.run(), at)
        except PowerCut:
            device.cut_power()
        except Crash:
            device.restart()
        except Unavailable:
            pass
        else:
            return True
        return False

    def _let_hints_come(self, device: HintedDevice) -> None:
        chance = self.chance
        self.now += HOUR + 1 if chance.random() < LISTS else chance.choice((1.0, 5.0, 60.0))
        if chance.random() < 0.5 and device.exchange.own.is_pending:
            device.write_marker(is_lost=chance.random() < IS_LOST)
        if chance.random() < 0.5:
            newest = len(self.markers) - 1
            is_stale = chance.random() < IS_STALE
            device.read_marker(chance.randrange(newest + 1) if is_stale else newest)
        events, self.events = self.events, []
        for path in events:
            if chance.random() < IS_LATE:
                self.events.append(path)
                continue
            for each in self.devices:
                each.look_at([path])
            if chance.random() < IS_TWICE:
                self.events.append(path)
        if chance.random() < IS_LIE:
            device.look_at([chance.choice(PATHS)])

    # In the end

    def check(self) -> None:
        self.has_trouble = False
        for device in self.devices:
            device.remote_tree.is_away = device.remote_tree.cuts_listing = False
            device.remote_tree.loses_answers = 0
        if self.has_conditions:
            self._check_hints()
        self.always_lists = True
        for device in self.devices:
            device.restart()  # what was begun and not ended is recovered at a start
        super().check()
        for device in self.devices:
            device.end()

    def _check_hints(self) -> None:
        """Without a further listing that no gap demands, everybody has what the hints name."""
        for device in self.devices:
            device.look_at(self.events)
        self._come_to_rest()
        there = {path: stored.data for path, stored in self.objects.items()}
        for device in self.devices:
            here = {path: file.data for path, file in device.tree.files.items()}
            for path in (here.keys() | there.keys()) - self.unheard:
                assert here.get(path) == there.get(path), f"no hint of {path} at {device.name}"

    def _come_to_rest(self) -> None:
        for _ in range(2 * PASSES):
            for device in self.devices:
                if device.exchange.own.is_pending:
                    device.write_marker()
            acted = 0
            for number, device in enumerate(self.devices):
                self.now += 61.0
                device.read_marker(len(self.markers) - 1)
                device.acted = 0
                assert self.run(number)
                acted += device.acted
            if not acted and not any(device.has_work for device in self.devices):
                return
        raise AssertionError("it does not come to rest by hints")
