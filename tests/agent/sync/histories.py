"""Random histories of a world, each told by its seed alone: quick enough for many thousands."""

import random
from collections.abc import Callable

from tests.agent.sync.world import Crash, PowerCut, World

PATHS = ("a", "b", "c/d")
RACE, CRASH = 0.06, 0.04
"""Chance, at each step of an agent, that somebody does something, and that the agent dies."""


class Faults:
    """What may happen in a history beside people and agents."""

    away = 0.05
    lost_answer = 0.1
    cut_listing = 0.05
    lost_memory = 0.0
    crash = CRASH
    power_cut = 0.0
    """Chance, at each step of an agent and between two passes, that the power fails."""


class PowerFaults(Faults):
    power_cut = 0.04


class RareFaults(Faults):
    """Most agents live long enough to rely on what they were told: a start lists the bucket."""

    crash, power_cut = 0.004, 0.001


def history(seed: int, make: Callable[..., World] = World, faults: type[Faults] = Faults) -> None:
    """Raises AssertionError when what is there in the end cannot be explained."""
    chance = random.Random(seed)
    world = make(random.Random(seed))
    for _ in range(chance.randrange(3, 40)):
        if chance.random() < 0.5:
            act(world, chance)
        else:
            run_pass(world, chance, faults)
        if chance.random() < faults.lost_memory:
            chance.choice(world.devices).lose_memory()
        if faults.power_cut and chance.random() < faults.power_cut:
            chance.choice(world.devices).cut_power()
    world.check()


def act(world: World, chance: random.Random) -> None:
    """Somebody does something."""
    device, path, other = chance.randrange(2), chance.choice(PATHS), chance.choice(PATHS)
    deeds: list[Callable[[], None]] = [
        lambda: world.write(device, path),
        lambda: world.write(device, path),
        lambda: world.replace(device, path),
        lambda: world.delete(device, path),
        lambda: world.rename(device, path, other),
        lambda: world.store(path),
        lambda: world.store(path),
        lambda: world.remove(path),
    ]
    chance.choice(deeds)()


def run_pass(world: World, chance: random.Random, faults: type[Faults]) -> None:
    """An agent makes a pass while the others go on, and may die in it."""
    device = chance.randrange(2)
    remote_tree = world.devices[device].remote_tree
    remote_tree.is_away = chance.random() < faults.away
    remote_tree.loses_answers = int(chance.random() < faults.lost_answer)
    remote_tree.cuts_listing = chance.random() < faults.cut_listing

    def at(name: str) -> None:
        luck = chance.random()
        if luck < RACE:
            act(world, chance)
        elif luck < RACE + faults.crash:
            raise Crash
        elif luck < RACE + faults.crash + faults.power_cut:
            raise PowerCut

    world.run(device, at)
