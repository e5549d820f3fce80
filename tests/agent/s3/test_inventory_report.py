"""inventory_report: the files of a report as AWS describes them, and when the next one is due."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from io import StringIO

from s3d.agent.s3.inventory_report import (
    DAY,
    ListedVersion,
    ManifestEntry,
    data_file,
    destination_of,
    folder_of,
    manifest,
    next_start,
    schema_of,
)

CONFIGURATION = {
    "Id": "daily",
    "IsEnabled": True,
    "IncludedObjectVersions": "All",
    "Destination": {
        "S3BucketDestination": {"Bucket": "arn:aws:s3:::reports", "Format": "CSV", "Prefix": "inv"}
    },
    "Schedule": {"Frequency": "Daily"},
    "OptionalFields": ["ETag", "Size", "LastModifiedDate", "EncryptionStatus", "ObjectLockMode"],
}
ROW = ListedVersion(
    bucket="photos",
    key='a b/"é,',
    version_id="v1",
    is_latest=True,
    is_delete_marker=False,
    size=3,
    modified=1_700_000_000.5,
    etag="abc",
    storage_class="STANDARD",
    is_multipart=False,
    headers={"ObjectLockMode": "GOVERNANCE"},
    encryption="NOT-SSE",
    checksum="",
    owner="me",
)
COLUMNS = (
    "Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker",
    "Size", "LastModifiedDate", "ETag", "EncryptionStatus", "ObjectLockMode",
)  # fmt: skip


def test_the_columns_do_not_depend_on_the_order_of_the_fields():
    assert schema_of(CONFIGURATION) == COLUMNS
    current = {**CONFIGURATION, "IncludedObjectVersions": "Current", "OptionalFields": []}
    assert schema_of(current) == ("Bucket", "Key")


def test_a_data_file_is_compressed_csv_with_encoded_keys():
    marker = ROW._replace(version_id="null", is_latest=False, is_delete_marker=True)
    file = data_file("inv/photos/daily/", "name", COLUMNS, [ROW, marker])
    assert file.key == "inv/photos/daily/data/name.csv.gz"
    text = gzip.decompress(file.content).decode()
    assert text.startswith('"photos","a%20b/%22%C3%A9%2C","v1","true"')
    one, other = csv.reader(StringIO(text))
    assert one[5:] == ["3", "2023-11-14T22:13:20.000Z", "abc", "NOT-SSE", "GOVERNANCE"]
    assert other[2:6] == ["", "false", "true", ""]


def test_the_manifest_names_the_files_and_the_checksum_the_manifest():
    folder = folder_of(CONFIGURATION, "photos")
    file = data_file(folder, "name", COLUMNS, [ROW])
    document, checksum = manifest(
        CONFIGURATION, "photos", 1_700_000_000.0, [ManifestEntry.of(file)]
    )
    assert document.key == "inv/photos/daily/2023-11-14T22-13Z/manifest.json"
    assert json.loads(document.content) == {
        "sourceBucket": "photos",
        "destinationBucket": "arn:aws:s3:::reports",
        "version": "2016-11-30",
        "creationTimestamp": "1700000000000",
        "fileFormat": "CSV",
        "fileSchema": ", ".join(COLUMNS),
        "files": [
            {
                "key": file.key,
                "size": len(file.content),
                "MD5checksum": hashlib.md5(file.content).hexdigest(),
            }
        ],
    }
    assert checksum.key == "inv/photos/daily/2023-11-14T22-13Z/manifest.checksum"
    assert checksum.content.decode() == hashlib.md5(document.content).hexdigest()


def test_the_destination():
    assert destination_of(CONFIGURATION) == "reports"
    plain = {"S3BucketDestination": {"Bucket": "arn:aws:s3:::reports", "Format": "CSV"}}
    assert folder_of({**CONFIGURATION, "Destination": plain}, "photos") == "photos/daily/"


def test_periods_that_were_missed_are_left_out():
    assert next_start(0.0, "Daily", 60.0, 60.0) == DAY
    assert next_start(0.0, "Weekly", 0.0, 1.0) == 7 * DAY
    assert next_start(0.0, "Daily", 60.0, 3.5 * DAY) == 4 * DAY
