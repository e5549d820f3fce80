from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.records import BucketRecord, Checksum, Description, ObjectRecord
from s3d.agent.stores.local.object_description import (
    DEFAULT_TYPE,
    checksum_members,
    description_of,
    is_locked,
    moment,
    object_members,
    storage_class,
    stored_members,
)

NOW = 1_700_000_000.0


def test_the_default_type_is_that_of_aws():
    assert description_of({}, NOW).headers == {"ContentType": DEFAULT_TYPE}
    assert description_of({"ContentType": "a/b"}, NOW).headers == {"ContentType": "a/b"}


@pytest.mark.parametrize(
    ("coding", "kept"),
    [
        ("aws-chunked", None),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, aws-chunked", "gzip"),
        ("gzip", "gzip"),
        ("x-aws-chunked-like", "x-aws-chunked-like"),
    ],
)
def test_the_coding_of_the_request_is_not_that_of_the_object(coding, kept):
    assert description_of({"ContentEncoding": coding}, NOW).headers.get("ContentEncoding") == kept


def test_metadata_is_two_kibibytes_of_utf_8_at_most():
    fits = {"Ab": "ä" * 1_023}
    assert description_of({"Metadata": fits}, NOW).metadata == {"ab": "ä" * 1_023}
    with pytest.raises(S3Error) as refused:
        description_of({"Metadata": {**fits, "c": ""}}, NOW)
    assert refused.value.code == "MetadataTooLarge"
    assert refused.value.detail == {"Size": 2_049, "MaxSizeAllowed": 2_048}


@pytest.mark.parametrize(
    ("input", "code"),
    [
        ({"ObjectLockEventHold": "ON"}, "NotImplemented"),
        ({"WebsiteRedirectLocation": "elsewhere"}, "InvalidRequest"),
        ({"ObjectLockMode": "GOVERNANCE"}, "InvalidArgument"),
        ({"Tagging": "a=1&a=1"}, "InvalidArgument"),
    ],
)
def test_what_cannot_be_kept_is_refused(input, code):
    with pytest.raises(S3Error) as refused:
        description_of(input, NOW)
    assert refused.value.code == code


def test_storage_classes_are_those_of_the_model():
    assert storage_class({}) == "STANDARD"
    assert storage_class({"StorageClass": "GLACIER_IR"}) == "GLACIER_IR"
    for wrong in ("", "standard", "PLATINUM"):
        with pytest.raises(S3Error) as refused:
            storage_class({"StorageClass": wrong})
        assert refused.value.code == "InvalidStorageClass"


def test_a_legal_hold_is_a_lock():
    assert is_locked(description_of({"ObjectLockLegalHoldStatus": "OFF"}, NOW))
    assert not is_locked(description_of({"ContentType": "a/b"}, NOW))


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
    assert "VersionId" not in stored_members(RECORD)
    assert stored_members(replace(RECORD, version_id="1"))["VersionId"] == "1"


def test_the_standard_storage_class_goes_without_saying():
    assert "StorageClass" not in object_members(PLAIN, RECORD)


def test_the_members_of_an_answer_may_be_changed_without_harm():
    members = object_members(PLAIN, RECORD)
    members["ContentType"] = "other"
    assert RECORD.description.headers["ContentType"] == "a/b"


def test_what_was_stored_is_told_with_its_checksum_and_encryption():
    assert stored_members(RECORD) == {
        "ETag": '"e"',
        "ChecksumSHA1": "x",
        "ChecksumType": "FULL_OBJECT",
        "ServerSideEncryption": "AES256",
    }
    assert checksum_members(None) == {}
