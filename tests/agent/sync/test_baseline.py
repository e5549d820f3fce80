import asyncio

import pytest

from s3d.agent.sync.baseline import Baseline, Intent
from s3d.agent.sync.baseline_tables import TrashEntry
from s3d.agent.sync.path_state import BaselineEntry, Signature

SEEN = Signature(3, 2**62, -5, 2**63 - 1)


def base(path: str, size: int = 3) -> BaselineEntry:
    return BaselineEntry(path, SEEN, 0o644, "sha", '"e"', size, True)


@pytest.fixture
def baseline(tmp_path):
    found = Baseline(tmp_path / "b.sqlite")
    yield found
    found.close()


def test_what_was_agreed_on_is_there_after_a_restart(tmp_path):
    file = tmp_path / "b.sqlite"
    first = Baseline(file)
    first.agree(base("é/ü"))
    first.set_meta(marker="m", remote="r")
    first.close()
    again = Baseline(file)
    assert again.get("é/ü") == base("é/ü")
    assert (again.get_meta("marker"), again.get_meta("nothing")) == ("m", "")
    again.close()


def test_an_agreement_ends_the_intent(baseline):
    intent = Intent("download", SEEN, "sha", '"e"', "stage", staged=SEEN, size=3, mode=0o600)
    for end in (lambda: baseline.agree(base("p")), lambda: baseline.drop("p"),
                lambda: baseline.settle("p")):  # fmt: skip
        baseline.intend("p", intent)
        assert baseline.intent("p") == intent
        assert baseline.intents() == ["p"]
        end()
        assert baseline.intent("p") is None
    assert baseline.get("p") is None


def test_rows_come_in_the_order_of_their_bytes(baseline):
    paths = ["a", "a-b", "a.txt", "a/", "a/b", "a/c/d", "a0", "b", "\U0001f600", "\uffff"]
    for path in reversed(paths):
        baseline.agree(base(path))
    ordered = sorted(paths, key=str.encode)
    assert [row[0] for row in baseline.identities("", None)] == ordered
    below = [row[0] for row in baseline.signatures("a/")]
    assert below == ["a/", "a/b", "a/c/d"]
    assert [row[0] for row in baseline.signatures()] == ordered
    assert [row[0] for row in baseline.identities("a", "a/b")] == ["a-b", "a.txt", "a/", "a/b"]
    assert [row[0] for row in baseline.identities("a0", None)] == ordered[ordered.index("b") :]


def test_one_that_was_young_when_it_was_read_has_a_signature_of_its_own(baseline):
    baseline.agree(base("racy"))
    baseline.agree(base("old")._replace(is_racy=False))
    assert list(baseline.signatures()) == [("old", *SEEN), ("racy", -1, *SEEN[1:])]
    assert list(baseline.identities("", None)) == [("old", '"e"', 3), ("racy", '"e"', 3)]


def test_folders_are_not_counted(baseline):
    for path in ("a", "b/", "b/c"):
        baseline.agree(base(path, 5))
    assert baseline.count() == (2, 10)


def test_conflict_copies_are_known_by_their_name(baseline):
    copy = "d/a (conflict laptop 2026-11-27 101500 a1b2).txt"
    for path in ("a.txt", copy, "a (conflict of interest).txt"):
        baseline.agree(base(path))
    assert [row.path for row in baseline.conflicts(10)] == [copy]


def test_another_thread_reads_what_is_committed(baseline):
    baseline.agree(base("p"))
    other = baseline.other()
    assert other.get("p") == base("p")
    other.close()


def test_to_forget_leaves_history_and_trash(baseline):
    baseline.agree(base("p"))
    baseline.intend("q", Intent("upload"))
    baseline.history.add(1.0, "uploaded", "p")
    baseline.forget_all()
    assert (baseline.count(), baseline.intents(), len(baseline.history.rows(9))) == ((0, 0), [], 1)


@pytest.mark.finding("F5")
def test_an_error_in_a_transaction_leaves_the_next_one_possible(baseline):
    baseline.agree(base("p"))
    beyond = SEEN._replace(mtime_ns=2**63)
    with pytest.raises(OverflowError):
        baseline.agree(base("q")._replace(signature=beyond))
    with pytest.raises(OverflowError):
        baseline.trash.add(TrashEntry("1", "q", beyond, "deleted", 1.0))
    baseline.drop("p")
    assert (baseline.get("p"), baseline.get("q"), baseline.trash.rows()) == (None, None, [])


@pytest.mark.finding("Q10")
def test_the_totals_follow_every_change(baseline):
    baseline.agree(base("a", 5))
    baseline.agree(base("a", 7))
    baseline.agree(base("b", 1))
    baseline.agree(base("c/"))
    assert baseline.count() == (2, 8)
    baseline.drop("a", "c/", "nothing")
    assert baseline.count() == (1, 1)
    baseline.forget_all(marker="m")
    assert (baseline.count(), baseline.get_meta("marker")) == ((0, 0), "m")


@pytest.mark.finding("S1")
async def test_callers_at_the_same_time_share_one_sync_of_the_log(baseline, monkeypatch):
    synced = []
    monkeypatch.setattr("s3d.agent.sync.baseline.flush_log", synced.append)

    async def one(number: int) -> None:
        baseline.agree(base(f"p{number}"))
        await baseline.flush()

    async with asyncio.TaskGroup() as group:
        for number in range(16):
            group.create_task(one(number))
    assert 1 <= len(synced) <= 2
    await baseline.flush()
    assert len(synced) <= 2
