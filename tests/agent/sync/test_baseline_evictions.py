"""Receipts and evictions in the baseline: marks that go with a version, and come back with none."""

import pytest

from s3d.agent.sync.baseline import Baseline, Intent
from s3d.agent.sync.path_state import BaselineEntry, Residence, Signature


@pytest.fixture
def baseline():
    found = Baseline(None)
    yield found
    found.close()


def base(path: str) -> BaselineEntry:
    return BaselineEntry(path, Signature(3, 1, 1, 1), 0o644, "sha", '"e"', 3)


def test_an_evicted_file_is_left_out_of_the_local_signatures_only(baseline):
    for path in ("a", "b", "b/c"):
        baseline.agree(base(path))
    baseline.intend("b", Intent("evict"))
    baseline.evictions.mark_evicted("b")
    assert (baseline.get("b").residence, baseline.intent("b")) == (Residence.EVICTED, None)
    assert [row[0] for row in baseline.signatures()] == ["a", "b/c"]
    assert [row[0] for row in baseline.identities("", None)] == ["a", "b", "b/c"]
    assert (
        baseline.evictions.paths(),
        baseline.evictions.paths("b"),
        baseline.evictions.paths("b/"),
    ) == (["b"], ["b"], [])
    assert (baseline.evictions.count(), baseline.count()) == (1, (3, 9))


def test_the_same_bytes_are_restored_and_others_are_a_new_version(baseline):
    for sha256, residence in (("sha", Residence.RESTORED), ("other", Residence.LOCAL)):
        baseline.agree(base("p"))
        baseline.evictions.mark_evicted("p")
        baseline.agree(base("p")._replace(sha256=sha256))
        assert baseline.get("p").residence is residence
        baseline.drop("p")


def test_a_receipt_is_that_of_a_version(baseline):
    baseline.agree(base("p"))
    baseline.evictions.note_receipt("p", '"another"', 7.0)
    assert baseline.get("p").receipt == 0.0
    baseline.evictions.note_receipt("p", '"e"', 7.0)
    baseline.agree(base("p"))
    assert baseline.get("p").receipt == 7.0
    baseline.evictions.note_receipt("p", '"e"', -1.0)
    baseline.agree(base("p"))  # it may be possible now
    assert baseline.get("p").receipt == 0.0
    baseline.evictions.note_receipt("p", '"e"', 7.0)
    baseline.agree(base("p")._replace(etag='"new"'))
    assert baseline.get("p").receipt == 0.0


def test_candidates_come_by_their_age_and_receipt(baseline):
    for path, mtime in (("old", 1), ("new", 2), ("folder/", 3), ("gone", 4), ("has", 5)):
        baseline.agree(base(path)._replace(signature=Signature(3, mtime, 1, 1)))
    baseline.evictions.mark_evicted("gone")
    baseline.evictions.note_receipt("has", '"e"', 1.0)

    def paths(*, newest_first: bool, has_receipt: bool) -> list[str]:
        rows = baseline.evictions.candidates(newest_first=newest_first, has_receipt=has_receipt)
        return [row.path for row in rows]

    assert paths(newest_first=False, has_receipt=False) == ["old", "new"]
    assert paths(newest_first=True, has_receipt=False) == ["new", "old"]
    assert paths(newest_first=True, has_receipt=True) == ["has"]
