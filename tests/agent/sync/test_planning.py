import asyncio

from s3d.agent.sync.decide import Action
from s3d.agent.sync.path_state import BaselineEntry, LocalEntry, RemoteEntry
from s3d.agent.sync.planning import join, plan
from tests.agent.sync.world import World, drive

SEEN = LocalEntry("p", (1, 1, 1, 1))


def planned(world: World, locals_, remotes):
    device = world.devices[0]
    executor = device.executor()
    found = drive(join(executor, locals_, remotes), lambda name: None)
    return found, {
        step.path: step.action for step in drive(plan(executor, found), lambda name: None)
    }


def test_what_differs_on_one_side_is_as_agreed_on_the_other():
    world = World()
    world.write(0, "new")
    (local,) = world.devices[0].tree.entries()
    base = BaselineEntry("gone", local.signature, 0, "sha", '"e"', 2)
    found, actions = planned(world, [(None, local), (base, None)], [])
    assert actions == {"new": Action.UPLOAD, "gone": Action.DELETE_REMOTE}
    assert all(difference.remote_known for difference in found)


def test_a_bucket_that_was_not_looked_at_is_not_known():
    world = World()
    world.write(0, "new")
    (local,) = world.devices[0].tree.entries()
    found, actions = planned(world, [(None, local)], None)
    assert actions == {"new": Action.UPLOAD}
    assert not found[0].remote_known


def test_a_file_that_has_come_since_the_scan_is_seen():
    world = World()
    world.write(0, "p")
    remote = RemoteEntry("p", '"e"', 3, 0.0)
    _, actions = planned(world, [], [(None, remote)])
    assert actions == {"p": Action.COMPARE}


def test_a_name_that_no_file_can_have_is_not_looked_for():
    world = World()
    remote = RemoteEntry("../x", '"e"', 3, 0.0, trouble="a name that is ..")
    world.devices[0].tree.look = None  # type: ignore[assignment, method-assign]
    _, actions = planned(world, [], [(None, remote)])
    assert actions == {"../x": Action.BLOCK}


def test_it_needs_no_loop():
    assert asyncio.iscoroutinefunction(join)
