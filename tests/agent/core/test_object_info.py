from datetime import UTC, datetime

import pytest

from s3d.agent.core.object_info import PLAIN, ObjectAttributes, listed_info, object_info, whole_size
from s3d.agent.s3.errors import S3Error

MODIFIED = datetime(2030, 1, 2, tzinfo=UTC)


def test_attributes_become_members_and_empty_ones_are_left_out():
    attributes = ObjectAttributes(
        "text/plain", {"a": "b"}, {"t": "ä"}, {"cache-control": "no-store"}
    )
    assert attributes.members() == {
        "ContentType": "text/plain",
        "Metadata": {"a": "b"},
        "Tagging": "t=%C3%A4",
        "CacheControl": "no-store",
    }
    assert PLAIN.members() == {}


def test_an_expires_that_is_no_date_is_refused():
    with pytest.raises(S3Error) as caught:
        ObjectAttributes(headers={"expires": "soon"}).members()
    assert caught.value.code == "InvalidArgument"


def test_a_range_tells_the_size_of_the_whole():
    assert whole_size({"ContentLength": 3, "ContentRange": "bytes 2-4/10"}) == 10
    assert whole_size({"ContentLength": 3}) == 3


@pytest.mark.parametrize("output", [{}, {"ContentLength": None}, {"ContentRange": "bytes 0-9/*"}])
def test_an_answer_that_tells_no_size_is_an_error(output):
    with pytest.raises(S3Error, match="has no ContentLength") as caught:
        whole_size(output)
    assert caught.value.status == 503


@pytest.mark.parametrize("member", ["ETag", "LastModified"])
def test_an_answer_without_what_s3_always_sends_is_an_error(member):
    output = {"ContentLength": 3, "ETag": '"e"', "LastModified": MODIFIED}
    assert object_info("bucket", "k", output).size == 3
    del output[member]
    with pytest.raises(S3Error, match=f"has no {member}"):
        object_info("bucket", "k", output)


def test_headers_and_checksums_come_from_the_members():
    output = {
        "ContentLength": 3, "ETag": '"e"', "LastModified": MODIFIED, "Expires": MODIFIED,
        "ChecksumCRC32": "AAAA", "ChecksumType": "FULL_OBJECT",
    }  # fmt: skip
    info = object_info("bucket", "k", output)
    assert info.headers == {"expires": "Wed, 02 Jan 2030 00:00:00 GMT"}
    assert info.checksums == {"CRC32": "AAAA"}


def test_a_row_of_a_listing_may_lack_what_a_delete_marker_lacks():
    info = listed_info("bucket", {"Key": "k", "LastModified": MODIFIED, "VersionId": "v"})
    assert (info.size, info.etag, info.version_id) == (0, "", "v")
