"""The receipts in the state folder, for the commands that read them without the agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from s3d.agent.app.remote_folders import SUBFOLDER
from s3d.agent.app.stack import EMBEDDED
from s3d.agent.receipts.device_key import PublicKey, load, parse_public_key
from s3d.agent.receipts.receipt_file import FAILURE, NAME, receipts_in
from s3d.shared.errors import NotFoundError, S3dError
from s3d.shared.paths import Places
from s3d.shared.receipts import Finding, SignedReceipt, check_receipts, parse_line


class FoundReceipts(NamedTuple):
    """The findings of a check, and how many receipts there were."""

    total: int
    findings: list[Finding]


def files_of(places: Places) -> list[Path]:
    """The files with receipts: of the remotes that were used, and of the embedded store."""
    state = places.state_dir
    folders = [state, state / EMBEDDED, *sorted((state / SUBFOLDER).glob("*"))]
    return [file for folder in folders if (file := folder / NAME).is_file()]


def receipts_of(places: Places, bucket: str = "", prefix: str = "") -> Iterator[SignedReceipt]:
    """All receipts, the oldest of each remote first. Raises S3dError for a damaged file."""
    for file in files_of(places):
        try:
            yield from receipts_in(file, bucket, prefix)
        except FAILURE as error:
            raise _unreadable(file, error) from error


def public_key(places: Places) -> PublicKey:
    """The public key of this device. Raises UsageError, NotFoundError."""
    key = load(places.state_dir)
    if key is None:
        raise NotFoundError(
            "this device has no key yet",
            str(places.state_dir),
            "it is made with the first receipt: set S3D_RECEIPTS or S3D_AFTER_UPLOAD",
        )
    return key.public


def read_public_key(file: Path) -> PublicKey:
    """Raises UsageError for a file that has no public key; OSError."""
    return parse_public_key(file.read_text("utf-8", "replace"), str(file))


def check_files(places: Places, key: PublicKey) -> Iterator[tuple[Path, FoundReceipts]]:
    """Check each file of receipts by itself. Raises S3dError for a damaged file."""
    for file in files_of(places):
        try:
            yield file, _checked(receipts_in(file), key)
        except FAILURE as error:
            raise _unreadable(file, error) from error


def check_export(file: Path, key: PublicKey) -> FoundReceipts:
    """Check an exported file. Raises S3dError for a line that is no receipt; OSError."""
    return _checked(_parsed(file), key)


def _parsed(file: Path) -> Iterator[SignedReceipt]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield parse_line(line)
            except ValueError as error:
                raise S3dError(
                    f"{file}:{number}", str(error), "export the receipts again"
                ) from error


def _checked(receipts: Iterator[SignedReceipt], key: PublicKey) -> FoundReceipts:
    count = 0

    def counted() -> Iterator[SignedReceipt]:
        nonlocal count
        for each in receipts:
            count += 1
            yield each

    findings = list(
        check_receipts(counted(), lambda one: key.is_signed(one.payload, one.signature))
    )
    return FoundReceipts(count, findings)


def _unreadable(file: Path, error: Exception) -> S3dError:
    return S3dError(
        "the receipts cannot be read",
        f"{file}: {error}",
        "restore the file from a copy, or remove it",
    )
