"""What a power cut leaves: the real planner and executor on disks that forget what was not synced.

Every protection is taken away once, and has to be missed.
"""

import random
from collections.abc import Callable

import pytest

from s3d.agent.sync.baseline import Intent
from s3d.agent.sync.execute import Executor
from tests.agent.sync.histories import PowerFaults, history
from tests.agent.sync.world import Crash, FakeBaseline, FakeTree, PowerCut, Tick, World

WITHIN = 500
"""Histories in which a missing protection has to show."""


@pytest.mark.slow
@pytest.mark.finding("S1")
@pytest.mark.rule("SYNC-1")
def test_nothing_is_lost_when_the_power_fails():
    for seed in range(300):
        history(seed, faults=PowerFaults)


@pytest.mark.finding("S1")
@pytest.mark.rule("SYNC-1")
@pytest.mark.parametrize("seed", [738104801419692599, 216170203258964476])
def test_a_file_that_was_put_back_before_a_kill_is_there_after_a_power_cut(seed: int) -> None:
    """Two of 20,000 histories: the agent gives back what was saved while it discarded the file, is
    killed before it has synced that, and its next start forgets the intent."""
    history(seed, faults=PowerFaults)


def unsynced(step: str) -> type:
    """A tree that does not make durable what a step has done."""
    return type(step, (FakeTree,), {"syncs": FakeTree.syncs - {step}})


class NoFlush(FakeBaseline):
    """Intents are no more durable than anything else."""

    async def flush(self) -> None:
        await Tick("flush")


class HastyThrowingAway(Executor):
    """The file goes before its intent."""

    async def throw_away(self, path: str, name: str) -> None:
        await self.tree.drop_staged(name)
        self.baseline.settle(path)


class TrustedStage(Executor):
    """What is on the stage is taken to be what was put there."""

    async def place_again(self, path: str, intent: Intent) -> None:
        await self.throw_away(path, intent.stage)


class SweptStage(FakeTree):
    """A start removes what it knows nothing of."""

    async def sweep(self) -> list[str]:
        await Tick("sweep")
        self.stage.clear()
        return []


def mutated(mutant: type, **fields: object) -> type[World]:
    kinds = {"tree_type": FakeTree, "executor_type": Executor, "baseline_type": FakeBaseline}
    field = next(field for field, base in kinds.items() if issubclass(mutant, base))
    return type("Mutated", (World,), {field: mutant})


FOUND_BY_CHANCE: list[type] = [
    *map(unsynced, ("data", "receive", "place", "discard")), NoFlush, HastyThrowingAway,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.finding("S1")
@pytest.mark.parametrize("mutant", FOUND_BY_CHANCE, ids=lambda mutant: mutant.__name__)
def test_every_protection_is_missed(mutant):
    make = mutated(mutant)
    for seed in range(WITHIN):
        try:
            history(seed, make, PowerFaults)
        except (AssertionError, KeyError):
            return
    pytest.fail(f"{mutant.__name__} shows in none of {WITHIN} histories")


# Those that chance finds too seldom


class Worst(random.Random):
    """Takes all names that were not synced, and no row of the baseline."""

    def random(self) -> float:
        return 0.0

    def choice(self, seq):
        return seq[-1]


def run(world: World, step: str, end: type[Crash], meanwhile: Callable[[], None] = lambda: None):
    """A pass of the first device that ends at the first step of this name."""

    def at(name: str) -> None:
        if name == step:
            meanwhile()
            raise end

    assert not world.run(0, at)


def renamed_here(world: World) -> None:
    world.write(0, "p")
    world.check()
    world.rename(1, "p", "q")
    assert world.run(1)
    assert world.run(0)
    world.devices[0].cut_power()


def written_to_in_its_place(world: World) -> None:
    world.store("p")
    run(world, "placed", PowerCut, lambda: world.write(0, "p"))


def recovered_from_a_kill(world: World) -> None:
    world.store("p")
    run(world, "sync place", Crash)
    run(world, "listed", Crash)
    world.devices[0].cut_power()


def replaced(world: World) -> None:
    world.write(0, "p")
    world.check()
    world.store("p")
    assert world.run(0)
    world.devices[0].cut_power()


def saved_while_it_is_discarded(world: World, step: str = "") -> None:
    """The pass gives back what was saved. It dies at a step."""
    world.write(0, "p")
    world.check()
    world.remove("p")

    def at(name: str) -> None:
        if name == "discard":
            world.replace(0, "p")
        if name == step:
            raise Crash

    assert world.run(0, at) is not bool(step)


def given_back(world: World) -> None:
    saved_while_it_is_discarded(world)
    world.devices[0].cut_power()


def given_back_before_a_kill(world: World) -> None:
    saved_while_it_is_discarded(world, "sync give")
    run(world, "listed", Crash)
    world.devices[0].cut_power()


CASES = [
    (given_back, unsynced("give")),
    (given_back_before_a_kill, unsynced("recover")),
    (renamed_here, unsynced("move")),
    (written_to_in_its_place, TrustedStage),
    (recovered_from_a_kill, unsynced("recover")),
    (replaced, SweptStage),
]


@pytest.mark.finding("S1")
@pytest.mark.parametrize(("case", "mutant"), CASES, ids=lambda each: each.__name__)
def test_the_worst_power_cut_is_survived_and_each_protection_needed(case, mutant):
    world = World(Worst())
    case(world)
    world.check()
    world = mutated(mutant)(Worst())
    case(world)
    with pytest.raises(AssertionError):
        world.check()
