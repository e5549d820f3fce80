"""One step of a trace: an S3 operation that is carried out on either side, and what it comes to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

_PER_SIDE = frozenset(
    {
        "Bucket",
        "ChecksumType",
        "DeleteMarker",
        "HostId",
        "Initiated",
        "Initiator",
        "LastModified",
        "Location",
        "Name",
        "Owner",
        "RequestId",
        "ResponseMetadata",
        "UploadId",
        "VersionId",
    }
)
"""Members that may differ between two servers with the same content."""

Members = dict[str, Any]
Outcome = tuple[int, Any]


@dataclass
class Side:
    """Where a trace goes."""

    client: Any
    bucket: str
    uploads: dict[int, str] = field(default_factory=dict)
    """Number in the trace -> id."""

    def call(self, name: str, **members: Any) -> Any:
        return getattr(self.client, name)(Bucket=self.bucket, **members)


Act = Callable[[Side], Any]


@dataclass(frozen=True)
class Listing:
    """What a step lists."""

    prefix: str
    delimiter: str
    size: int
    """Of a page."""

    def of(self, etags: Mapping[str, str]) -> list[tuple[str, str]]:
        """What it shows of such a bucket: names, and the ETags of those that are keys."""
        found: dict[str, str] = {}
        for key, etag in etags.items():
            if key.startswith(self.prefix):
                rest = key[len(self.prefix) :]
                head, delimiter, _ = rest.partition(self.delimiter or "\0")
                found[self.prefix + head + delimiter] = "" if delimiter else etag
        return sorted(found.items(), key=lambda item: item[0].encode())


@dataclass(frozen=True)
class Step:
    """One operation. act: carries it out on a side; what it returns is compared."""

    name: str
    detail: str
    act: Act
    key: str = ""
    """What it is about; "" for what is about several."""
    source: str = ""
    """The other key that it reads."""
    removes: tuple[str, ...] = ()
    listing: Listing | None = None


def outcome(step: Step, side: Side) -> Outcome:
    """(HTTP status, what the step came to without what may differ, or the code of its error)."""
    try:
        return 200, shorn(step.act(side))
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        # A slow copy is answered by 200 and then by its error, which boto3 shows as a 500.
        return (503 if code == "ServiceUnavailable" else status), code


def shorn(value: Any) -> Any:
    """Without what two servers with the same content may say differently."""
    if isinstance(value, dict):
        return {k: shorn(v) for k, v in value.items() if k not in _PER_SIDE}
    if isinstance(value, (list, tuple)):
        return [shorn(each) for each in value]
    return value.strip('"') if isinstance(value, str) else value


def pages(side: Side, name: str, **members: Any) -> Iterator[list[tuple[str, str]]]:
    """Each page of a listing, in order: names, and the ETags of those that are keys."""
    following: Members = {}
    while True:
        answer = side.call(name, **members, **following)
        items = [(row["Key"], row["ETag"]) for row in answer.get("Contents", ())]
        items += [(group["Prefix"], "") for group in answer.get("CommonPrefixes", ())]
        items.sort(key=lambda item: item[0].encode())
        yield items
        if not answer["IsTruncated"]:
            return
        if name == "list_objects_v2":
            following = {"ContinuationToken": answer["NextContinuationToken"]}
        else:  # SeaweedFS does not encode its NextMarker, and boto3 decodes it.
            following = {"Marker": items[-1][0]}


def digest(data: bytes) -> str:
    """What stands for an object's bytes, short enough to be printed."""
    return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()[:16]}"
