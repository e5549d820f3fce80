"""An inventory report of a bucket: the rows of its files, and its manifest. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import msgspec

from s3d.agent.s3.errors import S3Error

DAY = 86_400.0
PERIODS = {"Daily": DAY, "Weekly": 7 * DAY}
"""Seconds between two reports."""
CSV = "CSV"
"""The only format that is written."""
_VERSION = "2016-11-30"
_VERSION_FIELDS = ("VersionId", "IsLatest", "IsDeleteMarker")


class ListedVersion(NamedTuple):
    """What a report can say about a version of an object."""

    bucket: str
    key: str
    version_id: str
    is_latest: bool
    is_delete_marker: bool
    size: int
    modified: float
    """Unix seconds."""
    etag: str
    """Without quotes."""
    storage_class: str
    is_multipart: bool
    headers: Mapping[str, Any]
    """Members of the object, such as ObjectLockMode."""
    encryption: str
    """SSE-S3, SSE-C, SSE-KMS, DSSE-KMS or NOT-SSE."""
    checksum: str
    """Its algorithm; "" for none."""
    owner: str
    """Canonical id."""


class ReportFile(NamedTuple):
    """One file of a report."""

    key: str
    content: bytes


class ManifestEntry(NamedTuple):
    """What a manifest says about a data file."""

    key: str
    size: int
    """Bytes."""
    md5: str

    @classmethod
    def of(cls, file: ReportFile) -> Self:
        return cls(file.key, len(file.content), _md5(file.content))


def schema_of(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of a report, in their order."""
    optional = set(configuration.get("OptionalFields") or ())
    versions = _VERSION_FIELDS if includes_versions(configuration) else ()
    return ("Bucket", "Key", *versions, *(name for name in _COLUMNS if name in optional))


def includes_versions(configuration: Mapping[str, Any]) -> bool:
    """Whether a report lists noncurrent versions and delete markers, too."""
    return bool(configuration["IncludedObjectVersions"] == "All")


def prefix_of(configuration: Mapping[str, Any]) -> str:
    """The prefix of the keys that a report lists."""
    return str((configuration.get("Filter") or {}).get("Prefix") or "")


def check_destination(configuration: Mapping[str, Any]) -> None:
    """Raises InvalidS3DestinationBucket unless the bucket is named by its ARN.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_InventoryS3BucketDestination.html
    """
    if not str(_destination(configuration)["Bucket"]).startswith("arn:"):
        raise S3Error("InvalidS3DestinationBucket")


def destination_of(configuration: Mapping[str, Any]) -> str:
    """The bucket that gets the report."""
    return str(_destination(configuration)["Bucket"]).rpartition(":")[2]


def format_of(configuration: Mapping[str, Any]) -> str:
    """CSV, ORC or Parquet."""
    return str(_destination(configuration)["Format"])


def folder_of(configuration: Mapping[str, Any], bucket: str) -> str:
    """The prefix of everything that belongs to the reports of a configuration, with its slash."""
    prefix = (_destination(configuration).get("Prefix") or "").rstrip("/")
    return f"{prefix}/{bucket}/{configuration['Id']}/".lstrip("/")


def data_file(
    folder: str, name: str, schema: Sequence[str], rows: list[ListedVersion]
) -> ReportFile:
    """A data file: CSV without a header, compressed."""
    import csv  # most agents write no reports

    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    readers = [_READERS[column] for column in schema]
    writer.writerows([read(row) for read in readers] for row in rows)
    content = gzip.compress(text.getvalue().encode(), compresslevel=6, mtime=0)
    return ReportFile(f"{folder}data/{name}.csv.gz", content)


def manifest(
    configuration: Mapping[str, Any], bucket: str, moment: float, files: Iterable[ManifestEntry]
) -> list[ReportFile]:
    """manifest.json, and manifest.checksum with its MD5, which is written last. moment: Unix
    seconds."""
    at = datetime.fromtimestamp(moment, UTC)
    folder = f"{folder_of(configuration, bucket)}{at:%Y-%m-%dT%H-%MZ}/"
    document = {
        "sourceBucket": bucket,
        "destinationBucket": _destination(configuration)["Bucket"],
        "version": _VERSION,
        "creationTimestamp": str(int(moment * 1000)),
        "fileFormat": CSV,
        "fileSchema": ", ".join(schema_of(configuration)),
        "files": [{"key": file.key, "size": file.size, "MD5checksum": file.md5} for file in files],
    }
    content = msgspec.json.format(msgspec.json.encode(document), indent=2)
    return [
        ReportFile(f"{folder}manifest.json", content),
        ReportFile(f"{folder}manifest.checksum", _md5(content).encode()),
    ]


def next_start(start: float, frequency: str, delay: float, now: float) -> float:
    """When the next period begins, after the report of the one that began at start: periods whose
    report is overdue, too, are left out."""
    period = PERIODS[frequency]
    missed = max(0.0, now - delay - start) // period
    return start + (missed + 1) * period


def _destination(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    destination: Mapping[str, Any] = configuration["Destination"]["S3BucketDestination"]
    return destination


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _word(value: bool) -> str:
    return "true" if value else "false"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.000Z}"


def _retain_until(row: ListedVersion) -> str:
    until = row.headers.get("ObjectLockRetainUntilDate")
    return _moment(until.timestamp()) if isinstance(until, datetime) else str(until or "")


_Reader = Callable[[ListedVersion], str]

_OPTIONAL: Mapping[str, _Reader] = {
    "Size": lambda row: "" if row.is_delete_marker else str(row.size),
    "LastModifiedDate": lambda row: _moment(row.modified),
    "ETag": lambda row: row.etag,
    "StorageClass": lambda row: "" if row.is_delete_marker else row.storage_class,
    "IsMultipartUploaded": lambda row: "" if row.is_delete_marker else _word(row.is_multipart),
    "ReplicationStatus": lambda row: "",
    "EncryptionStatus": lambda row: row.encryption,
    "ObjectLockRetainUntilDate": _retain_until,
    "ObjectLockMode": lambda row: str(row.headers.get("ObjectLockMode") or ""),
    "ObjectLockLegalHoldStatus": lambda row: str(
        row.headers.get("ObjectLockLegalHoldStatus") or ""
    ),
    "IntelligentTieringAccessTier": lambda row: "",
    "BucketKeyStatus": lambda row: "ENABLED" if row.headers.get("BucketKeyEnabled") else "DISABLED",
    "ChecksumAlgorithm": lambda row: row.checksum,
    "ObjectOwner": lambda row: row.owner,
}
_COLUMNS = tuple(_OPTIONAL)
_READERS: Mapping[str, _Reader] = {
    "Bucket": lambda row: row.bucket,
    "Key": lambda row: quote(row.key, safe="/-_.~*"),
    "VersionId": lambda row: "" if row.version_id == "null" else row.version_id,
    "IsLatest": lambda row: _word(row.is_latest),
    "IsDeleteMarker": lambda row: _word(row.is_delete_marker),
    **_OPTIONAL,
}
