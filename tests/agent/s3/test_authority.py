"""Who answers which request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from s3d.agent.s3.authority import (
    REMOTE_ONLY_MEMBERS,
    Authority,
    authority_of_deletion,
    authority_of_read,
    authority_of_staged_read,
    authority_of_write,
    is_conditional_write,
)


class Known(NamedTuple):
    etag: str
    modified: datetime


PLACE = {"Bucket": "b", "Key": "k"}
MODIFIED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KNOWN = Known('"e"', MODIFIED)
BEFORE, AFTER = MODIFIED - timedelta(days=1), MODIFIED + timedelta(days=1)
HERE, REVALIDATE, FORWARD = Authority.HERE, Authority.REVALIDATE, Authority.FORWARD


@pytest.mark.finding("Q2")
@pytest.mark.parametrize(
    ("members", "known", "unknown"),
    [
        ({}, HERE, HERE),
        ({"Range": "bytes=0-1", "ChecksumMode": "ENABLED"}, HERE, HERE),
        ({"ResponseContentType": "a/b", "VersionId": ""}, HERE, HERE),
        ({"VersionId": "1"}, FORWARD, FORWARD),
        ({"PartNumber": 1}, FORWARD, FORWARD),
        ({"SSECustomerKey": "x", "IfMatch": '"e"'}, FORWARD, FORWARD),
        ({"RequestPayer": "requester"}, FORWARD, FORWARD),
        ({"IfMatch": '"e"'}, HERE, FORWARD),
        ({"IfMatch": "*"}, HERE, FORWARD),
        ({"IfMatch": '"other"'}, REVALIDATE, FORWARD),
        ({"IfNoneMatch": '"e"'}, HERE, FORWARD),
        ({"IfNoneMatch": '"other"'}, REVALIDATE, FORWARD),
        ({"IfModifiedSince": BEFORE}, HERE, FORWARD),
        ({"IfModifiedSince": AFTER}, HERE, FORWARD),
        ({"IfUnmodifiedSince": AFTER}, HERE, FORWARD),
        ({"IfUnmodifiedSince": BEFORE}, REVALIDATE, FORWARD),
        ({"IfMatch": '"e"', "IfUnmodifiedSince": BEFORE}, HERE, FORWARD),
        ({"IfMatch": '"e"', "IfNoneMatch": '"other"'}, REVALIDATE, FORWARD),
    ],
)
def test_who_answers_a_read(members, known, unknown):
    assert authority_of_read(PLACE | members, KNOWN) is known
    assert authority_of_read(PLACE | members, None) is unknown


@pytest.mark.parametrize("name", sorted(REMOTE_ONLY_MEMBERS))
def test_what_only_the_remote_can_carry_out(name):
    assert authority_of_write(PLACE | {name: "x"}) is FORWARD
    assert authority_of_write(PLACE | {name: None}) is HERE


def test_a_plain_write_can_be_staged():
    assert authority_of_write(PLACE | {"ACL": "private", "Metadata": {}}) is HERE
    assert authority_of_write(PLACE | {"ACL": "bucket-owner-read"}) is FORWARD


def test_writes_that_depend_on_what_is_there():
    assert is_conditional_write(PLACE | {"IfNoneMatch": "*"})
    assert not is_conditional_write(PLACE | {"IfMatch": None})


@pytest.mark.parametrize(
    ("members", "authority"),
    [
        ({"IfMatch": '"e"', "Range": "bytes=0-1", "VersionId": ""}, HERE),
        ({"VersionId": "1"}, FORWARD),
        ({"SSECustomerAlgorithm": "AES256"}, FORWARD),
    ],
)
def test_who_answers_a_read_of_what_is_pending(members, authority):
    assert authority_of_staged_read(PLACE | members) is authority


@pytest.mark.parametrize(
    ("entry", "authority"),
    [({}, HERE), ({"VersionId": None}, HERE), ({"ETag": '"e"'}, FORWARD), ({"Size": 0}, FORWARD)],
)
def test_who_carries_out_a_deletion_among_others(entry, authority):
    assert authority_of_deletion({"Key": "k"} | entry) is authority
