"""What filters see of staged objects and of answers."""

from datetime import UTC, datetime

from s3d.agent.selection.filter_subject import subject_of_record, subject_of_response
from s3d.agent.storage.records import Description, Layout, ObjectRecord, Stored

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_all_of_a_staged_object_is_known_but_the_tags_of_its_bucket():
    about = Description({"ContentType": "video/mp4", "Expires": AT}, {"owner": "ann"}, {"t": "1"})
    record = ObjectRecord("k", size=5, etag='"e"', modified=AT.timestamp(), description=about)
    subject = subject_of_record("b", "k", Stored(record, Layout()))
    assert (subject.bucket, subject.key, subject.size) == ("b", "k", 5)
    assert (subject.bucket_tags, subject.tags) == (None, {"t": "1"})
    assert subject.metadata == {"owner": "ann"}
    headers = dict(subject.headers or {})
    assert headers == {
        "content-length": "5",
        "content-type": "video/mp4",
        "etag": '"e"',
        "expires": "Sat, 31 Jan 2026 12:00:00 GMT",
        "last-modified": "Sat, 31 Jan 2026 12:00:00 GMT",
        "x-amz-storage-class": "STANDARD",
    }


def test_an_answer_tells_headers_and_metadata():
    said = {"ContentType": "a/b", "LastModified": AT, "ContentLength": 2, "Metadata": {"m": "1"}}
    subject = subject_of_response("b", "k", said, 7, None)
    assert (subject.tags, subject.size, subject.metadata) == (None, 7, {"m": "1"})
    assert subject.headers == {
        "content-length": "7",
        "content-type": "a/b",
        "last-modified": "Sat, 31 Jan 2026 12:00:00 GMT",
    }
