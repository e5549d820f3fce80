"""inventory: reports of a real store, by its clock."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from io import StringIO

import pytest
from msgspec.structs import replace

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.inventory_report import DAY
from s3d.agent.storage.blobs import Blobs
from s3d.agent.stores.local import inventory as module
from s3d.agent.stores.local.inventory import Inventory
from s3d.agent.stores.local.store import LocalStore
from tests.contract.client import Client

DELAY = 60.0


class Moved:
    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Moved:
    return Moved()


@pytest.fixture
def local(index, tmp_path, clock) -> LocalStore:
    return LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True), clock=clock)


@pytest.fixture
async def s3(local) -> Client:
    s3 = Client(local)
    await s3("CreateBucket", Bucket="reports")
    return s3


@pytest.fixture
def inventory(index, local, clock) -> Inventory:
    return Inventory(index, S3Client(local), clock, DELAY)


async def configure(s3, **members) -> None:
    destination = {"Bucket": "arn:aws:s3:::reports", "Format": "CSV", **members.pop("to", {})}
    configuration = {
        "Id": "one",
        "IsEnabled": True,
        "IncludedObjectVersions": "Current",
        "Destination": {"S3BucketDestination": destination},
        "Schedule": {"Frequency": "Daily"},
        "OptionalFields": ["Size", "ETag"],
        **members,
    }
    await s3(
        "PutBucketInventoryConfiguration",
        Bucket="bucket",
        Id="one",
        InventoryConfiguration=configuration,
    )


async def report(s3) -> list[list[str]]:
    """The rows of the newest report, read as its consumer does."""
    keys = (await s3("ListObjectsV2", Bucket="reports")).names("Contents", "Key")
    newest = max(key for key in keys if key.endswith("/manifest.checksum"))
    name = newest.replace(".checksum", ".json")
    manifest = (await s3("GetObject", Bucket="reports", Key=name)).body
    checksum = (await s3("GetObject", Bucket="reports", Key=newest)).body
    assert hashlib.md5(manifest).hexdigest().encode() == checksum
    rows = []
    for file in json.loads(manifest)["files"]:
        content = (await s3("GetObject", Bucket="reports", Key=file["key"])).body
        assert (len(content), hashlib.md5(content).hexdigest()) == (
            file["size"],
            file["MD5checksum"],
        )
        rows += csv.reader(StringIO(gzip.decompress(content).decode()))
    return rows


async def test_a_report_lists_the_current_objects(s3, bucket, inventory, clock):
    for key in ("a", "b", "c"):
        put = await s3("PutObject", Bucket=bucket, Key=key, Body=b"123")
    await s3("DeleteObject", Bucket=bucket, Key="b")
    await configure(s3)
    assert await inventory.apply() == 0, "the delay is not over"
    clock.time += DELAY
    assert await inventory.apply() == 1
    etag = put["ETag"].strip('"')
    assert await report(s3) == [["bucket", "a", "3", etag], ["bucket", "c", "3", etag]]


async def test_versions_prefix_and_several_files(monkeypatch, s3, bucket, inventory, clock):
    monkeypatch.setattr(module, "_PAGE", 2)
    monkeypatch.setattr(module, "_ROWS", 3)
    versioning = {"Status": "Enabled"}
    await s3("PutBucketVersioning", Bucket=bucket, VersioningConfiguration=versioning)
    for key in ("in/a", "in/a", "in/b", "in/c", "out"):
        await s3("PutObject", Bucket=bucket, Key=key, Body=b"1")
    await s3("DeleteObject", Bucket=bucket, Key="in/c")
    await configure(s3, IncludedObjectVersions="All", Filter={"Prefix": "in/"}, OptionalFields=[])
    clock.time += DELAY
    await inventory.apply()
    rows = [(row[1], *row[3:]) for row in await report(s3)]
    assert rows == [
        ("in/a", "true", "false"),
        ("in/a", "false", "false"),
        ("in/b", "true", "false"),
        ("in/c", "true", "true"),
        ("in/c", "false", "false"),
    ]


async def test_the_schedule_follows_the_clock(s3, bucket, inventory, clock):
    await configure(s3)
    clock.time += DELAY
    assert await inventory.apply() == 1
    assert await inventory.apply() == 0
    clock.time += DAY - 1
    assert await inventory.apply() == 0
    clock.time += 1
    assert await inventory.apply() == 1
    clock.time += 5 * DAY
    assert await inventory.apply() == 1, "of the days that were missed, one counts"
    assert await report(s3) == []


async def test_a_destination_that_is_missing_does_not_stop_the_others(
    s3, bucket, inventory, clock, caplog
):
    await configure(s3, to={"Bucket": "arn:aws:s3:::nowhere"})
    clock.time += DELAY
    assert await inventory.apply() == 0
    assert "cannot write an inventory report" in caplog.text
    assert await inventory.apply() == 0
    assert caplog.text.count("cannot write") == 1


@pytest.mark.parametrize("members", [{"IsEnabled": False}, {"to": {"Format": "ORC"}}])
async def test_what_is_disabled_or_no_csv_is_only_stored(s3, bucket, inventory, clock, members):
    await configure(s3, **members)
    clock.time += DAY
    assert await inventory.apply() == 0


async def test_a_deleted_configuration_leaves_nothing(s3, bucket, inventory, index):
    await configure(s3)
    await s3("DeleteBucketInventoryConfiguration", Bucket=bucket, Id="one")
    assert index.read_inline(lambda reader: reader.settings(bucket)) == {}
    listed = await s3("ListBucketInventoryConfigurations", Bucket=bucket)
    assert not listed.get("InventoryConfigurationList")


@pytest.fixture
async def foreign(index, s3) -> str:
    """The bucket of another account."""
    await s3("CreateBucket", Bucket="foreign")

    def give(tx):
        tx.put_bucket(replace(tx.bucket("foreign"), owner="f" * 64))

    await index.write(give)
    return "foreign"


@pytest.mark.finding("INVENTORY-OWNER")
async def test_the_bucket_of_another_account_is_no_destination(s3, bucket, foreign):
    """The agent writes reports with its own rights, and may put into every bucket."""
    with pytest.raises(S3Error) as error:
        await configure(s3, to={"Bucket": f"arn:aws:s3:::{foreign}"})
    assert error.value.code == "AccessDenied"
    assert not (await s3("ListBucketInventoryConfigurations", Bucket=bucket)).get(
        "InventoryConfigurationList"
    )


@pytest.mark.finding("INVENTORY-OWNER")
async def test_a_destination_that_gets_another_owner_gets_no_reports(
    s3, bucket, index, inventory, clock, caplog
):
    await configure(s3)

    def give(tx):
        tx.put_bucket(replace(tx.bucket("reports"), owner="f" * 64))

    await index.write(give)
    clock.time += DELAY
    assert await inventory.apply() == 0
    assert "another account" in caplog.text
    assert (await s3("ListObjectsV2", Bucket="reports"))["KeyCount"] == 0
