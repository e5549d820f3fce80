import asyncio
import threading

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.index import Index


def put(name, value):
    def action(tx):
        tx.put_setting("b", name, value)
        return name

    return action


def refuse(tx):
    raise S3Error("PreconditionFailed")


def spoil(tx):
    tx.put_setting("b", "spoilt", b"x")
    raise ValueError("after a write")


def settings(index):
    return index.read_inline(lambda reader: reader.settings("b"))


async def together(index, *actions):
    """Their results or errors, of actions that are sure to be in one group."""
    begun, gate = threading.Event(), threading.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(index.write(lambda tx: (begun.set(), gate.wait(10))))
        await asyncio.to_thread(begun.wait, 10)
        tasks = [group.create_task(settled(index.write(action))) for action in actions]
        await asyncio.sleep(0)
        gate.set()
    return [task.result() for task in tasks]


async def settled(write):
    try:
        return await write
    except (S3Error, ValueError) as error:
        return error


def count_commits(index):
    commits = []
    index._writer.set_trace_callback(
        lambda statement: commits.append(statement) if statement == "COMMIT" else None
    )
    return commits


async def test_many_actions_share_one_commit(index):
    commits = count_commits(index)
    await together(index, *(put(f"s{at}", b"x") for at in range(100)))
    assert len(settings(index)) == 100
    assert len(commits) == 2  # the gate's own, and one for all


async def test_actions_run_in_the_order_in_which_they_were_given(index):
    seen = []
    await together(index, *(lambda tx, at=at: seen.append(at) for at in range(50)))
    assert seen == list(range(50))


async def test_an_action_sees_what_those_before_it_in_the_group_have_written(index):
    found = await together(index, put("a", b"1"), lambda tx: tx.setting("b", "a"))
    assert found == ["a", b"1"]


async def test_a_refusal_before_the_first_write_costs_the_others_nothing(index):
    commits = count_commits(index)
    found = await together(index, put("a", b"1"), refuse, put("c", b"3"))
    assert (found[0], found[2]) == ("a", "c")
    assert isinstance(found[1], S3Error)
    assert settings(index) == {"a": b"1", "c": b"3"}
    assert len(commits) == 2


async def test_an_error_after_a_write_undoes_that_action_and_no_other(index):
    found = await together(index, put("a", b"1"), spoil, refuse, put("c", b"3"))
    assert (found[0], found[3]) == ("a", "c")
    assert isinstance(found[1], ValueError)
    assert isinstance(found[2], S3Error)
    assert settings(index) == {"a": b"1", "c": b"3"}


def break_the_totals(tx):
    tx.put_setting("b", "spoilt", b"x")
    tx._totals["b"] = ()  # what the commit adds up: an error that no statement reports


async def test_an_error_of_the_commit_itself_ends_no_thread(index):
    """Before, its callers and all later ones waited for ever."""
    async with asyncio.timeout(30):
        first, error, last = await together(index, put("a", b"1"), break_the_totals, put("c", b"3"))
    assert (first, last) == ("a", "c")
    assert isinstance(error, ValueError)
    assert settings(index) == {"a": b"1", "c": b"3"}


async def test_undo_is_called_for_what_did_not_happen_only(index):
    undone = []

    async def write(name, action):
        await settled(index.write(action, lambda: undone.append(name)))

    for name, action in (("put", put("a", b"1")), ("refused", refuse), ("spoilt", spoil)):
        await write(name, action)
    assert undone == ["refused", "spoilt"]


async def test_a_caller_that_is_cancelled_does_not_stop_the_write(index):
    undone = []
    gate = threading.Event()

    def slow(tx):
        gate.wait(10)
        tx.put_setting("b", "a", b"1")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(index.write(slow, lambda: undone.append("slow")))
        refused = group.create_task(index.write(refuse, lambda: undone.append("refused")))
        await asyncio.sleep(0)
        task.cancel()
        refused.cancel()
        await asyncio.sleep(0)
        gate.set()
    await index.write(put("c", b"3"))
    assert settings(index) == {"a": b"1", "c": b"3"}
    assert undone == ["refused"]


@pytest.fixture
async def full(tmp_path):
    """An index on a disk that is full, with a ballast."""
    index = Index.open(tmp_path / "index.sqlite")
    await index.write(put("a", b"x" * 100_000))
    (pages,) = index._writer.execute("PRAGMA page_count").fetchone()
    index._writer.execute(f"PRAGMA max_page_count = {pages}")
    yield index
    index.close()


async def test_a_full_disk_is_slow_down_and_takes_deletions(full):
    undone = []
    with pytest.raises(S3Error, match="no space left") as refused:
        await full.write(put("c", b"x" * 100_000), lambda: undone.append("c"))
    assert (refused.value.code, undone) == ("SlowDown", ["c"])
    found = await together(full, put("d", b"x" * 100_000), put("a", None), put("e", b"x"))
    assert isinstance(found[0], S3Error)
    assert settings(full) == {"e": b"x"}


@pytest.mark.finding("S4")
async def test_the_ballast_is_spent_only_by_what_gives_room_back(full, tmp_path):
    ballast = tmp_path / "ballast"
    for _ in range(2):
        found = await together(full, put("c", b"x" * 100_000), put("d", b"x" * 100_000))
        assert [error.code for error in found] == ["SlowDown", "SlowDown"]
        assert ballast.exists()
    with pytest.raises(S3Error, match="no space left"):
        await full.write(put("c", b"x" * 100_000), frees=True)
    assert not ballast.exists()


@pytest.mark.finding("S4")
async def test_without_the_ballast_only_what_gives_room_back_is_committed(
    full, tmp_path, monkeypatch
):
    has_room = [False]
    monkeypatch.setattr(full.disk, "has_free", lambda size: has_room[0])
    with pytest.raises(S3Error, match="no space left"):
        await full.write(put("c", b"x" * 100_000), frees=True)
    with pytest.raises(S3Error, match="no space left"):
        await full.write(put("d", b"x"))
    await full.write(put("a", None), frees=True)
    has_room[0] = True
    await full.write(put("d", b"x"))
    assert settings(full) == {"d": b"x"}
    assert (tmp_path / "ballast").exists()
