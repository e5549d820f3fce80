from __future__ import annotations

import msgspec
import pytest

from s3d.agent.s3.refused_headers import OptionalGroup
from s3d.agent.stores.remote.capabilities import (
    Capabilities,
    Level,
    Observations,
    RemoteQuirks,
    evaluate,
)

GOOD = dict.fromkeys(
    ("put_if_absent", "put_if_match", "delete_if_match", "complete_if_absent"), "PreconditionFailed"
)


def judged(winners: int = 1, versioning: str = "", **changes: str) -> Capabilities:
    codes = GOOD | changes
    seen = Observations(codes, dict.fromkeys(codes, True), winners, versioning)
    return evaluate("http://remote", "bucket", seen, 5.0)


def test_compare_and_swap_is_level_a() -> None:
    found = judged()
    assert (found.level, found.probed) == (Level.A, 5.0)
    assert found.put_if_absent
    assert found.delete_if_match
    assert not found.complete_if_match, "what was not tried is not there"


@pytest.mark.parametrize("ignored", ["put_if_absent", "put_if_match"])
def test_one_ignored_condition_of_a_put_is_no_compare_and_swap(ignored: str) -> None:
    assert judged(**{ignored: ""}).level is Level.C
    assert judged(versioning="Enabled", **{ignored: ""}).level is Level.B
    assert judged(versioning="Suspended", **{ignored: ""}).level is Level.C


@pytest.mark.parametrize("winners", [0, 2, 4])
def test_a_race_with_other_than_one_winner_is_no_condition(winners: int) -> None:
    found = judged(winners)
    assert not found.put_if_absent
    assert found.level is Level.C


def test_a_refusal_that_changed_the_object_all_the_same_is_no_condition() -> None:
    seen = Observations(dict(GOOD), {"put_if_match": False}, 1)
    assert evaluate("r", "b", seen, 0).level is Level.C


def test_a_condition_that_is_not_known_is_none() -> None:
    assert judged(put_if_match="NotImplemented").level is Level.C


def test_a_checksum_counts_when_its_wrong_value_is_refused() -> None:
    found = judged(checksum_SHA256="BadDigest", checksum_CRC32="", checksum_MD5="InvalidDigest")
    assert found.checksums == ("SHA256", "MD5")


@pytest.mark.finding("F4")
def test_a_remote_that_does_not_take_a_checksum_does_not_compare_it() -> None:
    assert (
        judged(checksum_SHA256="InvalidArgument", checksum_CRC32="NotImplemented").checksums == ()
    )


# ------------------------------------------------------------------ with real remotes


FULL = RemoteQuirks({OptionalGroup.CHECKSUMS, OptionalGroup.CHECKSUM_MODE}, "other", False)


def test_limitations_have_names():
    assert FULL.limitations == ["checksum_mode", "checksums", "listing_order", "empty_segments"]
    assert RemoteQuirks().limitations == RemoteQuirks(keeps_empty_segments=True).limitations == []


@pytest.mark.parametrize("quirks", [FULL, RemoteQuirks()])
def test_quirks_are_read_as_they_are_written(quirks):
    assert msgspec.json.decode(msgspec.json.encode(quirks), type=RemoteQuirks) == quirks


def test_what_an_earlier_run_learnt_is_added():
    quirks = RemoteQuirks({OptionalGroup.CHECKSUMS}, "", True)
    quirks.take_over(FULL)
    assert (quirks.refused, quirks.listing_order) == (FULL.refused, "other")
    assert quirks.keeps_empty_segments
    fresh = RemoteQuirks()
    fresh.take_over(FULL)
    assert fresh == FULL
