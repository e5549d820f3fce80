"""Answers of an entry; that they are those of a store: test_layer.py."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.read_cache.cached_response import direct, find, is_conditional, is_for_cache
from tests.agent.stores.read_cache.test_entry import SAID, entry_of

PLACE = {"Bucket": "b", "Key": "k"}


@pytest.mark.parametrize(
    ("members", "is_ours"),
    [
        ({}, True),
        ({"Range": "bytes=0-1", "ChecksumMode": "ENABLED", "IfMatch": '"e"'}, True),
        ({"ResponseContentType": "a/b", "VersionId": ""}, True),
        ({"VersionId": "1"}, False),
        ({"PartNumber": 1}, False),
        ({"SSECustomerKey": "x"}, False),
        ({"RequestPayer": "requester"}, False),
    ],
)
def test_some_requests_are_for_the_remote_alone(members, is_ours):
    assert is_for_cache(PLACE | members) is is_ours


def test_conditions_are_seen():
    assert is_conditional(PLACE | {"IfNoneMatch": "*"})
    assert not is_conditional(PLACE | {"Range": "bytes=0-1"})


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
