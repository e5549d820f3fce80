from datetime import UTC, datetime

from s3d.agent.storage.records import BucketRecord, Checksum, Description, ObjectRecord
from s3d.agent.stores.local.response_members import (
    checksum_members,
    moment,
    object_members,
    row,
    stored_members,
)

RECORD = ObjectRecord(
    "k",
    modified=1_700_000_000.9,
    size=3,
    etag='"e"',
    checksum=Checksum("SHA1", "x"),
    description=Description(
        {"ContentType": "a/b", "ServerSideEncryption": "AES256"}, {"m": "1"}, {"t": ""}
    ),
)
PLAIN, VERSIONED = BucketRecord("b", 0.0), BucketRecord("b", 0.0, versioning="Suspended")


def test_times_are_whole_seconds_of_utc():
    assert moment(1_700_000_000.999) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_version_ids_are_shown_where_there_ever_was_versioning():
    assert "VersionId" not in object_members(PLAIN, RECORD)
    assert object_members(VERSIONED, RECORD)["VersionId"] == "null"
    assert stored_members(VERSIONED, RECORD)["VersionId"] == "null"


def test_the_standard_storage_class_goes_without_saying_but_in_listings():
    assert "StorageClass" not in object_members(PLAIN, RECORD)
    assert row(RECORD)["StorageClass"] == "STANDARD"


def test_the_members_of_an_answer_may_be_changed_without_harm():
    members = object_members(PLAIN, RECORD)
    members["ContentType"] = "other"
    assert RECORD.description.headers["ContentType"] == "a/b"


def test_what_was_stored_is_told_with_its_checksum_and_encryption():
    assert stored_members(PLAIN, RECORD) == {
        "ETag": '"e"',
        "ChecksumSHA1": "x",
        "ChecksumType": "FULL_OBJECT",
        "ServerSideEncryption": "AES256",
    }
    assert checksum_members(None) == {}
