"""Which writes a new one takes the place of."""

import pytest

from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Layout, ObjectRecord, Stored
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal_entry import (
    MOUNT_DELAY,
    insert,
    push_time_of_mount,
)
from s3d.agent.stores.write_queue.journal.pending_write import (
    Kind,
    PendingState,
    new_write,
)
from s3d.agent.stores.write_queue.journal.pending_writes import PushClaims

PUT, DELETE, TAGS = Kind.PUT, Kind.DELETE, Kind.TAGS


@pytest.fixture
async def index(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    yield index
    index.close()


async def enter(index, kind, *, pushing=(), one_version=True, accepted=9.0, **further):
    write = new_write(0, kind, "bbb", "k", 0, accepted, **further)
    stored = None if kind is DELETE else Stored(ObjectRecord("k"), Layout())
    await index.write(
        lambda tx: insert(
            tx, write, stored, claims=PushClaims(pushing), keeps_one_version=one_version
        )
    )
    return write


async def kinds(index):
    found = await index.read_in_thread(lambda reader: journal_rows.of_key(reader, "bbb", "k"))
    return [write.kind for write in found]


@pytest.mark.parametrize(
    ("first", "second", "one_version", "many_versions"),
    [
        (PUT, PUT, [PUT], [PUT, PUT]),
        (PUT, DELETE, [DELETE], [PUT, DELETE]),
        (DELETE, PUT, [PUT], [DELETE, PUT]),
        (DELETE, DELETE, [DELETE], [DELETE, DELETE]),
        (PUT, TAGS, [PUT], [PUT]),
        (TAGS, TAGS, [TAGS], [TAGS]),
        (TAGS, PUT, [PUT], [TAGS, PUT]),
    ],
)
async def test_what_is_left_of_two(index, first, second, one_version, many_versions):
    for versions, left in ((True, one_version), (False, many_versions)):
        await enter(index, first, one_version=versions)
        await enter(index, second, one_version=versions)
        assert await kinds(index) == left
        for write in await index.read_in_thread(
            lambda reader: journal_rows.of_key(reader, "bbb", "k")
        ):
            await index.write(lambda tx, seq=write.seq: journal_rows.drop(tx, seq, pushed=True))


async def test_what_is_on_its_way_is_left_alone(index):
    first = await enter(index, PUT)
    await enter(index, TAGS, pushing={first.seq})
    assert await kinds(index) == [PUT, TAGS]
    await enter(index, PUT, pushing={first.seq})
    assert await kinds(index) == [PUT, PUT]


async def test_tags_that_take_the_place_of_an_object_and_its_tags_bring_the_object(index):
    first = await enter(index, PUT)
    await enter(index, TAGS, pushing={first.seq})
    await enter(index, TAGS)  # The push has failed: nothing is on its way any more.
    assert await kinds(index) == [PUT]


async def test_age_and_priority_are_handed_on(index):
    await enter(index, PUT, accepted=1.0, priority=3)
    write = await enter(index, PUT, accepted=9.0)
    assert (write.first_accepted, write.priority) == (1.0, 3)


async def test_other_tags_do_not_release_what_is_held(index):
    held = await enter(index, PUT)
    await index.write(lambda tx: journal_rows.set_state(tx, held.seq, PendingState.HELD, None))
    assert (await enter(index, TAGS)).state is PendingState.HELD
    assert (await enter(index, PUT)).state is PendingState.WAITING


@pytest.mark.parametrize(("step", "due"), [(0.25, [1002.0, 1003.0, 1004.0]), (0.01, [1005.0])])
def test_files_of_a_mount_that_are_closed_one_by_one_are_pushed_together(step, due):
    times = [1_000.0 + step * number for number in range(1, round(3 / step))]
    pushed = [push_time_of_mount(now, last=now - step) for now in times]
    assert sorted(set(pushed)) == due
    assert all(MOUNT_DELAY <= at - now < 6.0 for now, at in zip(times, pushed, strict=True))


def test_a_clock_that_was_set_back_delays_no_push():
    assert push_time_of_mount(1_000.5, last=5_000.0) == 1_002.0
