import pytest

from s3d.agent.core.path_names import new_probe_key
from s3d.agent.s3.messages import BytesBody
from s3d.agent.sync.decide import Action
from s3d.agent.sync.interfaces import RootGone, Unavailable, Undecided
from s3d.agent.sync.pass_scope import Scope
from s3d.agent.sync.passes import PassInterrupted
from tests.agent.sync.conftest import BUCKET
from tests.agent.sync.test_folder import keys


def write(root, path, data="x"):
    """As if it were there for long."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(data)


async def planned(passes, scope):
    return {step.path: step.action for step in await passes.plan(scope)}


async def test_what_somebody_has_touched_in_the_bucket_is_looked_at(passes, objects):
    await objects.put(BUCKET, "a", BytesBody(b"1"))
    await objects.put(BUCKET, "b", BytesBody(b"1"))
    assert await planned(passes, Scope(touched={"a"})) == {"a": Action.DOWNLOAD}
    assert len(await planned(passes, Scope(bucket=True))) == 2


async def test_without_its_root_there_is_no_pass(passes, root):
    (root / ".s3d/marker").unlink()
    with pytest.raises(RootGone):
        await passes.plan(Scope(everything_here=True))


async def test_many_files_go_at_once_and_progress_is_told(passes, root, objects):
    passes.executor.policy = passes.executor.policy.__class__(passes.executor.policy.excluded)
    told = []
    passes.on_progress = lambda done, todo: told.append((done, todo))
    for number in range(50):
        write(root, f"{number % 5}/{number}", f"{number}")
    outcome = await passes.run(Scope(everything_here=True))
    assert outcome.count(Action.UPLOAD) == 50
    assert len(await keys(objects)) == 50
    assert told[-1] == (50, 50)


async def test_a_pass_is_broken_off_between_two_paths(passes, root, objects):
    passes.executor.policy = passes.executor.policy.__class__(passes.executor.policy.excluded)
    for number in range(60):
        write(root, f"{number}")
    passes.on_progress = lambda done, todo: setattr(passes, "is_stopped", lambda: done >= 5)
    with pytest.raises(PassInterrupted):
        await passes.run(Scope(everything_here=True))
    assert 5 <= len(await keys(objects)) < 60


async def test_one_path_that_cannot_be_asked_for_holds_up_no_other(passes, root, objects):
    passes.executor.policy = passes.executor.policy.__class__(passes.executor.policy.excluded)
    put = passes.executor.remote_tree.put

    async def put_others(path, *arguments):
        if path in away:
            raise Unavailable("ServiceUnavailable: pending writes of it are held")
        return await put(path, *arguments)

    passes.executor.remote_tree.put = put_others
    away = {"3"}
    for number in range(6):
        write(root, f"{number}")
    outcome = await passes.run(Scope(everything_here=True))
    assert outcome.count(Action.UPLOAD) == 5
    (waiting,) = [done for done in outcome.done if done.action is Action.WAIT]
    assert (waiting.path, "held" in waiting.detail) == ("3", True)
    with pytest.raises(Unavailable):
        await passes.run(Scope(everything_here=True))
    away = {f"{number}" for number in range(60)}
    for number in range(20, 40):
        write(root, f"{number}")
    with pytest.raises(Unavailable):
        await passes.run(Scope(everything_here=True))


async def test_what_is_of_s3d_stays_where_it_is_at_every_level(passes, root, objects):
    """Probes, a marker and a heartbeat of prefixes below; the trash of a folder that was copied."""
    passes.executor.policy = passes.executor.policy.__class__(passes.executor.policy.excluded)
    own = [
        f"{new_probe_key('team/')}-put",
        "team/.s3d/changes",
        "fleet/conf/.s3d/fleet/robot.json",
    ]
    for key in (*own, "team/plan.txt"):
        await objects.put(BUCKET, key, BytesBody(b"1"))
    write(root, "copied/.s3d/trash/secret.txt")
    write(root, "copied/note.txt")
    await passes.run(Scope(everything_here=True, bucket=True))
    assert await keys(objects) == sorted([*own, "copied/note.txt", "team/plan.txt"])
    paths = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert {path for path in paths if not path.startswith(".s3d/")} == {
        "copied/.s3d/trash/secret.txt",
        "copied/note.txt",
        "team/plan.txt",
    }
    assert await planned(passes, Scope(touched=set(own), bucket=True)) == {}


async def test_a_path_without_a_decision_of_the_policy_holds_up_no_other(passes, root, objects):
    async def excluded(path, local, remote):
        if path in undecided:
            raise Undecided("the policy cannot be evaluated: no answer")
        return ""

    undecided = {"3"}
    passes.executor.policy = passes.executor.policy.__class__(excluded)
    for number in range(6):
        write(root, f"{number}")
    outcome = await passes.run(Scope(everything_here=True))
    (waiting,) = [done for done in outcome.done if done.action is Action.WAIT]
    assert (waiting.path, "policy" in waiting.detail) == ("3", True)
    assert await keys(objects) == ["0", "1", "2", "4", "5"]
    undecided.clear()
    await passes.run(Scope(everything_here=True))
    assert len(await keys(objects)) == 6
