from __future__ import annotations

import pytest

from s3d.agent.storage.index import Index
from s3d.agent.stores.write_queue import doubts, journal_rows
from s3d.agent.stores.write_queue.doubts import UnresolvedPush, UnresolvedPushes
from s3d.agent.stores.write_queue.pending import ABSENT
from tests.agent.stores.write_queue.rig import open_rig

PLACE = ("b", "k")


@pytest.mark.finding("S3")
@pytest.mark.parametrize(
    ("states", "state", "is_judged", "may"),
    [
        # A remote that judges takes a late request only in the state that it was sent for.
        ({"old"}, '"new"', True, False),
        ({"old"}, '"old"', True, True),
        ({ABSENT}, ABSENT, True, True),
        ({ABSENT}, '"new"', True, False),
        # Without a condition, or without a judge, it takes it whenever it comes.
        (None, '"new"', True, True),
        ({"old"}, '"new"', False, True),
    ],
)
def test_when_a_late_request_is_taken(states, state, is_judged, may):
    doubt = UnresolvedPush(50.0, None if states is None else frozenset(states))
    assert doubt.may_replace(state, is_judged=is_judged) is may
    known = UnresolvedPushes()
    known.add(PLACE, '"late"', doubt)
    until = known.until(PLACE, '"own"', state, is_judged=is_judged)
    assert until == (50.0 if may else 0.0)
    assert known.until(PLACE, '"late"', state, is_judged=is_judged) == 0.0


def test_what_the_remote_shows_may_be_the_condition_of_a_request_in_doubt():
    known = UnresolvedPushes()
    known.saw(PLACE, '"seen"')
    assert not known.etags(PLACE)
    known.add(PLACE, '"late"', UnresolvedPush(50.0))
    known.saw(PLACE, '"seen"')
    assert known.until(PLACE, '"own"', '"seen"', is_judged=True) == 50.0


def test_doubts_are_forgotten_when_nothing_can_arrive():
    known = UnresolvedPushes()
    known.add(PLACE, '"late"', UnresolvedPush(50.0))
    assert not known.expire(PLACE, 49.0)
    assert known.expire(PLACE, 51.0)
    assert not known.etags(PLACE)


async def test_doubts_survive_a_restart_as_long_as_they_matter(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    kept = {
        ("b", "alive"): UnresolvedPush(50.0, None),
        ("b", "pending"): UnresolvedPush(10.0, frozenset((ABSENT, "x"))),
        ("b", "over"): UnresolvedPush(10.0),
    }
    for place, doubt in kept.items():
        await index.write(lambda tx, p=place, d=doubt: doubts.put(tx, p, '"late"', d))

    def load():
        return index.read(lambda r: doubts.load(r, 20.0, lambda place: place == ("b", "pending")))

    found = await load()
    assert found.until(("b", "alive"), ABSENT, '"any"', is_judged=True) == 50.0
    assert found.until(("b", "pending"), '"own"', '"x"', is_judged=True) == 10.0
    assert not found.etags(("b", "over"))
    await index.write(lambda tx: doubts.drop(tx, ("b", "alive")))
    assert not (await load()).etags(("b", "alive"))
    index.close()


@pytest.mark.finding("S3")
@pytest.mark.parametrize("is_closed", [True, False])
async def test_only_a_run_that_was_not_closed_leaves_its_writes_in_doubt(tmp_path, is_closed):
    async with open_rig(tmp_path) as rig:
        await rig.staged.put("bbb", "k", b"1")
        if is_closed:
            await rig.journal.close()
    async with open_rig(tmp_path) as rig:
        (write,) = rig.journal.all()
        assert rig.journal.is_unresolved(write) is not is_closed
        rig.start()
        await rig.pushed()
        first = "PutObject" if is_closed else "HeadObject"
        assert rig.remote.names()[0] == first


async def test_a_run_that_is_closed_while_a_push_is_on_its_way_leaves_it_in_doubt(tmp_path):
    async with open_rig(tmp_path) as rig:
        rig.remote.gate.clear()
        rig.start()
        await rig.staged.put("bbb", "k", b"1")
        await rig.until(lambda: rig.remote.calls)
        await rig.stop()
        await rig.journal.close()
    async with open_rig(tmp_path) as rig:
        (write,) = rig.journal.all()
        assert rig.journal.is_unresolved(write)
