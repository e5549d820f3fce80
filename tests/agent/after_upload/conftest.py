"""A remote that is a real store, and the receipts of what was uploaded to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.receipts.receipt_folder import ReceiptFolder
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.receipts.upload_rules import UploadRules
from s3d.shared.config.after_upload import parse_after_upload
from tests.agent.receipts.conftest import remote  # noqa: F401 - a fixture


@pytest.fixture
def rules() -> UploadRules:
    """Everything is evicted when it is verified."""
    return UploadRules(parse_after_upload("evict when verified"), receipts=False)


@pytest.fixture
def writer(tmp_path: Path, remote: S3Client) -> Iterator[ReceiptWriter]:  # noqa: F811
    folder = ReceiptFolder(tmp_path / "receipts", tmp_path / "state", "camera")
    yield ReceiptWriter(folder, remote=remote, remote_id="remote-1")
    folder.close()
