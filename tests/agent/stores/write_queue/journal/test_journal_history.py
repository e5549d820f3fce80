"""Answers of CompleteMultipartUpload, as the staging index keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3d.agent.core.events import Events
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Checksum, Description, Layout, ObjectRecord, encode
from s3d.agent.stores.write_queue.journal import journal_history, journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.journal_history import UnresolvedPush, UnresolvedPushes
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_OBJECT,
    Kind,
    new_write,
)
from tests.agent.stores.write_queue.first_layout import LAYOUT_1
from tests.agent.stores.write_queue.rig import open_rig


def record(upload_id: str, **further: object) -> ObjectRecord:
    return ObjectRecord(key="a b", etag='"e-1"', upload_id=upload_id, **further)


@pytest.fixture
def index(tmp_path):
    made = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    yield made
    made.close()


@pytest.mark.finding("Q6")
async def test_an_answer_is_kept_for_more_than_a_day(index):
    about = Description(headers={"ServerSideEncryption": "AES256", "ContentType": "text/plain"})
    first = record("1", checksum=Checksum("CRC32", "AAAA-1", "COMPOSITE"), description=about)
    await index.write(lambda tx: journal_history.put_completion(tx, "bbb", first, 1000.0))
    await index.write(
        lambda tx: journal_history.put_completion(tx, "bbb", record("2"), 1000.0 + 86_400)
    )
    assert index.read_inline(
        lambda reader: journal_history.find_completion(reader, "bbb", "a b", "1")
    ) == {
        "Location": "/bbb/a%20b",
        "Bucket": "bbb",
        "Key": "a b",
        "ETag": '"e-1"',
        "ServerSideEncryption": "AES256",
        "ChecksumCRC32": "AAAA-1",
        "ChecksumType": "COMPOSITE",
    }
    later = 1000.0 + journal_history.COMPLETION_LIFE + 1
    await index.write(lambda tx: journal_history.put_completion(tx, "bbb", record("3"), later))
    found = [
        index.read_inline(lambda r, n=n: journal_history.find_completion(r, "bbb", "a b", n))
        for n in "123"
    ]
    assert [answer is not None for answer in found] == [False, True, True]


@pytest.mark.finding("Q6")
async def test_uploads_that_an_earlier_s3d_has_completed_are_answered_again(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=LAYOUT_1)
    insert = """INSERT INTO
        queue(bucket, key, kind, size, accepted, state, priority, record, layout)
        VALUES ('bbb', CAST('a b' AS BLOB), 'put', 0, 1000.0, 'waiting', 0, ?, ?)"""
    for upload_id in ("", "1"):
        row = (encode(record(upload_id)), encode(Layout()))
        await index.write(lambda tx, row=row: tx.run(insert, row))
    index.close()
    for _ in range(2):
        index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
        journal = await Journal.open(index, Events(), lambda: 2000.0)
        assert len(journal.pending.writes("bbb")) == 2
        answer = journal.completion("bbb", "a b", "1")
        assert answer is not None
        assert answer["ETag"] == '"e-1"'
        assert journal.completion("bbb", "a b", "") is None
        index.close()


PLACE = ("b", "k")


@pytest.mark.finding("S3")
@pytest.mark.parametrize(
    ("states", "state", "is_judged", "may"),
    [
        # A remote that judges takes a late request only in the state that it was sent for.
        ({"old"}, '"new"', True, False),
        ({"old"}, '"old"', True, True),
        ({NO_OBJECT}, NO_OBJECT, True, True),
        ({NO_OBJECT}, '"new"', True, False),
        # Without a condition, or without a judge, it takes it whenever it comes.
        (None, '"new"', True, True),
        ({"old"}, '"new"', False, True),
    ],
)
def test_when_a_late_request_is_taken(states, state, is_judged, may):
    doubt = UnresolvedPush(50.0, None if states is None else frozenset(states))
    assert doubt.may_replace(state, is_conditional=is_judged) is may
    known = UnresolvedPushes()
    known.add(PLACE, '"late"', doubt)
    until = known.until(PLACE, '"own"', state, is_conditional=is_judged)
    assert until == (50.0 if may else 0.0)
    assert known.until(PLACE, '"late"', state, is_conditional=is_judged) == until, (
        "the same bytes may have other metadata"
    )


def test_a_late_delete_undoes_no_delete():
    known = UnresolvedPushes()
    known.add(PLACE, NO_OBJECT, UnresolvedPush(50.0, None))
    assert known.until(PLACE, NO_OBJECT, NO_OBJECT, is_conditional=False) == 0.0
    assert known.until(PLACE, '"own"', '"own"', is_conditional=False) == 50.0


def test_what_the_remote_shows_may_be_the_condition_of_a_request_in_doubt():
    known, write = UnresolvedPushes(), new_write(1, Kind.PUT, *PLACE, 0, 0.0)
    known.note_state(write, '"seen"')
    assert not known.etags(PLACE)
    known.add(PLACE, '"late"', UnresolvedPush(50.0))
    known.note_state(write, '"seen"')
    assert known.until(PLACE, '"own"', '"seen"', is_conditional=True) == 50.0


def test_unresolved_pushes_are_forgotten_when_nothing_can_arrive():
    known = UnresolvedPushes()
    known.add(PLACE, '"late"', UnresolvedPush(50.0))
    assert not known.expire(PLACE, 49.0)
    assert known.expire(PLACE, 51.0)
    assert not known.etags(PLACE)


async def test_unresolved_pushes_survive_a_restart_as_long_as_they_matter(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    kept = {
        ("b", "alive"): UnresolvedPush(50.0, None),
        ("b", "pending"): UnresolvedPush(10.0, frozenset((NO_OBJECT, "x"))),
        ("b", "over"): UnresolvedPush(10.0),
    }
    for place, push in kept.items():
        await index.write(
            lambda tx, p=place, d=push: journal_history.put_unresolved(tx, p, '"late"', d)
        )

    async def load():
        pushes = UnresolvedPushes()
        for place, etag, push in await index.read_in_thread(
            lambda r: journal_history.load_unresolved(r, 20.0, lambda p: p == ("b", "pending"))
        ):
            pushes.add(place, etag, push)
        return pushes

    found = await load()
    assert found.until(("b", "alive"), NO_OBJECT, '"any"', is_conditional=True) == 50.0
    assert found.until(("b", "pending"), '"own"', '"x"', is_conditional=True) == 10.0
    assert not found.etags(("b", "over"))
    await index.write(lambda tx: journal_history.drop_unresolved(tx, ("b", "alive")))
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
        (write,) = rig.journal.pending
        assert rig.journal.outcomes.unresolved.is_unresolved(write) is not is_closed
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
        (write,) = rig.journal.pending
        assert rig.journal.outcomes.unresolved.is_unresolved(write)


async def test_the_last_push_of_each_key_is_kept_for_a_minute(tmp_path):
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    for at, key in enumerate(("a", "b", "a", "c")):
        await index.write(
            lambda tx, k=key, t=at: journal_history.put_recent_push(
                tx, ("b", k), f"e{t}", 100.0 + t
            )
        )
    found = await index.read_in_thread(
        lambda reader: journal_history.load_recent_pushes(reader, 102.0)
    )
    assert found == [("b", "a", "e2", 102.0), ("b", "c", "e3", 103.0)]
    await index.write(lambda tx: journal_history.prune_recent_pushes(tx, 162.5))
    assert await index.read_in_thread(
        lambda reader: journal_history.load_recent_pushes(reader, 0.0)
    ) == [("b", "c", "e3", 103.0)]
    index.close()


OURS, THEIRS = "0" * 32, "f" * 32


async def test_an_alias_is_kept_for_a_week(tmp_path: Path) -> None:
    index = Index.open(tmp_path / "index", ephemeral=True, tables=journal_rows.TABLES)
    alias = journal_history.EtagAlias("0" * 32, "f" * 32)
    quoted = alias._replace(client_etag=f'"{alias.client_etag}"')
    put, find = journal_history.put_alias, journal_history.find_alias
    try:
        await index.write(lambda tx: put(tx, ("bbb", "k"), quoted, 0.0))
        assert index.read_inline(lambda reader: find(reader, "bbb", "k")) == alias
        assert index.read_inline(lambda reader: find(reader, "bbb", "kk")) is None
        later = journal_history.ALIAS_LIFE + 1
        await index.write(lambda tx: put(tx, ("bbb", "kk"), alias, later))
        assert index.read_inline(lambda reader: find(reader, "bbb", "k")) is None
    finally:
        index.close()
