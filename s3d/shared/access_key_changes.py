"""Creating, rotating and revoking access keys: what the commands and the control API ask for.

The changes are pure functions of the keys; access_key_file.change_keys() makes them durable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from s3d.shared.access_key import (
    DEFAULT_KEY,
    DEFAULT_OWNER,
    AccessKey,
    check_name,
    check_scope,
    new_id,
    new_secret,
    owner_named,
)
from s3d.shared.errors import NotFoundError, S3dError, UsageError

GRACE = 86_400.0
"""Seconds that a rotated key remains valid unless the caller chooses otherwise."""
MAX_KEYS = 10_000

Keys = list[AccessKey]


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key to create."""

    name: str = ""
    """"": the agent chooses one."""
    owner: str = DEFAULT_OWNER
    bucket: str = ""
    prefix: str = ""
    read_only: bool = False
    lifetime: float | None = None
    """Seconds; None: it does not expire."""


class RotateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to rotate a key."""

    grace: float = GRACE
    """Seconds that the old key remains valid."""
    lifetime: float | None = None
    """Of the new key, in seconds; None: it expires when the old one would have."""


class KeyInfo(msgspec.Struct, frozen=True):
    """An access key without its secret."""

    access_key_id: str
    name: str
    owner: str
    owner_id: str
    """Canonical user id."""
    account_id: str
    arn: str
    bucket: str
    prefix: str
    read_only: bool
    created: float
    """Unix seconds; 0.0: not known."""
    expires: float | None
    """Unix seconds; None: never."""
    state: str
    """active, rotated (valid until it expires) or expired."""


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made: the only answer with a secret."""

    access_key_id: str
    secret_access_key: str
    owner_id: str
    key: KeyInfo


class KeyList(msgspec.Struct, frozen=True):
    """All access keys."""

    keys: list[KeyInfo]


def create(keys: Keys, request: KeyRequest, now: float) -> tuple[Keys, AccessKey]:
    """The keys with a new one, and that one. Raises UsageError."""
    name = request.name or next(_free_names(keys))
    check_name("key", name)
    check_name("owner", request.owner)
    check_scope(request.bucket, request.prefix)
    if name == DEFAULT_KEY or any(key.name == name for key in keys):
        remedy = f"choose another name, or change its secret: s3d key rotate {name}"
        raise S3dError("a key of this name exists", name, remedy)
    if len(keys) >= MAX_KEYS:
        raise S3dError("too many keys", f"there are {MAX_KEYS}", "revoke some: s3d key revoke")
    key = AccessKey(
        access_key_id=new_id(),
        secret=new_secret(),
        name=name,
        owner=request.owner,
        bucket=request.bucket,
        prefix=request.prefix,
        read_only=request.read_only,
        created=now,
        expires=_end(request.lifetime, now),
    )
    return [*keys, key], key


def rotate(keys: Keys, name: str, request: RotateRequest, now: float) -> tuple[Keys, AccessKey]:
    """The keys with a new one in the place of the named one, and the new one.

    The old one remains valid for the time of grace. name: of a key, or its access key id. Raises
    NotFoundError, UsageError.
    """
    old = key_named(keys, name)
    if old.replaced:
        raise S3dError("the key has been rotated", name, f"name the key: {old.name}")
    expires = _end(request.lifetime, now) if request.lifetime is not None else old.expires
    if expires is not None and expires <= now:
        raise S3dError("the key has expired", old.name, "give the new key a time: --expires 30d")
    if not 0 <= request.grace < float("inf"):
        remedy = "give a time of at least 0s: --grace 1h"
        raise UsageError("bad time of grace", f"{request.grace:g} seconds", remedy)
    new = replace(old, access_key_id=new_id(), secret=new_secret(), created=now, expires=expires)
    end = now + request.grace if old.expires is None else min(old.expires, now + request.grace)
    kept = [replace(key, replaced=True, expires=end) if key is old else key for key in keys]
    return [key for key in kept if not (key.replaced and key.is_expired(now))] + [new], new


def revoke(keys: Keys, name: str) -> tuple[Keys, Keys]:
    """The keys without the named one and those that it has replaced, and what was removed.

    name: of a key, or the access key id of one key, which is removed alone. Raises NotFoundError,
    UsageError for the default key.
    """
    gone = [key for key in keys if key.name == name] or [_with_id(keys, name)]
    if any(key.name == DEFAULT_KEY and not key.replaced for key in gone):
        remedy = "make another secret for it: s3d key rotate default --grace 0"
        raise S3dError("the default key cannot be revoked", name, remedy)
    return [key for key in keys if key not in gone], gone


def key_named(keys: Sequence[AccessKey], name: str) -> AccessKey:
    """The newest key of a name, or the key of an access key id. Raises NotFoundError."""
    for key in keys:
        if key.name == name and not key.replaced:
            return key
    return _with_id(keys, name)


def key_info(key: AccessKey, now: float) -> KeyInfo:
    """What may be shown of a key."""
    owner = owner_named(key.owner)
    state = "rotated" if key.replaced else "active"
    return KeyInfo(
        access_key_id=key.access_key_id,
        name=key.name,
        owner=key.owner,
        owner_id=owner.canonical_id,
        account_id=owner.account_id,
        arn=key.arn,
        bucket=key.bucket,
        prefix=key.prefix,
        read_only=key.read_only,
        created=key.created,
        expires=key.expires,
        state="expired" if key.is_expired(now) else state,
    )


def new_key(key: AccessKey, now: float) -> NewKey:
    """The answer that shows a secret once."""
    info = key_info(key, now)
    return NewKey(key.access_key_id, key.secret.reveal(), info.owner_id, info)


def _with_id(keys: Sequence[AccessKey], access_key_id: str) -> AccessKey:
    for key in keys:
        if key.access_key_id == access_key_id:
            return key
    raise NotFoundError("no such key", access_key_id, "list the keys: s3d key ls")


def _free_names(keys: Keys) -> Iterator[str]:
    taken = {key.name for key in keys}
    return (name for n in range(1, MAX_KEYS + 2) if (name := f"key-{n}") not in taken)


def _end(lifetime: float | None, now: float) -> float | None:
    """Unix seconds. Raises UsageError."""
    if lifetime is None:
        return None
    if not 0 < lifetime < 100 * 365 * 86_400:
        raise UsageError("bad lifetime of a key", f"{lifetime} seconds", "write it as 8h or 30d")
    return now + lifetime
