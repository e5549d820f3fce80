"""Receipts of several remotes in one state folder, read without an agent."""

import sqlite3
from contextlib import closing

import pytest

from s3d.agent.app.receipts_at_rest import (
    check_export,
    check_files,
    files_of,
    public_key,
    read_public_key,
    receipts_of,
)
from s3d.agent.receipts.receipt_file import NAME, Upload
from s3d.agent.receipts.receipt_folder import ReceiptFolder
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.receipts.verification import Verdict, Verification
from s3d.shared.config.load import load_config
from s3d.shared.errors import NotFoundError, S3dError
from s3d.shared.paths import find_places
from s3d.shared.receipts import export_line

AGREES = Verification(Verdict.AGREES, "MD5", "e", "HeadObject")


@pytest.fixture
def places(tmp_path):
    return find_places(load_config(None, {}, {"local_dir": str(tmp_path)}), {})


async def write_receipts(places, folder, *keys):
    """Write signed receipts as an agent does, without asking a remote."""
    receipts = ReceiptFolder(folder, places.state_dir, "camera")
    writer = ReceiptWriter(receipts, remote=None, remote_id="r")  # type: ignore[arg-type]
    for key in keys:
        await writer._store({Upload("b", key, '"e"', 5, "e"): AGREES}, lambda *_: None)
    receipts.close()


async def test_the_receipts_of_each_remote_are_checked_by_themselves(places):
    await write_receipts(places, places.state_dir, "a", "b")
    await write_receipts(places, places.state_dir / "remotes" / "other", "c")
    assert [each.receipt().key for each in receipts_of(places)] == ["a", "b", "c"]
    assert [each.receipt().key for each in receipts_of(places, "b", "b")] == ["b"]
    found = dict(check_files(places, public_key(places)))
    assert list(found) == files_of(places)
    assert [(each.total, each.findings) for each in found.values()] == [(2, []), (1, [])]


async def test_a_receipt_that_was_changed_in_the_file_is_found(places):
    await write_receipts(places, places.state_dir, "a", "b", "c")
    with closing(sqlite3.connect(places.state_dir / NAME)) as db:
        db.execute("UPDATE receipt SET payload = replace(payload, '5', '6') WHERE sequence = 2")
        db.commit()
    ((_, found),) = check_files(places, public_key(places))
    assert [each.number for each in found.findings] == [2, 3]


async def test_an_export_is_checked_with_the_public_key_alone(places, tmp_path):
    await write_receipts(places, places.state_dir, "a", "b")
    lines = [export_line(each) for each in receipts_of(places)]
    pem, export = tmp_path / "pub.pem", tmp_path / "export"
    pem.write_bytes(public_key(places).pem)
    export.write_bytes(b"".join(lines))
    assert check_export(export, read_public_key(pem)) == (2, [])
    export.write_bytes(lines[1] + lines[0])
    assert len(check_export(export, read_public_key(pem)).findings) == 1
    export.write_bytes(lines[0] + b"nonsense\n")
    with pytest.raises(S3dError, match="export:2"):
        check_export(export, read_public_key(pem))


def test_without_a_key_the_setting_is_named(places):
    with pytest.raises(NotFoundError) as error:
        public_key(places)
    assert "S3D_RECEIPTS" in error.value.remedy


def test_a_damaged_file_is_named(places):
    places.state_dir.mkdir(parents=True)
    (places.state_dir / NAME).write_bytes(b"damaged " * 1000)
    with pytest.raises(S3dError, match="cannot be read"):
        list(receipts_of(places))
