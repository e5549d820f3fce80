"""The JSON of an event notification. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import msgspec

from s3d.agent.s3.event_names import TEST, version_of
from s3d.agent.s3.serialize import HOST_ID

_SCHEMA = "1.0"


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What has happened to an object; its form on disk is an array, with new fields at the end."""

    name: str
    """A name of event_names.py."""
    time: float
    """Unix seconds."""
    bucket: str
    bucket_owner: str = ""
    """Canonical id."""
    region: str = ""
    configuration_id: str = ""
    key: str = ""
    size: int | None = None
    """None: the event removes the object."""
    etag: str = ""
    """Quoted, as in S3."""
    version_id: str = ""
    """"" in a bucket without versioning."""
    principal_id: str = ""
    source_address: str = ""
    request_id: str = ""
    sequencer: int = 0
    """Number of the event; 0: that of its row. It grows, and with several targets it is the same in
    all messages about one event."""


def message_of(event: Event, sequencer: int) -> bytes:
    """The message. sequencer: the number of the row, for an event that has none of its own."""
    body = _test(event) if event.name == TEST else {"Records": [_record(event, sequencer)]}
    return msgspec.json.encode(body)


def _record(event: Event, sequencer: int) -> dict[str, Any]:
    return {
        "eventVersion": version_of(event.name),
        "eventSource": "aws:s3",
        "awsRegion": event.region,
        "eventTime": _time(event.time),
        "eventName": event.name,
        "userIdentity": {"principalId": event.principal_id},
        "requestParameters": {"sourceIPAddress": event.source_address},
        "responseElements": {"x-amz-request-id": event.request_id, "x-amz-id-2": HOST_ID},
        "s3": {
            "s3SchemaVersion": _SCHEMA,
            "configurationId": event.configuration_id,
            "bucket": {
                "name": event.bucket,
                "ownerIdentity": {"principalId": event.bucket_owner},
                "arn": f"arn:aws:s3:::{event.bucket}",
            },
            "object": _object(event, event.sequencer or sequencer),
        },
    }


def _object(event: Event, sequencer: int) -> dict[str, Any]:
    members: dict[str, Any] = {"key": quote_plus(event.key, safe="/*")}
    if event.size is not None:
        members["size"] = event.size
    if event.etag:
        members["eTag"] = event.etag.strip('"')
    if event.version_id:
        members["versionId"] = event.version_id
    # "a string representation of a hexadecimal value that can be used to determine event sequence"
    return members | {"sequencer": f"{sequencer:018X}"}


def _test(event: Event) -> dict[str, Any]:
    return {
        "Service": "Amazon S3",
        "Event": f"s3:{TEST}",
        "Time": _time(event.time),
        "Bucket": event.bucket,
        "RequestId": event.request_id,
        "HostId": HOST_ID,
    }


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
