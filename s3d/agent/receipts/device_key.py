"""The key of this device: an Ed25519 key in the state folder, which signs its receipts.

The private key is readable by the user only. https://www.rfc-editor.org/rfc/rfc8032
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from s3d.shared.atomic_file import write_atomically
from s3d.shared.errors import UsageError

if TYPE_CHECKING:
    # cryptography takes 30 ms to import, and most agents sign nothing.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

FILE = "device.key"
_RAW_SIZE = 32
"""Bytes of an Ed25519 public key."""


class DeviceKey:
    """Signs with the private key of a file."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    def sign(self, payload: bytes) -> bytes:
        """The signature, of 64 bytes."""
        return self._private.sign(payload)

    @property
    def public(self) -> PublicKey:
        return PublicKey(self._private.public_key())


class PublicKey:
    """Verifies signatures."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public

    def is_signed(self, payload: bytes, signature: bytes) -> bool:
        """Whether the signature is that of this key for these bytes."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._public.verify(signature, payload)
        except InvalidSignature:
            return False
        return True

    @property
    def pem(self) -> bytes:
        """The key in the PEM format, which OpenSSL reads."""
        from cryptography.hazmat.primitives import serialization

        return self._public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def fingerprint(self) -> str:
        """The first 8 hexadecimal digits of the SHA-256 of the raw key."""
        return hashlib.sha256(self._public.public_bytes_raw()).hexdigest()[:8]


def load_or_create(folder: Path) -> DeviceKey:
    """The key in a folder, made when there is none.

    Raises UsageError for a file that others can read or that is no key, and OSError.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    file = folder / FILE
    if file.exists():
        return _load(file)
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_atomically(file, pem, durable=True, mode=0o600)
    return DeviceKey(private)


def load(folder: Path) -> DeviceKey | None:
    """The key in a folder; None when there is none. Raises UsageError, OSError."""
    file = folder / FILE
    return _load(file) if file.exists() else None


def _load(file: Path) -> DeviceKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    with file.open("rb") as opened:
        mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
        if mode & 0o077:
            raise UsageError(
                "the key of this device is readable by other users",
                f"{file} has the mode {mode:04o}",
                f"chmod 600 {file}; if others may have read it, remove it, and s3d makes a new one",
            )
        data = opened.read()
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except ValueError as error:
        raise _no_key(str(file), str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(str(file), "it is a key of another algorithm")
    return DeviceKey(key)


def parse_public_key(text: str, name: str) -> PublicKey:
    """A public key in the PEM format, or its 32 bytes as base64. name: for the error.

    Raises UsageError.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        if "BEGIN" in text:
            key = serialization.load_pem_public_key(text.encode())
        else:
            raw = base64.b64decode(text.strip(), validate=True)
            if len(raw) != _RAW_SIZE:
                raise ValueError(f"it has {len(raw)} bytes")
            key = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise _no_key(name, str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(name, "it is a key of another algorithm")
    return PublicKey(key)


def _no_key(name: str, why: str) -> UsageError:
    return UsageError(
        f"{name} is not an Ed25519 key",
        why,
        "write it in the PEM format, as openssl genpkey -algorithm ed25519 does",
    )
