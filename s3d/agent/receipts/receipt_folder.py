"""The file of the receipts and the key that signs them, opened when they are first needed.

Most agents write no receipts, and then neither of the two files is made.
"""

from __future__ import annotations

import threading
from pathlib import Path

from s3d.agent.core.path_names import host_name
from s3d.agent.receipts.device_key import DeviceKey, load_or_create
from s3d.agent.receipts.receipt_file import FAILURE, NAME, ReceiptFile
from s3d.shared.errors import S3dError
from s3d.shared.receipts import Receipt

NEWEST = 3
"""Receipts that the status of an object has."""


class ReceiptFolder:
    """The folder of one remote. Its properties may block, and may be used in any thread."""

    def __init__(self, path: Path, key_folder: Path, device: str = "") -> None:
        """path: of the receipts. key_folder: of the key. device: the name of this device; "": the
        host's name and the fingerprint of its key."""
        self._path, self._key_folder, self._name = path, key_folder, device
        self._lock = threading.Lock()
        self._file: ReceiptFile | None = None
        self._key: DeviceKey | None = None

    @property
    def file(self) -> ReceiptFile:
        """Made when there is none. Raises UsageError, receipt_file.FAILURE, OSError."""
        with self._lock:
            if self._file is None:
                self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = ReceiptFile(self._path / NAME)
            return self._file

    @property
    def key(self) -> DeviceKey:
        """Made when there is none. Raises UsageError, OSError."""
        with self._lock:
            if self._key is None:
                self._key_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._key = load_or_create(self._key_folder)
            return self._key

    @property
    def device(self) -> str:
        """The name of this device. Raises UsageError, OSError."""
        return self._name or f"{host_name()}-{self.key.public.fingerprint}"

    @property
    def has_receipts(self) -> bool:
        """Whether there is a file of an earlier run or of this one."""
        return (self._path / NAME).exists()

    def newest(self, bucket: str, key: str) -> list[Receipt]:
        """The newest receipts of an object, the newest first; none where they cannot be read: the
        warnings of the status say why."""
        if not self.has_receipts:
            return []
        try:
            return self.file.newest(bucket, key, NEWEST)
        except (FAILURE, OSError, S3dError, ValueError):
            return []

    def close(self) -> None:
        """Close the file; it is opened again when it is needed again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
