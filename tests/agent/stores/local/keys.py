"""Keys for stores of tests, and the members of requests with a customer key."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import Path

from s3d.agent.storage.index import Index
from s3d.agent.storage.key_ring import KeyRing
from s3d.agent.stores.local.object_keys import ObjectKeys

SOURCE = "CopySourceSSECustomer"
KEY_A, KEY_B = b"A" * 32, b"B" * 32


def keys_in(index: Index, folder: Path, default: str = "") -> ObjectKeys:
    """The keys of a store, with the key ring of the folder. Raises AssertionError for trouble."""
    keys = ObjectKeys(index, KeyRing(folder / "keyring", time.time, ephemeral=True), default)
    assert keys.load() == []
    return keys


def customer(key: bytes = KEY_A, prefix: str = "SSECustomer") -> dict[str, str]:
    """The three members of a customer key."""
    return {
        f"{prefix}Algorithm": "AES256",
        f"{prefix}Key": base64.b64encode(key).decode(),
        f"{prefix}KeyMD5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }
