"""An access key of the agent's clients, its owner, and the rules for their names. Pure.

An owner is what AWS calls an account: buckets and objects belong to it, and policies and access
control lists name it, by its canonical user id, its account id or an ARN.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/finding-canonical-user-id.html
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import NamedTuple

import msgspec

from s3d.shared.config.values import Secret
from s3d.shared.errors import UsageError

DEFAULT_KEY = "default"
"""Name of the key that `s3d env` prints, and that every s3d has."""
DEFAULT_OWNER = "s3d"
"""Owner of the default key, and of everything that an older s3d has stored."""

ID_LENGTH = 20
SECRET_LENGTH = 40
_ID_ALPHABET = string.ascii_uppercase + string.digits
_SECRET_ALPHABET = string.ascii_letters + string.digits

MAX_PREFIX = 1024
"""Bytes, as of a key."""
_NAME = r"[A-Za-z0-9+=,.@_-]{1,64}"
"""Of keys and owners: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
_BUCKET = r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}"
"""A remote may have buckets with old names."""
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"


class AccessKey(msgspec.Struct, frozen=True):
    """A key that clients sign with."""

    access_key_id: str
    secret: Secret
    name: str = DEFAULT_KEY
    owner: str = DEFAULT_OWNER
    """Name of the account."""
    bucket: str = ""
    """The only bucket that it is for; "": all."""
    prefix: str = ""
    """Of the keys in that bucket."""
    read_only: bool = False
    created: float = 0.0
    """Unix seconds; 0.0 for a key of a version that did not note it."""
    expires: float | None = None
    """Unix seconds; None: never."""
    replaced: bool = False
    """A rotation has made another key of this name; this one is valid until it expires."""

    @property
    def arn(self) -> str:
        """The root user of the account for the default key, else the user that the key names.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
        """
        user = "root" if self.name == DEFAULT_KEY else f"user/{self.name}"
        return f"arn:aws:iam::{owner_named(self.owner).account_id}:{user}"

    def is_expired(self, now: float) -> bool:
        return self.expires is not None and now >= self.expires


class Owner(NamedTuple):
    """An account, as AWS names it."""

    canonical_id: str
    """64 hexadecimal digits."""
    display_name: str
    account_id: str
    """12 digits."""

    @property
    def members(self) -> dict[str, str]:
        """The Owner element of S3's answers."""
        return {"ID": self.canonical_id, "DisplayName": self.display_name}


@lru_cache(maxsize=1024)
def owner_named(name: str) -> Owner:
    """The owner of that name; the same name has the same ids in every store and on every machine.

    The ids are no secret, and derived ones need no table that a snapshot or a copy could lose.
    """
    if name == DEFAULT_OWNER:
        return Owner(
            "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a",
            DEFAULT_OWNER,
            "000000000000",
        )
    import hashlib

    digest = hashlib.sha256(b"s3d owner\0" + name.encode()).hexdigest()
    return Owner(digest, name, f"{int(digest, 16) % (10**12 - 1) + 1:012d}")


def new_id() -> str:
    import secrets

    return "S3D" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(ID_LENGTH - 3))


def new_secret() -> Secret:
    import secrets

    return Secret("".join(secrets.choice(_SECRET_ALPHABET) for _ in range(SECRET_LENGTH)))


def check_name(what: str, name: str) -> None:
    """Raise UsageError unless a key or owner may have this name. what: "key", "owner" or
    "snapshot", which has the same rules."""
    if not re.fullmatch(_NAME, name):
        raise UsageError(
            f"bad name of {'an' if what == 'owner' else 'a'} {what}",
            repr(name),
            "use 1 to 64 letters, digits and the characters + = , . @ _ -",
        )


def check_scope(bucket: str, prefix: str) -> None:
    """Raise UsageError unless a key may be limited to this bucket and prefix."""
    if not bucket and not prefix:
        return
    if not re.fullmatch(_BUCKET, bucket):
        raise UsageError(
            "bad bucket of a key", repr(bucket), "name one bucket: BUCKET or BUCKET/PREFIX"
        )
    if re.search(_CONTROL, prefix) or not prefix.isprintable():
        raise UsageError(
            "bad prefix of a key", repr(prefix), "leave out characters that cannot be printed"
        )
    if len(prefix.encode()) > MAX_PREFIX:
        raise UsageError("bad prefix of a key", f"it has more than {MAX_PREFIX} bytes")
    if not {".", ".."}.isdisjoint(prefix.split("/")):
        raise UsageError(
            "bad prefix of a key",
            repr(prefix),
            "leave out the segments . and .., which some remotes resolve and others do not",
        )
