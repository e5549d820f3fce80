"""Eviction of one file, interrupted at every step: its absence is never a deletion.

The worlds sync two-way, where a deletion would be pushed at once.
"""

import random

import pytest

from s3d.agent.sync.eviction import evict, restore
from s3d.agent.sync.interfaces import PathBlocked
from s3d.agent.sync.path_state import Residence
from s3d.agent.sync.recover import recover_all
from tests.agent.sync.world import Crash, PowerCut, World, drive

STEPS = 40
"""More than an eviction or a restore has."""


@pytest.fixture
def world() -> World:
    return synced(random.Random(1))


def synced(chance: random.Random) -> World:
    world = World(chance)
    world.write(0, "p")
    assert world.run(0)
    world.devices[0].acted = 0
    return world


def act(world: World, work, at=lambda name: None):
    device = world.devices[0]
    return drive(work(device.executor()), at)


def etag(world: World) -> str:
    return world.objects["p"].etag


def evicted(world: World, at=lambda name: None) -> bool:
    return act(world, lambda executor: evict(executor, "p", etag(world)), at)


def is_here(world: World) -> bool:
    return "p" in world.devices[0].tree.files


def residence(world: World) -> Residence:
    return world.devices[0].baseline.get("p").residence


def test_an_evicted_file_is_no_deletion_and_does_not_come_back_by_itself(world):
    assert evicted(world)
    assert not is_here(world)
    for _ in range(3):
        assert world.run(0)
    assert list(world.objects) == ["p"]
    assert not is_here(world)
    assert world.devices[0].acted == 0
    assert world.devices[0].baseline.evictions.paths() == ["p"]
    assert world.devices[0].baseline.evictions.count() == 1


def test_a_newer_object_is_not_downloaded_by_itself_either(world):
    assert evicted(world)
    world.store("p")
    assert world.run(0)
    assert not is_here(world)


def test_the_agreement_ends_with_the_object(world):
    assert evicted(world)
    world.remove("p")
    assert world.run(0)
    assert world.devices[0].baseline.get("p") is None
    assert not is_here(world)


def test_restore_brings_it_back_and_it_is_not_evicted_again(world):
    assert evicted(world)
    act(world, lambda executor: restore(executor, "p"))
    assert is_here(world)
    assert residence(world) is Residence.RESTORED
    assert not evicted(world)
    assert world.run(0)
    assert world.devices[0].acted == 0


def test_restore_brings_the_newest_version(world):
    assert evicted(world)
    world.store("p")
    act(world, lambda executor: restore(executor, "p"))
    assert world.devices[0].tree.files["p"].data == world.objects["p"].data
    assert residence(world) is Residence.RESTORED


def test_what_cannot_be_restored_is_said(world):
    def refused() -> str:
        with pytest.raises(PathBlocked) as error:
            act(world, lambda executor: restore(executor, "p"))
        return str(error.value)

    assert "not evicted" in refused()
    assert evicted(world)
    world.write(0, "p")
    assert "in its place" in refused()
    world.delete(0, "p")
    world.remove("p")
    assert "no longer has it" in refused()


def test_a_file_that_changed_since_its_receipt_stays(world):
    world.write(0, "p")
    assert not evicted(world)
    assert is_here(world)
    assert not act(world, lambda executor: evict(executor, "p", '"of another version"'))
    assert not act(world, lambda executor: evict(executor, "missing", '"e"'))


def test_a_file_that_is_written_again_is_uploaded_and_may_be_evicted_again(world):
    assert evicted(world)
    world.write(0, "p")
    assert world.run(0)
    assert world.objects["p"].data == world.devices[0].tree.files["p"].data
    assert residence(world) is Residence.LOCAL
    assert evicted(world)


def test_a_file_that_is_replaced_in_the_last_moment_is_put_back(world):
    def at(name: str) -> None:
        if name == "discard":
            world.replace(0, "p")

    assert not evicted(world, at)
    assert is_here(world)
    assert world.run(0)
    assert world.objects["p"].data == world.devices[0].tree.files["p"].data


@pytest.mark.rule("SYNC-6")
@pytest.mark.parametrize("what", [Crash, PowerCut])
@pytest.mark.parametrize("number", range(STEPS))
def test_a_crash_at_any_step_of_an_eviction(what, number):
    world = synced(random.Random(number))
    before = world.objects["p"].data
    interrupt(world, lambda: evicted(world, stop_at(number, what)), what)
    drive(recover_all(world.devices[0].executor()), lambda name: None)
    for _ in range(2):
        assert world.run(0)
    assert world.objects["p"].data == before
    if is_here(world):
        assert world.devices[0].tree.files["p"].data == before
    else:
        assert residence(world) is Residence.EVICTED
    assert not world.devices[0].baseline.intents()


@pytest.mark.parametrize("what", [Crash, PowerCut])
@pytest.mark.parametrize("number", range(STEPS))
def test_a_crash_at_any_step_of_a_restore(what, number):
    world = synced(random.Random(number))
    before = world.objects["p"].data
    assert evicted(world)
    drive(world.devices[0].baseline.flush(), lambda name: None)
    restoring = stop_at(number, what)
    interrupt(world, lambda: act(world, lambda executor: restore(executor, "p"), restoring), what)
    drive(recover_all(world.devices[0].executor()), lambda name: None)
    for _ in range(2):
        assert world.run(0)
    assert world.objects["p"].data == before
    if is_here(world):
        assert world.devices[0].tree.files["p"].data == before
    else:
        assert residence(world) is Residence.EVICTED


def test_the_steps_are_all_of_them(world):
    names: list[str] = []
    assert evicted(world, names.append)
    act(world, lambda executor: restore(executor, "p"), names.append)
    assert 6 < len(names) < STEPS


def stop_at(number: int, what: type[Crash]):
    """Raises at the step with this number, counted from 0."""
    left = iter(range(number, -1, -1))

    def at(name: str) -> None:
        if next(left, -1) == 0:
            raise what

    return at


def interrupt(world: World, work, what: type[Crash]) -> None:
    try:
        work()
    except PowerCut:
        world.devices[0].cut_power()
    except Crash:
        pass
