import asyncio
import sqlite3
import threading

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.index import DAMAGE, Index
from s3d.agent.storage.records import BucketRecord
from s3d.shared.errors import S3dError


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


async def test_a_look_after_a_write_sees_it_although_it_was_remembered_otherwise(index):
    def look(reader):
        return reader.bucket("b").versioning

    await index.write(lambda tx: tx.put_bucket(BucketRecord("b", 0.0)))
    assert index.read_inline(look) == ""
    await index.write(lambda tx: tx.put_bucket(BucketRecord("b", 0.0, versioning="Enabled")))
    assert index.read_inline(look) == "Enabled"
    await index.write(lambda tx: tx.delete_bucket("b"))
    assert index.read_inline(lambda reader: reader.bucket("b")) is None


async def test_a_read_sees_one_state_from_beginning_to_end(index):
    await index.write(put("a", b"1"))
    first, second = threading.Event(), threading.Event()

    def read(reader):
        before = reader.setting("b", "a")
        first.set()
        second.wait(10)
        return before, reader.setting("b", "a")

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(index.read_in_thread(read))
        await asyncio.to_thread(first.wait, 10)
        await index.write(put("a", b"2"))
        second.set()
    assert reading.result() == (b"1", b"1")


async def test_readers_cannot_write(index):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        index.read_inline(lambda reader: reader._execute("DELETE FROM buckets", ()))


@pytest.mark.parametrize(("ephemeral", "level"), [(False, 2), (True, 0)])
async def test_a_commit_is_synced_unless_the_store_is_ephemeral(tmp_path, ephemeral, level):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=ephemeral)
    try:
        assert index._writer.execute("PRAGMA synchronous").fetchone() == (level,)
        assert index._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        index.close()


async def test_close_finishes_what_was_asked_for(tmp_path):
    index = Index.open(tmp_path / "index.sqlite")
    async with asyncio.TaskGroup() as group:
        for at in range(10):
            group.create_task(index.write(put(f"s{at}", b"x")))
        await asyncio.sleep(0)
        index.close()
    again = Index.open(tmp_path / "index.sqlite")
    assert len(settings(again)) == 10
    again.close()


async def test_a_write_after_the_end_is_refused_and_does_not_wait_for_ever(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    index.close()
    with pytest.raises(S3Error) as refused:
        await index.write(put("a", b"1"))
    assert refused.value.code == "ServiceUnavailable"


def test_a_broken_file_is_told_with_its_path(tmp_path):
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(S3dError, match="cannot open the index") as refused:
        Index.open(path)
    assert str(path) in refused.value.detail
    assert refused.value.remedy


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


async def test_an_error_of_the_index_itself_reaches_the_caller(index):
    with pytest.raises(sqlite3.OperationalError):
        await index.write(lambda tx: tx._execute("SELECT * FROM nothing", ()))
    assert await index.write(put("a", b"1")) == "a"


@pytest.mark.finding("S15")
async def test_an_error_of_the_disk_while_reading_is_said_without_a_traceback(tmp_path, caplog):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    await index.write(lambda tx: tx.run("CREATE TABLE t(data BLOB)", ()))
    await index.write(lambda tx: tx.run("INSERT INTO t VALUES (?)", (b"x" * 1_000_000,)))
    index.close()
    with (tmp_path / "index.sqlite").open("r+b") as file:
        file.seek(4096 * 30)
        file.write(b"\xff" * 4096 * 200)
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)

    def query(reader):
        return reader.select("SELECT sum(length(hex(data))) FROM t", ()).fetchall()

    with pytest.raises(DAMAGE) as looked:
        index.read_inline(query)
    with pytest.raises(DAMAGE):
        await index.read_in_thread(query)
    assert looked.value.code == "InternalError"
    assert str(tmp_path) in looked.value.message
    assert all(record.exc_info is None for record in caplog.records)
    index.close()


@pytest.mark.finding("S15")
async def test_a_row_that_cannot_be_decoded_is_damage(index):
    await index.write(lambda tx: tx.run("INSERT INTO buckets VALUES ('b', x'c1')", ()))
    with pytest.raises(DAMAGE):
        index.read_inline(lambda reader: reader.bucket("b"))
    with pytest.raises(DAMAGE):
        await index.write(lambda tx: tx.bucket("b"))
