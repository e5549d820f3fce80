"""The key ring: the keys of SSE-S3 and SSE-KMS, one file for each in a folder of the store.

A key is made when it is first needed, is durable before the first object that needs it is
acknowledged, and is never changed or removed. So the files of a copy of the folder can be put back
beside those that were made since. Without its key, an object is lost.

    FOLDER/ID.json   {"version": 1, "id": ..., "name": ..., "key": base64, "created": Unix seconds}

name is "AES256" for SSE-S3 and the key id of the requests for SSE-KMS.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.storage.encrypted_blocks import KEY, KeyUnavailable
from s3d.shared.atomic_file import sync_folder, write_atomically

logger = LimitedLogger(logging.getLogger(__name__))

VERSION = 1
_CHECK = b"s3d key ring"
_CHECK_SIZE = 16
_OTHERS = 0o077
"""Permissions of everybody but the owner."""
_EFFECT = ": objects that need it cannot be read"


class _File(msgspec.Struct, frozen=True):
    """The content of a file."""

    version: int
    id: str
    name: str
    key: bytes
    created: float


class RingKey:
    """One key of the ring. Its repr does not show the key."""

    __slots__ = ("id", "key", "name")

    def __init__(self, id: str, name: str, key: bytes) -> None:
        self.id = id
        self.name = name
        self.key = key

    def __repr__(self) -> str:
        return f"RingKey({self.id!r}, {self.name!r})"

    @property
    def check(self) -> bytes:
        """A value that shows whether another key is this one, and nothing of the key."""
        return hmac.digest(self.key, _CHECK, hashlib.sha256)[:_CHECK_SIZE]


class KeyRing:
    """The keys in a folder. Belongs to one event loop, except create()."""

    def __init__(
        self, folder: Path, clock: Callable[[], float], *, ephemeral: bool = False
    ) -> None:
        """clock: Unix seconds. ephemeral: nothing is synced to the disk."""
        self.folder = folder
        self._clock = clock
        self._ephemeral = ephemeral
        self._by_id: dict[str, RingKey] = {}
        self._by_name: dict[str, RingKey] = {}
        self.problems: list[str] = []
        """What is wrong with files of the folder."""

    def load(self) -> None:
        """Read the folder, which need not exist. Raises OSError when it cannot be listed."""
        if not self.folder.exists():
            return
        for path in sorted(self.folder.glob("*.json")):
            try:
                self.add(_read(path))
            except (OSError, ValueError, msgspec.MsgspecError) as error:
                self.problems.append(f"the key file {path} cannot be read: {error}")
            else:
                self._check_mode(path)

    def _check_mode(self, path: Path) -> None:
        mode = path.stat().st_mode
        if mode & _OTHERS:
            self.problems.append(f"other users can read the key file {path}: chmod 600 {path}")

    def add(self, key: RingKey) -> None:
        """Use a key of the folder."""
        self._by_id[key.id] = key
        self._by_name.setdefault(key.name, key)

    def named(self, name: str) -> RingKey | None:
        """The key that new objects with this key id get; None: it has to be made."""
        return self._by_name.get(name)

    def key(self, id: str) -> RingKey:
        """Raises KeyUnavailable."""
        key = self._by_id.get(id)
        if key is None:
            # Clients do not learn the path, which may name the user.
            logger.error(
                "an object needs a key that the key ring lacks key=%s folder=%s", id, self.folder
            )
            raise KeyUnavailable(f"key {id} is missing from the key ring")
        return key

    def create(self, name: str) -> RingKey:
        """A new key, whose file is durable; add() brings it into use. In a thread."""
        key = RingKey(secrets.token_hex(8), name, secrets.token_bytes(KEY))
        file = _File(VERSION, key.id, name, key.key, self._clock())
        is_new = not self.folder.exists()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if is_new and not self._ephemeral:
            sync_folder(self.folder.parent)
        path = self.folder / f"{key.id}.json"
        write_atomically(path, msgspec.json.encode(file), durable=not self._ephemeral)
        return key

    def missing(self, checks: Mapping[str, bytes]) -> list[str]:
        """What is wrong with the keys that the index knows: id -> RingKey.check."""
        wrong = []
        for id, check in checks.items():
            key = self._by_id.get(id)
            if key is None:
                wrong.append(f"key {id} is missing from the key ring {self.folder}{_EFFECT}")
            elif not hmac.compare_digest(key.check, check):
                wrong.append(f"key {id} in the key ring {self.folder} is another key{_EFFECT}")
                del self._by_id[id]
                self._by_name = {name: k for name, k in self._by_name.items() if k.id != id}
        return wrong


def _read(path: Path) -> RingKey:
    file = msgspec.json.decode(path.read_bytes(), type=_File)
    if file.version > VERSION:
        raise ValueError(f"its version {file.version} is of a newer s3d")
    if len(file.key) != KEY:
        raise ValueError(f"its key has {len(file.key)} bytes instead of {KEY}")
    return RingKey(file.id, file.name, file.key)
