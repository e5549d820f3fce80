"""The real planner and executor in a world that does not wait for them: nothing is ever lost.

Every protection is taken away once, and has to be missed: a test that cannot fail proves nothing.
"""

import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from s3d.agent.core.client import IF_ABSENT
from s3d.agent.sync.decide import Action
from s3d.agent.sync.execute import Executor
from s3d.agent.sync.interfaces import ConcurrentChange, StagedFile, Unavailable
from s3d.agent.sync.pass_scope import StepResult
from s3d.agent.sync.path_state import Difference, RemoteEntry, Signature
from tests.agent.sync.histories import PATHS, Faults, history
from tests.agent.sync.world import (
    Crash,
    FakeContent,
    FakeRemoteTree,
    FakeTree,
    Tick,
    World,
    _remote,
    _signature,
)

WITHIN = 1_000
"""Histories in which a missing protection has to show."""


class Machine(RuleBasedStateMachine):
    """Two devices, a bucket and people, as Hypothesis likes it. Shrinks what goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    devices = st.integers(0, 1)
    paths = st.sampled_from(PATHS)

    @rule(device=devices, path=paths)
    def write(self, device: int, path: str) -> None:
        self.world.write(device, path)

    @rule(device=devices, path=paths)
    def replace(self, device: int, path: str) -> None:
        self.world.replace(device, path)

    @rule(device=devices, path=paths)
    def delete(self, device: int, path: str) -> None:
        self.world.delete(device, path)

    @rule(device=devices, path=paths, to=paths)
    def rename(self, device: int, path: str, to: str) -> None:
        self.world.rename(device, path, to)

    @rule(path=paths)
    def store(self, path: str) -> None:
        self.world.store(path)

    @rule(path=paths)
    def remove(self, path: str) -> None:
        self.world.remove(path)

    @rule(device=devices)
    def sync(self, device: int) -> None:
        self.world.run(device)

    @rule(
        device=devices,
        deeds=st.dictionaries(
            st.integers(0, 30), st.tuples(st.integers(0, 4), devices, paths, paths), max_size=4
        ),
        crash=st.none() | st.integers(0, 30),
        lost=st.booleans(),
    )
    def sync_meanwhile(
        self, device: int, deeds: dict[int, Any], crash: int | None, *, lost: bool
    ) -> None:
        """A pass in which others act at some of its steps, and that may end early."""
        self.world.devices[device].remote_tree.loses_answers = int(lost)
        steps = itertools.count()

        def at(name: str) -> None:
            step = next(steps)
            if step == crash:
                raise Crash
            if step in deeds:
                kind, other, path, to = deeds[step]
                (
                    lambda: self.world.write(other, path),
                    lambda: self.world.delete(other, path),
                    lambda: self.world.rename(other, path, to),
                    lambda: self.world.store(path),
                    lambda: self.world.remove(path),
                )[kind]()

        self.world.run(device, at)

    def teardown(self) -> None:
        self.world.check()


def run(examples: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_nothing_is_lost_as_hypothesis_finds():
    run(100)


@pytest.mark.torture
@pytest.mark.parametrize("batch", range(4))
def test_nothing_is_lost_as_hypothesis_finds_in_the_end(batch):
    run(2_500)


def test_nothing_is_lost():
    for seed in range(1_000):
        history(seed)


@pytest.mark.torture
@pytest.mark.parametrize("batch", range(10))
def test_nothing_is_lost_in_ten_thousand_histories(batch):
    for seed in range(batch * 1_000, (batch + 1) * 1_000):
        history(seed)


class Forgetful(Faults):
    lost_memory = 0.1


def test_a_memory_that_is_lost_loses_no_file():
    for seed in range(500):
        history(seed, faults=Forgetful)


# What must not be missing


class NoExchange(FakeTree):
    """A check and a rename, and what comes in between is overwritten."""

    async def place(self, staged: StagedFile, path: str, expected: Signature | None) -> Any:
        await Tick("place")
        if expected is not None:
            self.files[path] = self.stage.pop(staged.name)
            return expected
        return await super().place(staged, path, expected)


class OverwritingRename(FakeTree):
    """A download takes a name that is taken."""

    async def place(self, staged: StagedFile, path: str, expected: Signature | None) -> Any:
        if expected is None:
            self.files.pop(path, None)
        return await super().place(staged, path, expected)


class UnseenRead(FakeTree):
    """What is read is not what was looked at."""

    async def read(self, path: str, signature: Signature) -> FakeContent:
        before = self.files.get(path)
        await Tick("read")
        if path not in self.files or before is None:
            raise ConcurrentChange
        return FakeContent(self.files[path].data)


class CarelessDiscard(FakeTree):
    """What goes to the trash is not looked at."""

    async def discard(self, path: str, name: str) -> Signature | None:
        before = self.files.get(path)
        expected = None if before is None else _signature(before)
        await Tick("looked")
        found = await super().discard(path, name)
        self.trash.pop(name, None)
        return expected if found is not None else None


class NoPutCondition(FakeRemoteTree):
    """A remote that answers 200 to a condition that it ignores."""

    async def put(self, path: str, content: Any, attributes: Any, condition: str) -> RemoteEntry:
        await self._reach("put")
        stored = self._put(path, content.data, attributes)
        found = _remote(path, stored, whole=True)
        assert found is not None
        return found


class NoDeleteCondition(FakeRemoteTree):
    async def delete(self, path: str, etag: str) -> None:
        await self._reach("delete")
        if path in self.objects:
            self.remove(path)


class SilentCut(FakeRemoteTree):
    """A listing that breaks off, and nobody notices."""

    async def listing(self) -> AsyncIterator[list[RemoteEntry]]:
        try:
            async for page in super().listing():
                yield page
        except Unavailable:
            return


class Unreachable(FakeRemoteTree):
    """Somebody who cannot be asked is taken to have nothing."""

    async def look(self, path: str) -> RemoteEntry | None:
        try:
            return await super().look(path)
        except Unavailable:
            return None

    async def listing(self) -> AsyncIterator[list[RemoteEntry]]:
        if self.is_away:
            return
        async for page in super().listing():
            yield page


class LastWriterWins(Executor):
    async def _conflict(self, difference: Difference) -> StepResult:
        local, remote = difference.local, await self.remote_tree.look(difference.path)
        if local is None or remote is None:
            raise ConcurrentChange
        content = await self.tree.read(difference.path, local.signature)
        self.baseline.agree(self._base(local, content.sha256, replace_etag=remote.etag))
        return StepResult(difference.path, Action.CONFLICT)


class NoIntents(Executor):
    """What was begun is not remembered."""

    async def _upload(self, difference: Difference) -> StepResult:
        self.baseline.intend = lambda path, intent: None  # type: ignore[method-assign]
        return await super()._upload(difference)


class NoLastLook(Executor):
    """The file is deleted in the bucket though it came back here."""

    async def _delete_remote(self, difference: Difference) -> StepResult:
        assert difference.base is not None
        await self.remote_tree.delete(difference.path, difference.base.etag)
        self.tree.files.pop(difference.path, None)  # type: ignore[attr-defined]
        self.baseline.drop(difference.path)
        return StepResult(difference.path, Action.DELETE_REMOTE)


class DeletionBeatsEdit(Executor):
    async def _upload(self, difference: Difference) -> StepResult:
        gone = difference.base is not None and difference.remote is None
        if gone and difference.remote_known:
            return await self._delete_local(difference)
        return await super()._upload(difference)


class NoConditions(FakeRemoteTree):
    async def put(self, path: str, content: Any, attributes: Any, condition: str) -> RemoteEntry:
        there = self.objects.get(path)
        return await super().put(path, content, attributes, there.etag if there else IF_ABSENT)


MUTANTS: list[type] = [
    NoExchange, OverwritingRename, UnseenRead, CarelessDiscard, NoPutCondition, NoDeleteCondition,
    SilentCut, Unreachable, LastWriterWins, NoIntents, NoLastLook, DeletionBeatsEdit, NoConditions,
]  # fmt: skip


def mutated(mutant: type) -> Callable[[], World]:
    name = {FakeTree: "tree_type", FakeRemoteTree: "hub_type", Executor: "executor_type"}
    field = next(name[base] for base in name if issubclass(mutant, base))
    return type("Mutated", (World,), {field: mutant})


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_every_protection_is_missed(mutant):
    make = mutated(mutant)
    for seed in range(WITHIN):
        try:
            history(seed, make)
        except (AssertionError, KeyError):
            return
    pytest.fail(f"{mutant.__name__} shows in none of {WITHIN} histories")
