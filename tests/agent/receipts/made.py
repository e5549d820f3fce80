"""Receipts as values, for tests that need no real key."""

from typing import Any

import msgspec

from s3d.shared.receipts import Receipt, SignedReceipt


def receipt(sequence: int, previous: str, **fields: Any) -> SignedReceipt:
    """A receipt of the object b/k, with a signature that only tests accept."""
    values: dict[str, Any] = {
        "sequence": sequence, "previous": previous, "device": "d", "remote": "r", "bucket": "b",
        "key": "k", "size": 1, "etag": '"e"', "algorithm": "MD5", "checksum": "e",
        "operation": "HeadObject", "verified": 1.0,
    }  # fmt: skip
    return SignedReceipt(msgspec.json.encode(Receipt(**values | fields)), b"signed")


def chain(count: int) -> list[SignedReceipt]:
    """Receipts that name one another."""
    made: list[SignedReceipt] = []
    for number in range(1, count + 1):
        made.append(receipt(number, made[-1].digest if made else ""))
    return made
