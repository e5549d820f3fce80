"""Answers of an entry; that they are those of a store: test_layer.py."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.read_cache.cached_response import direct, find, is_refused, is_simple_range
from tests.agent.stores.read_cache.test_entry import SAID, entry_of

PLACE = {"Bucket": "b", "Key": "k"}


def test_the_whole_with_and_without_checksums():
    plain = find(PLACE, entry_of(9))
    assert (plain.output["ContentLength"], plain.span, plain.status) == (9, (0, 9), None)
    assert "ChecksumCRC32" not in plain.output
    more = find(PLACE | {"ChecksumMode": "ENABLED"}, entry_of(9))
    assert more.output["ChecksumCRC32"] == "AAAAAA=="
    assert plain.kept is not more.kept


def test_a_range_has_no_checksum_of_the_whole():
    found = find(PLACE | {"Range": "bytes=2-4", "ChecksumMode": "ENABLED"}, entry_of(9))
    assert (found.span, found.status) == ((2, 3), 206)
    assert found.output["ContentRange"] == "bytes 2-4/9"
    assert (found.output["ContentLength"], "ChecksumCRC32" in found.output) == (3, False)


def test_conditions_are_judged():
    unchanged = find(PLACE | {"IfNoneMatch": '"e"'}, entry_of(9))
    assert (unchanged.span, unchanged.status) == (None, 304)
    with pytest.raises(S3Error) as caught:
        find(PLACE | {"IfMatch": '"other"'}, entry_of(9))
    assert caught.value.code == "PreconditionFailed"


def test_the_object_s_own_members_stay_as_they_are():
    entry = entry_of(9)
    before = dict(entry.output)
    assert find(PLACE | {"ResponseContentType": "a/b"}, entry).output["ContentType"] == "a/b"
    find(PLACE, entry).output["ContentType"] = "c/d"
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
