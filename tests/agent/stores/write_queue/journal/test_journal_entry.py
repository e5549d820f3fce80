"""Which writes a new one takes the place of."""

import pytest

from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Layout, ObjectRecord, Stored
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal_entry import (
    MOUNT_DELAY,
    Burst,
    insert,
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


@pytest.mark.parametrize(
    ("step", "number", "due"),
    [(0.25, 9, [1_002.0, 1_003.0, 1_004.0]), (0.01, 1_100, [1_002.0, 1_006.5, 1_011.5, 1_016.5])],
)
def test_files_of_a_mount_that_are_closed_one_by_one_are_pushed_together(step, number, due):
    """The first one of a burst is pushed like a single file."""
    burst, pushed = Burst(), []
    for now in (1_000.5 + step * each for each in range(number)):
        burst = burst.with_write(now)
        pushed.append(burst.push_time)
        assert MOUNT_DELAY <= burst.push_time - now <= 6.0
    assert sorted(set(pushed)) == due


def test_after_a_pause_a_burst_begins_anew():
    burst = Burst(began=1_000.0, last=1_001.0)
    assert burst.with_write(1_001.1) == Burst(1_000.0, 1_001.1)
    assert burst.with_write(1_001.5) == Burst(1_001.5, 1_001.5)


def test_a_clock_that_was_set_back_delays_no_push():
    assert Burst(5_000.0, 5_001.0).with_write(1_000.5).push_time == 1_002.0
