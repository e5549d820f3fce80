"""Blocks, and what an answer says of an object."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.blocks import BLOCK, block_count, block_size, blocks_of, mask
from s3d.agent.stores.read_cache.catalog.entry import (
    Entry,
    direct,
    is_refused,
    is_simple_range,
    select_response,
)

SAID = {
    "ETag": '"e"',
    "LastModified": datetime(2026, 1, 1, tzinfo=UTC),
    "Metadata": {"a": "1"},
    "ContentLength": 5,
    "ContentRange": "bytes 0-4/9",
    "ChecksumCRC32": "AAAAAA==",
    "ChecksumType": "FULL_OBJECT",
}


def entry_of(size: int, present: int = 0) -> Entry:
    entry = Entry(("b", "k"), SAID, size, 1, 0.0)
    entry.present = present
    return entry


@pytest.mark.parametrize(
    ("size", "count", "last"),
    [(0, 0, None), (1, 1, 1), (BLOCK, 1, BLOCK), (BLOCK + 1, 2, 1), (3 * BLOCK - 1, 3, BLOCK - 1)],
)
def test_an_object_has_so_many_blocks(size, count, last):
    assert block_count(size) == count
    if last is not None:
        assert block_size(size, count - 1) == last


@pytest.mark.parametrize(
    ("start", "size", "blocks"),
    [(0, 1, (0, 1)), (BLOCK - 1, 2, (0, 2)), (BLOCK, BLOCK, (1, 2)), (5 * BLOCK + 7, 1, (5, 6))],
)
def test_bytes_lie_in_blocks(start, size, blocks):
    assert blocks_of(start, size) == blocks


@given(st.integers(1, 40 * BLOCK), st.integers(0, 1 << 40), st.data())
def test_what_is_missing_and_what_is_here_make_up_what_is_wanted(size, present, data):
    entry = entry_of(size, present & mask(0, block_count(size)))
    start = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, size - start))
    first, end = blocks_of(start, length)
    missing = [n for run in entry.missing(start, length) for n in range(*run)]
    assert [n for n in range(first, end) if not entry.has(n)] == missing
    assert entry.covers(start, length) == (not missing)


@given(st.integers(0, 20 * BLOCK), st.integers(0, 1 << 20))
def test_held_is_the_sum_of_the_blocks_that_are_here(size, present):
    entry = entry_of(size, present & mask(0, block_count(size)))
    here = [n for n in range(block_count(size)) if entry.has(n)]
    assert entry.held == sum(block_size(size, n) for n in here)
    assert entry.is_whole == (entry.held == size)


def test_what_is_about_the_answer_is_not_about_the_object():
    entry = entry_of(9)
    assert entry.output == {name: SAID[name] for name in ("ETag", "LastModified", "Metadata")}
    assert entry.checksums == {"ChecksumCRC32": "AAAAAA==", "ChecksumType": "FULL_OBJECT"}
    assert (entry.etag, entry.name) == ('"e"', ("b", "k"))


def test_a_block_is_proven_or_not():
    entry = entry_of(3 * BLOCK, 0b111)
    entry.verified = 0b011
    assert entry.is_verified(0, 2 * BLOCK)
    assert not entry.is_verified(2 * BLOCK - 1, 2)


PLACE = {"Bucket": "b", "Key": "k"}


def test_the_whole_with_and_without_checksums():
    plain = select_response(PLACE, entry_of(9))
    assert (plain.output["ContentLength"], plain.span, plain.status) == (9, (0, 9), None)
    assert "ChecksumCRC32" not in plain.output
    more = select_response(PLACE | {"ChecksumMode": "ENABLED"}, entry_of(9))
    assert more.output["ChecksumCRC32"] == "AAAAAA=="
    assert plain.rendered_headers is not more.rendered_headers


def test_a_range_has_no_checksum_of_the_whole():
    found = select_response(PLACE | {"Range": "bytes=2-4", "ChecksumMode": "ENABLED"}, entry_of(9))
    assert (found.span, found.status) == ((2, 3), 206)
    assert found.output["ContentRange"] == "bytes 2-4/9"
    assert (found.output["ContentLength"], "ChecksumCRC32" in found.output) == (3, False)


def test_conditions_are_judged():
    unchanged = select_response(PLACE | {"IfNoneMatch": '"e"'}, entry_of(9))
    assert (unchanged.span, unchanged.status) == (None, 304)
    with pytest.raises(S3Error) as caught:
        select_response(PLACE | {"IfMatch": '"other"'}, entry_of(9))
    assert caught.value.code == "PreconditionFailed"


def test_the_object_s_own_members_stay_as_they_are():
    entry = entry_of(9)
    before = dict(entry.output)
    assert (
        select_response(PLACE | {"ResponseContentType": "a/b"}, entry).output["ContentType"]
        == "a/b"
    )
    select_response(PLACE, entry).output["ContentType"] = "c/d"
    assert entry.output == before


def test_an_answer_that_is_not_kept():
    assert "ChecksumCRC32" not in direct(PLACE, SAID)
    assert direct(PLACE | {"ChecksumMode": "ENABLED"}, SAID)["ChecksumCRC32"] == "AAAAAA=="
    assert direct(PLACE, SAID)["ContentLength"] == 5


def test_what_the_entry_does_not_meet():
    assert is_refused(PLACE | {"IfMatch": '"other"'}, entry_of(9))
    assert not is_refused(PLACE | {"IfMatch": '"e"'}, entry_of(9))
    assert not is_refused(PLACE | {"IfNoneMatch": '"e"'}, entry_of(9))


@pytest.mark.parametrize(
    ("header", "is_it"),
    [("bytes=0-1", True), ("bytes=7-", True), ("bytes=-7", False), ("bytes=0-1,3-4", False)],
)
def test_a_range_whose_blocks_are_known(header, is_it):
    assert is_simple_range(header) is is_it
