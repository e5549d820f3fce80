"""Temporary credentials: an access key id, a secret and a session token that proves itself.

Nothing is stored for them. The token names the permanent key that it was made for, what it allows
and until when, followed by a MAC; the id and the secret follow from the same bytes. The key of the
MAC derives from the secret of the permanent key, so

- they survive a restart without a write or a table that grows and has to be pruned,
- they end at once when the permanent key is revoked or its rotation is complete, and
- nobody but the agent and the holder of the permanent secret can make one. A token can only narrow
  what its permanent key may do: owner, scope and read-only are looked up in the key at each use.

A token is signed, not encrypted: its holder may read the policy in it.
"""

from __future__ import annotations

import base64
import hmac
from typing import NamedTuple

import msgspec

from s3d.agent.s3.errors import S3Error

MAX_TOKEN = 6_000
"""Characters; the head of a request has at most 8 KB."""
_START = "S3D1"
_MAC_SIZE = 32
_TEMPORARY = "ASIA"
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"""


class Session(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a token says."""

    parent: str
    """Access key id of the permanent key."""
    expires: int
    """Unix seconds."""
    nonce: str
    """Makes two tokens differ that are equal otherwise."""
    role: str = ""
    """Name of the role that was assumed; "": a session of the user itself."""
    name: str = ""
    """RoleSessionName."""
    policies: tuple[str, ...] = ()
    """In JSON; each has to allow an action."""


class Temporary(NamedTuple):
    """Credentials as a client uses them. Never printed."""

    access_key_id: str
    secret: str
    token: str

    def __repr__(self) -> str:
        return f"Temporary({self.access_key_id!r})"


class Sealed(NamedTuple):
    """A token that was read, and is not verified yet."""

    session: Session
    body: bytes
    mac: bytes

    def opened(self, parent_secret: str) -> Temporary:
        """The credentials. Raises S3Error InvalidToken if another secret made the token."""
        key = _key(parent_secret)
        if not hmac.compare_digest(_mac(key, b"token", self.body), self.mac):
            raise S3Error("InvalidToken")
        return _temporary(key, self.body)


def seal(session: Session, parent_secret: str) -> Temporary:
    """The credentials of a session. Raises ValueError when the token would be too long."""
    made = _temporary(_key(parent_secret), msgspec.msgpack.encode(session))
    if len(made.token) > MAX_TOKEN:
        raise ValueError("the policies of the session are too long")
    return made


def unseal(token: str) -> Sealed:
    """Read a token. Raises S3Error InvalidToken for a text that no agent has made."""
    if len(token) > MAX_TOKEN or not token.startswith(_START):
        raise S3Error("InvalidToken")
    try:
        data = base64.b64decode(token[len(_START) :], altchars=b"-_", validate=True)
        session = msgspec.msgpack.decode(data[_MAC_SIZE:], type=Session)
    except (ValueError, msgspec.DecodeError) as error:
        raise S3Error("InvalidToken") from error
    return Sealed(session, data[_MAC_SIZE:], data[:_MAC_SIZE])


def _temporary(key: bytes, body: bytes) -> Temporary:
    number = base64.b32encode(_mac(key, b"id", body)[:10]).decode()
    secret = base64.b64encode(_mac(key, b"secret", body)[:30]).decode()
    sealed = base64.urlsafe_b64encode(_mac(key, b"token", body) + body).decode()
    return Temporary(_TEMPORARY + number, secret, _START + sealed)


def _key(parent_secret: str) -> bytes:
    return hmac.digest(parent_secret.encode(), b"s3d session token", "sha256")


def _mac(key: bytes, purpose: bytes, body: bytes) -> bytes:
    return hmac.digest(key, purpose + b"\0" + body, "sha256")
