"""The files of the receipts are made when they are needed, and not before."""

from functools import partial

import msgspec

from s3d.agent.receipts.device_key import FILE
from s3d.agent.receipts.receipt_file import NAME, Upload
from s3d.agent.receipts.receipt_folder import ReceiptFolder
from s3d.shared.receipts import Receipt, SignedReceipt


def test_nothing_is_made_before_it_is_needed(tmp_path):
    folder = ReceiptFolder(tmp_path / "remote", tmp_path / "state")
    folder.close()
    assert not folder.has_receipts
    assert list(tmp_path.iterdir()) == []


def test_the_files_are_made_once(tmp_path):
    folder = ReceiptFolder(tmp_path / "remote", tmp_path / "state")
    assert folder.file is folder.file
    assert folder.key is folder.key
    assert (tmp_path / "remote" / NAME).exists()
    assert (tmp_path / "state" / FILE).exists()
    assert folder.has_receipts
    folder.close()
    assert folder.file.count() == 0  # opened again
    folder.close()


def test_the_newest_receipts_of_an_object_are_read(tmp_path):
    def receipt(sequence, digest, key="k"):
        values = {"sequence": sequence, "previous": digest, "device": "d", "remote": "r"}
        found = Receipt(bucket="b", key=key, size=1, etag=f'"{sequence}"', algorithm="MD5",
                        checksum="c", operation="HeadObject", verified=1.0, **values)  # fmt: skip
        return SignedReceipt(msgspec.json.encode(found), b"s" * 64)

    folder = ReceiptFolder(tmp_path, tmp_path)
    assert folder.newest("b", "k") == []
    uploads = [Upload("b", key, '"e"', 1, '"e"') for key in ("k", "k2", "k", "k", "k")]
    folder.file.append((each, 1.0, partial(receipt, key=each.key)) for each in uploads)
    assert [each.sequence for each in folder.newest("b", "k")] == [5, 4, 3]
    folder.close()
    (tmp_path / NAME).write_bytes(b"no database" * 1000)
    assert folder.newest("b", "k") == []


def test_the_name_of_the_device_is_the_given_one_or_has_the_fingerprint_of_its_key(tmp_path):
    assert ReceiptFolder(tmp_path, tmp_path, "camera 7").device == "camera 7"
    folder = ReceiptFolder(tmp_path, tmp_path)
    assert folder.device.endswith(f"-{folder.key.public.fingerprint}")
