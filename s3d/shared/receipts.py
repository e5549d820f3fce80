"""Receipts: signed statements that the remote has an upload, as they are stored and exported.

A receipt is written after a HeadObject or a GetObjectAttributes has agreed with the upload in size
and checksum. Its payload is JSON, and is signed as it is stored: Ed25519, RFC 8032. Each payload
names the SHA-256 of the one before it, so a receipt that is missing in between is noticed.

An exported receipt is one line: {"receipt": PAYLOAD, "signature": BASE64}.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator

import msgspec

FORMAT = 1
"""Of a payload. A higher number is of a newer s3d."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of a receipt. Times are Unix seconds."""

    format: int = FORMAT
    sequence: int
    """1 for the first receipt of a state folder."""
    previous: str
    """SHA-256 of the payload before it, as hex; "" for the first one."""
    device: str
    remote: str
    """Identifies the remote and the account."""
    bucket: str
    key: str
    version_id: str = ""
    size: int
    etag: str
    algorithm: str
    """Of the checksum: MD5 for an ETag that is the MD5 of the bytes (with -N: of N parts), or a
    checksum algorithm of S3."""
    checksum: str
    """As the remote has returned it."""
    operation: str
    """The request that has confirmed it: HeadObject or GetObjectAttributes."""
    verified: float


class SignedReceipt(msgspec.Struct, frozen=True):
    """A payload as it was signed, and its signature (64 bytes)."""

    payload: bytes
    signature: bytes

    def receipt(self) -> Receipt:
        """Raises ValueError for a payload that is not a receipt."""
        return msgspec.json.decode(self.payload, type=Receipt)

    @property
    def digest(self) -> str:
        """SHA-256 of the payload, which the next receipt names."""
        import hashlib  # it loads OpenSSL, which most commands do not need

        return hashlib.sha256(self.payload).hexdigest()


class _Line(msgspec.Struct, frozen=True):
    receipt: msgspec.Raw
    signature: str


def export_line(signed: SignedReceipt) -> bytes:
    """The line of an export, with its end."""
    signature = base64.b64encode(signed.signature).decode()
    return msgspec.json.encode(_Line(msgspec.Raw(signed.payload), signature)) + b"\n"


def parse_line(line: bytes) -> SignedReceipt:
    """The receipt of a line of an export. Raises ValueError."""
    try:
        fields = msgspec.json.decode(line, type=_Line)
        signature = base64.b64decode(fields.signature, validate=True)
    except (msgspec.DecodeError, binascii.Error) as error:
        raise ValueError(f"not a receipt: {error}") from error
    return SignedReceipt(bytes(fields.receipt), signature)


class Finding(msgspec.Struct, frozen=True):
    """What is wrong with a receipt. number: of the receipt in the order it was read, from 1."""

    number: int
    what: str


def check_receipts(
    receipts: Iterable[SignedReceipt], is_signed: Callable[[SignedReceipt], bool]
) -> Iterator[Finding]:
    """Check the signatures, and that no receipt is missing between two others.

    is_signed: whether the signature is that of the key. The first receipt may name an older one
    that is not there: old receipts are removed, and an export may have a part of them.
    """
    before: SignedReceipt | None = None
    for number, signed in enumerate(receipts, 1):
        what = _finding(signed, before, is_signed)
        if what:
            yield Finding(number, what)
        before = signed


def _finding(
    signed: SignedReceipt,
    before: SignedReceipt | None,
    is_signed: Callable[[SignedReceipt], bool],
) -> str:
    if not is_signed(signed):
        return "the signature is not that of the key, or the receipt was changed"
    try:
        receipt = signed.receipt()
    except ValueError as error:
        return f"it cannot be read: {error}"
    if receipt.format > FORMAT:
        return f"it has format {receipt.format}, this s3d knows formats up to {FORMAT}"
    if before is not None and receipt.previous != before.digest:
        return "the receipt before it is missing or was replaced"
    return ""
