"""event_message: the JSON that consumers of S3 events read."""

from __future__ import annotations

import json

from msgspec.structs import replace

from s3d.agent.s3.event_message import Event, message_of
from s3d.agent.s3.event_names import CREATED_PUT, REMOVED, TEST

PUT = Event(
    name=CREATED_PUT,
    time=1_700_000_000.25,
    bucket="photos",
    bucket_owner="0af1",
    region="eu-west-1",
    configuration_id="new-photos",
    key="red flower+é/1.jpg",
    size=3,
    etag='"abc"',
    principal_id="AWS:AKID",
    source_address="127.0.0.1",
    request_id="R1",
)


def test_a_record_is_as_s3_writes_it():
    (record,) = json.loads(message_of(PUT, 26))["Records"]
    assert record["responseElements"].pop("x-amz-id-2")
    assert record == {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": "2023-11-14T22:13:20.250Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AKID"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "R1"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "new-photos",
            "bucket": {
                "name": "photos",
                "ownerIdentity": {"principalId": "0af1"},
                "arn": "arn:aws:s3:::photos",
            },
            "object": {
                "key": "red+flower%2B%C3%A9/1.jpg",
                "size": 3,
                "eTag": "abc",
                "sequencer": "00000000000000001A",
            },
        },
    }


def test_a_removed_object_has_no_size_and_a_version_its_id():
    event = replace(PUT, name=REMOVED, size=None, etag="", version_id="v1", sequencer=7)
    (record,) = json.loads(message_of(event, 26))["Records"]
    assert record["s3"]["object"] == {
        "key": "red+flower%2B%C3%A9/1.jpg",
        "versionId": "v1",
        "sequencer": "000000000000000007",
    }


def test_the_test_message_is_flat():
    message = json.loads(message_of(Event(TEST, 0.0, "photos", request_id="R1"), 1))
    assert message.pop("HostId")
    assert message == {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "1970-01-01T00:00:00.000Z",
        "Bucket": "photos",
        "RequestId": "R1",
    }
