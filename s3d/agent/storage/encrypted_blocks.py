"""The format of encrypted blobs: AES-256-GCM blocks under a data key of their own.

The bytes of a blob are cut into blocks of BLOCK bytes, and each block is stored with its tag of TAG
bytes behind it, so a range costs the blocks that it touches. The nonce of a block is its number:
no data key is ever used for a second blob. The associated data name the blob, the number of its
part, the block, and whether it is the last one. A block that was moved, copied from another blob or
part, or cut off is therefore refused.

Each data key is random. It is stored beside the extent, encrypted by a wrapping key that this
module does not know the origin of. NIST SP 800-38D describes GCM and its limits.
https://nvlpubs.nist.gov/nistpubs/Legacy/SP/nistspecialpublication800-38d.pdf
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.blocks import StoredDataCorrupt
from s3d.agent.storage.records import DataKey, Extent

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK = 64 << 10
"""Bytes of plaintext in a block; the last one of a blob may be shorter."""
TAG = 16
"""Bytes that each block grows by."""
KEY = 32
"""Bytes of a data key and of a wrapping key."""
_ID = 16
_NONCE = 12


class KeyUnavailable(S3Error):
    """The key that the bytes are encrypted with is not here, or is another one."""

    def __init__(self, why: str) -> None:
        super().__init__("InternalError", f"the object cannot be decrypted: {why}")


def stored_size(size: int) -> int:
    """Bytes that a blob of this size takes once it is encrypted."""
    return size + TAG * -(-size // BLOCK)


def stored_extent(extent: Extent) -> Extent:
    """The run of whole encrypted blocks that holds an extent of an encrypted blob."""
    assert extent.data_key is not None
    first, end = extent.offset // BLOCK, -(-(extent.offset + extent.size) // BLOCK)
    start = first * (BLOCK + TAG)
    stop = min(end * (BLOCK + TAG), stored_size(extent.data_key.size))
    return Extent(extent.blob, start, stop - start, extent.sums)


class BlobEncryptor:
    """Encrypts the bytes of one new blob as they come. Its methods may run in any one thread."""

    def __init__(self, wrapping_key: bytes, part: int = 0) -> None:
        """part: number of the part; 0 for an object that has none."""
        self._wrapping_key = wrapping_key
        self._id = secrets.token_bytes(_ID)
        self._part = part
        self._key = secrets.token_bytes(KEY)
        self._blocks = _Blocks(self._key, self._id, part)
        self._rest = b""
        """The start of the next block. A full block waits for what shows that it is not the
        last."""
        self._number = 0
        self._size = 0

    def update(self, data: bytes) -> bytes:
        """The blocks that are complete with these bytes; b"" for none."""
        self._size += len(data)
        if len(self._rest) + len(data) <= BLOCK:
            self._rest += data
            return b""
        done = []
        view = memoryview(data)
        if self._rest:
            missing = BLOCK - len(self._rest)
            done.append(self._next(self._rest + view[:missing]))
            view = view[missing:]
        while len(view) > BLOCK:
            done.append(self._next(view[:BLOCK]))
            view = view[BLOCK:]
        self._rest = bytes(view)
        return b"".join(done)

    def finish(self) -> bytes:
        """The last block; b"" for a blob without bytes."""
        rest, self._rest = self._rest, b""
        return self._blocks.encrypt(self._number, rest, is_last=True) if rest else b""

    def data_key(self) -> DataKey:
        """What the extent of the finished blob needs to be read."""
        wrapped = _wrapped(self._wrapping_key, self._key, self._id)
        return DataKey(self._id, self._part, self._size, wrapped)

    def _next(self, data: bytes | memoryview) -> bytes:
        block = self._blocks.encrypt(self._number, data, is_last=False)
        self._number += 1
        return block


class BlobDecryptor:
    """Decrypts blocks of one blob. Raises KeyUnavailable when the wrapping key is another one."""

    def __init__(self, wrapping_key: bytes, data_key: DataKey) -> None:
        from cryptography.exceptions import InvalidTag

        self._blocks = _Blocks(_unwrapped(wrapping_key, data_key), data_key.id, data_key.part)
        self._invalid_tag = InvalidTag
        self._last = max(0, -(-data_key.size // BLOCK) - 1)

    def decrypt(self, stored: bytes, start: int, size: int) -> bytes:
        """Bytes of the blob.

        stored: the whole encrypted blocks that hold them, from the block of `start` on. Raises
        StoredDataCorrupt for a block that is not authentic or is missing.
        """
        first, end = start // BLOCK, -(-(start + size) // BLOCK)
        view = memoryview(stored)
        blocks = []
        for at, number in enumerate(range(first, end)):
            block = view[at * (BLOCK + TAG) : (at + 1) * (BLOCK + TAG)]
            try:
                blocks.append(self._blocks.decrypt(number, block, is_last=number == self._last))
            except (self._invalid_tag, ValueError) as error:  # ValueError: shorter than a tag
                raise StoredDataCorrupt(f"encrypted block {number} is not authentic") from error
        data = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        skip = start - first * BLOCK
        data = data if skip == 0 and len(data) == size else data[skip : skip + size]
        if len(data) != size:
            raise StoredDataCorrupt("an encrypted block is shorter than expected")
        return data


class _Blocks:
    """The cipher of one blob."""

    __slots__ = ("_cipher", "_name")

    def __init__(self, key: bytes, id: bytes, part: int) -> None:
        self._cipher = _aesgcm(key)
        self._name = id + part.to_bytes(4, "big")

    def encrypt(self, number: int, data: bytes | memoryview, *, is_last: bool) -> bytes:
        nonce, associated = self._of(number, is_last=is_last)
        return self._cipher.encrypt(nonce, data, associated)

    def decrypt(self, number: int, data: bytes | memoryview, *, is_last: bool) -> bytes:
        nonce, associated = self._of(number, is_last=is_last)
        return self._cipher.decrypt(nonce, data, associated)

    def _of(self, number: int, *, is_last: bool) -> tuple[bytes, bytes]:
        """Nonce and associated data of a block."""
        nonce = number.to_bytes(_NONCE, "big")
        return nonce, self._name + nonce + bytes((is_last,))


def rewrapped(data_key: DataKey, old: bytes, new: bytes) -> DataKey:
    """The same data key, encrypted by another wrapping key. Raises KeyUnavailable."""
    wrapped = _wrapped(new, _unwrapped(old, data_key), data_key.id)
    return DataKey(data_key.id, data_key.part, data_key.size, wrapped)


def _wrapped(wrapping_key: bytes, key: bytes, id: bytes) -> bytes:
    # Random nonces are good for 2**32 data keys under one wrapping key (SP 800-38D, 8.3).
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _aesgcm(wrapping_key).encrypt(nonce, key, id)


def _unwrapped(wrapping_key: bytes, data_key: DataKey) -> bytes:
    from cryptography.exceptions import InvalidTag

    nonce, wrapped = data_key.wrapped[:_NONCE], data_key.wrapped[_NONCE:]
    try:
        return _aesgcm(wrapping_key).decrypt(nonce, wrapped, data_key.id)
    except InvalidTag as error:
        raise KeyUnavailable("it was encrypted with another key") from error


def _aesgcm(key: bytes) -> AESGCM:
    # An agent that encrypts nothing does without the library and the megabytes of its memory.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
