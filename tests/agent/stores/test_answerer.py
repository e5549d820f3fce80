"""Who answers which request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from s3d.agent.stores.answerer import (
    REMOTE_ONLY_MEMBERS,
    Answerer,
    is_conditional_write,
    who_answers_pending_read,
    who_answers_read,
    who_carries_out_deletion,
    who_carries_out_write,
)


class Known(NamedTuple):
    etag: str
    modified: datetime


PLACE = {"Bucket": "b", "Key": "k"}
MODIFIED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KNOWN = Known('"e"', MODIFIED)
BEFORE, AFTER = MODIFIED - timedelta(days=1), MODIFIED + timedelta(days=1)
LAYER, REMOTE = Answerer.LAYER, Answerer.REMOTE
REVALIDATED = Answerer.LAYER_AFTER_REVALIDATION


@pytest.mark.finding("Q2")
@pytest.mark.parametrize(
    ("members", "known", "unknown"),
    [
        ({}, LAYER, LAYER),
        ({"Range": "bytes=0-1", "ChecksumMode": "ENABLED"}, LAYER, LAYER),
        ({"ResponseContentType": "a/b", "VersionId": ""}, LAYER, LAYER),
        ({"VersionId": "1"}, REMOTE, REMOTE),
        ({"PartNumber": 1}, REMOTE, REMOTE),
        ({"SSECustomerKey": "x", "IfMatch": '"e"'}, REMOTE, REMOTE),
        ({"RequestPayer": "requester"}, REMOTE, REMOTE),
        ({"IfMatch": '"e"'}, LAYER, REMOTE),
        ({"IfMatch": "*"}, LAYER, REMOTE),
        ({"IfMatch": '"other"'}, REVALIDATED, REMOTE),
        ({"IfNoneMatch": '"e"'}, LAYER, REMOTE),
        ({"IfNoneMatch": '"other"'}, REVALIDATED, REMOTE),
        ({"IfModifiedSince": BEFORE}, LAYER, REMOTE),
        ({"IfModifiedSince": AFTER}, LAYER, REMOTE),
        ({"IfUnmodifiedSince": AFTER}, LAYER, REMOTE),
        ({"IfUnmodifiedSince": BEFORE}, REVALIDATED, REMOTE),
        ({"IfMatch": '"e"', "IfUnmodifiedSince": BEFORE}, LAYER, REMOTE),
        ({"IfMatch": '"e"', "IfNoneMatch": '"other"'}, REVALIDATED, REMOTE),
    ],
)
def test_who_answers_a_read(members, known, unknown):
    assert who_answers_read(PLACE | members, KNOWN) is known
    assert who_answers_read(PLACE | members, None) is unknown


@pytest.mark.parametrize("name", sorted(REMOTE_ONLY_MEMBERS))
def test_what_only_the_remote_can_carry_out(name):
    assert who_carries_out_write(PLACE | {name: "x"}) is REMOTE
    assert who_carries_out_write(PLACE | {name: None}) is LAYER


def test_a_plain_write_can_be_staged():
    assert who_carries_out_write(PLACE | {"ACL": "private", "Metadata": {}}) is LAYER
    assert who_carries_out_write(PLACE | {"ACL": "bucket-owner-read"}) is REMOTE


def test_writes_that_depend_on_what_is_there():
    assert is_conditional_write(PLACE | {"IfNoneMatch": "*"})
    assert not is_conditional_write(PLACE | {"IfMatch": None})


@pytest.mark.parametrize(
    ("members", "answerer"),
    [
        ({"IfMatch": '"e"', "Range": "bytes=0-1", "VersionId": ""}, LAYER),
        ({"VersionId": "1"}, REMOTE),
        ({"SSECustomerAlgorithm": "AES256"}, REMOTE),
    ],
)
def test_who_answers_a_read_of_what_is_pending(members, answerer):
    assert who_answers_pending_read(PLACE | members) is answerer


@pytest.mark.parametrize(
    ("entry", "answerer"),
    [({}, LAYER), ({"VersionId": None}, LAYER), ({"ETag": '"e"'}, REMOTE), ({"Size": 0}, REMOTE)],
)
def test_who_carries_out_a_deletion_among_others(entry, answerer):
    assert who_carries_out_deletion({"Key": "k"} | entry) is answerer
