"""The hashes of a whole file as values, which another process can use instead of hashing it."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from s3d.agent.s3.checksums import BodyHashes
from s3d.agent.storage.adopted_file import AdoptableFile, HashedStart
from s3d.agent.storage.blocks import BlockSums
from s3d.shared.atomic_file import sync_file

_BUFFER = 1 << 20


class KnownDigest:
    """The interface of hashlib's hashes and of checksums.Hasher for a digest that is known."""

    __slots__ = ("_digest",)

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Raises ValueError: the hash of more bytes is not known."""
        if data:
            raise ValueError("only the digest is known, and bytes follow")

    def copy(self) -> KnownDigest:
        return self

    def digest(self) -> bytes:
        return self._digest

    def hexdigest(self) -> str:
        return self._digest.hex()

    def b64(self) -> str:
        return base64.b64encode(self._digest).decode()


class KnownSums(BlockSums):
    """The block sums of a whole file."""

    __slots__ = ("_known",)

    def __init__(self, digest: bytes) -> None:
        super().__init__()
        self._known = digest

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Raises ValueError: the sums of more bytes are not known."""
        if data:
            raise ValueError("only the sums of the whole file are known, and bytes follow")

    def copy(self) -> KnownSums:
        return self

    def digest(self) -> bytes:
        return self._known


def encode_hashes(complete: HashedStart) -> Mapping[str, Any]:
    """What decode_hashes() makes equal hashes of. complete: of a whole file."""
    hashes = complete.hashes
    return {
        "size": hashes.size,
        "algorithm": hashes.algorithm,
        "md5": hashes.md5.digest(),
        "checksum": None if hashes.checksum is None else hashes.checksum.digest(),
        "sums": complete.sums.copy().digest(),
    }


def decode_hashes(encoded: Mapping[str, Any]) -> HashedStart:
    """The hashes of a whole file, to which nothing can be added."""
    hashes = BodyHashes(encoded["algorithm"])
    hashes.md5 = KnownDigest(encoded["md5"])
    hashes.checksum = None if encoded["checksum"] is None else KnownDigest(encoded["checksum"])
    hashes.size = encoded["size"]
    return HashedStart(hashes, KnownSums(encoded["sums"]))


def complete_hashes(file: AdoptableFile) -> HashedStart | None:
    """The hashes of the whole file, of which the first bytes are hashed already; None: they are
    not. In a thread. The file is synced meanwhile, since that comes next.

    Raises OSError, also when the disk has not taken the bytes, and EOFError for a file that is too
    short.
    """
    hashed = file.hashed
    if hashed is None:
        return None
    fd = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with ThreadPoolExecutor(1, "s3d mount sync") as other:
            synced = other.submit(sync_file, fd)
            while hashed.size < file.size:
                size = min(_BUFFER, file.size - hashed.size)
                data = os.pread(fd, size, file.start + hashed.size)
                if not data:
                    raise EOFError(f"{file.path} has only {hashed.size} bytes")
                hashed = hashed.more(data)
            # The kernel reports the error of a write once. The store, which opens the file later,
            # would not learn of it: https://man7.org/linux/man-pages/man2/fsync.2.html
            synced.result()
    finally:
        os.close(fd)
    return hashed
