"""message_forms: what servers send, and what an attacker could."""

from __future__ import annotations

import json

import pytest

from s3d.agent.remote_changes.message_forms import (
    MAX_HINTS,
    MAX_MESSAGE,
    Hint,
    Message,
    UnknownForm,
    parse_message,
)
from s3d.agent.s3.event_message import Event, message_of
from s3d.agent.s3.event_names import CREATED_PUT, TEST


def record(key: object, bucket: object = "photos", name: str = "ObjectCreated:Put") -> dict:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": "0055AED6"}},
    }


S3 = {"Records": [record("a+b/caf%C3%A9.txt"), record("gone", name="ObjectRemoved:Delete")]}
BRIDGE = {
    "version": "0",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {"version": "0", "bucket": {"name": "photos"}, "object": {"key": "a+b/%41"}},
}
TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}


def wrapped(message: object) -> dict:
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(message)}


def filer(key: str, kind: str = "create", **message: object) -> dict:
    return {"key": key, "event_type": kind, "message": message}


FILE, FOLDER = {"name": "new.txt"}, {"name": "new", "is_directory": True}
READ = (Hint("photos", "a b/café.txt"), Hint("photos", "gone"))
FORMS = {
    "S3, and raw from SNS": (S3, READ),
    "wrapped by SNS": (wrapped(S3), READ),
    "EventBridge": (BRIDGE, (Hint("photos", "a+b/%41"),)),
    "EventBridge through SNS": (wrapped(BRIDGE), (Hint("photos", "a+b/%41"),)),
    "MinIO": (
        {"EventName": "s3:ObjectCreated:Put", "Key": "photos/x", "Records": [record("x%2Fy")]},
        (Hint("photos", "x/y"),),
    ),
    "SeaweedFS": (filer("/buckets/photos/x/y", new_entry=FILE), (Hint("photos", "x/y"),)),
    "SeaweedFS, a new folder": (
        filer("/buckets/photos/new", new_entry=FOLDER),
        (Hint("photos", "new/"),),
    ),
    "SeaweedFS, a folder that is gone": (
        filer("/buckets/photos/old", "delete", old_entry={"name": "old", "is_directory": True}),
        (Hint("photos", "old/", is_folder=True),),
    ),
    "SeaweedFS, a new name": (
        filer(
            "/buckets/photos/old.txt",
            "rename",
            old_entry={"name": "old.txt"},
            new_entry=FILE,
            new_parent_path="/buckets/photos/sub",
        ),
        (Hint("photos", "old.txt"), Hint("photos", "sub/new.txt")),
    ),
    "SeaweedFS, a part of an upload": (
        filer("/buckets/photos/.uploads/1/0001.part", new_entry=FILE),
        (),
    ),
    "SeaweedFS, not in a bucket": (filer("/etc/iam/identity.json", "update"), ()),
    "one object twice": ({"Records": [record("k"), record("k")]}, (Hint("photos", "k"),)),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_is_read(name):
    document, hints = FORMS[name]
    expected = Message(hints, frozenset(hint.bucket for hint in hints))
    assert parse_message(json.dumps(document)) == expected
    assert parse_message(json.dumps(document).encode()) == expected


@pytest.mark.parametrize("document", [TEST_EVENT, wrapped(TEST_EVENT)])
def test_a_test_event_shows_that_the_events_of_its_bucket_arrive(document):
    assert parse_message(json.dumps(document)) == Message(buckets=frozenset({"photos"}))


def test_the_messages_of_the_embedded_store_are_read():
    event = Event(CREATED_PUT, 1.0, "photos", key="ü +%/*&=k")
    assert parse_message(message_of(event, 1)).hints == (Hint("photos", "ü +%/*&=k"),)
    test = parse_message(message_of(Event(TEST, 1.0, "photos"), 1))
    assert test == Message(buckets=frozenset({"photos"}))


@pytest.mark.parametrize(
    "row",
    [
        record(""),
        record(None),
        record(["k"]),
        record("k" * 1025),
        record("%FF"),
        record("a%00b"),
        record("k", bucket=""),
        record("k", bucket="a/b"),
        record("k", bucket={"name": "b"}),
        record("k", bucket="b" * 300),
        {"s3": None},
        {"s3": {"bucket": [], "object": "k"}},
        {},
        None,
        7,
        "Records",
    ],
    ids=repr,
)
def test_a_record_without_a_valid_object_is_left_out(row):
    assert parse_message(json.dumps({"Records": [row, record("good")]})).hints == (
        Hint("photos", "good"),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"Records"',
        b"{",
        b"\xff\xfe",
        b"{}",
        b'{"Records": {}}',
        b'{"Records": null}',
        b'{"Type": "Notification", "Message": 7}',
        b'{"Type": "Notification", "Message": "no JSON"}',
        json.dumps(wrapped(wrapped(S3))).encode(),
        b'{"source": "aws.s3", "detail": "x"}',
        b'{"source": "aws.ec2", "detail": {}}',
        b'{"key": 7, "event_type": "create", "message": {}}',
        b'{"Event": "s3:Other"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_anything_else_is_refused(body):
    with pytest.raises(UnknownForm):
        parse_message(body)


def test_the_size_and_the_number_of_objects_are_limited():
    with pytest.raises(UnknownForm, match="bytes"):
        parse_message(b" " * MAX_MESSAGE + b"{}")
    rows = [{"s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}] * (MAX_HINTS + 1)
    with pytest.raises(UnknownForm, match="objects"):
        parse_message(json.dumps({"Records": rows}))
