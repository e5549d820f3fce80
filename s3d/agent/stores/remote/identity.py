"""Which remote a folder of state belongs to: its endpoint and its account. Pure.

The write queue, the read cache, the capabilities and the sync state of one remote are never used
for another. The endpoint is scheme, host and port, whatever their spelling, the region and the
addressing style. The account is the owner id in the response of ListBuckets, or else the access
key: a rotated key of the same owner is the same account.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple

import msgspec

from s3d.agent.stores.remote.addressing import AWS, Target
from s3d.shared.errors import UsageError

VERSION = 1
"""Of the format of an identity file; a file with a higher one is refused."""
MAX_KEYS = 16
"""Access keys that an identity lists. Temporary keys change every hour: the oldest are dropped."""

_TEMPORARY = re.compile(r"ASIA[A-Z2-7]{16}")
"""An access key id of AWS STS; the account number is encoded in it."""


class TakeOver(msgspec.Struct, frozen=True):
    """Writes that were accepted into another remote's queue before the account could be asked."""

    source: str
    """Id of that other identity."""
    after: int
    """Sequence number of the last write that belongs to the other remote."""


class RemoteIdentity(msgspec.Struct, frozen=True):
    """The content of an identity file, which lies in the folder that belongs to the remote."""

    id: str
    """Names the identity, and its folder unless it is the first one."""
    endpoint: str
    """From endpoint_of."""
    url: str
    """As it was first configured; for people."""
    keys: tuple[str, ...] = ()
    """Access key ids that are known to be of this account, the newest last."""
    owner: str = ""
    """Canonical user id of the account; "" until ListBuckets has returned it."""
    first_seen: float = 0.0
    """Unix seconds."""
    take_over: TakeOver | None = None
    version: int = VERSION


class Certainty(Enum):
    """Whether an identity is that of an access key."""

    SAME = "same"
    NEW = "new"
    """No identity of the endpoint can be the key's."""
    OPEN = "open"
    """It may be the same account with another key: only the remote knows."""


class Match(NamedTuple):
    """The identity to use. None: make a new one."""

    identity: RemoteIdentity | None
    certainty: Certainty


def endpoint_of(remote: str) -> str:
    """The normalised endpoint of S3D_REMOTE. Raises UsageError for a URL that cannot be used.

    Every HTTPS endpoint of AWS is "aws": regions, dual-stack and FIPS endpoints are the same S3.
    """
    if remote.lower() == AWS:
        return AWS
    target = Target.parse(remote.strip())
    host = target.host.rstrip(".")
    if host.startswith("["):
        host = f"[{ip_address(host.strip('[]')).compressed}]" if "%" not in host else host
    plain = Target(target.scheme, host, target.port)
    return AWS if plain.is_aws and plain.scheme == "https" else plain.url


def is_name_of(name: str, id: str, endpoint: str) -> bool:
    """Whether a name is that of this remote: its id, or its URL in any spelling."""
    if name == id:
        return True
    try:
        return endpoint_of(name) == endpoint
    except UsageError:
        return False


def new_identity(remote: str, key: str, owner: str, now: float) -> RemoteIdentity:
    """An identity for a remote that has none yet. now: Unix seconds."""
    endpoint = endpoint_of(remote)
    seed = f"{endpoint} {owner or key}"
    slug = re.sub(r"[^a-z0-9]+", "-", endpoint.partition("://")[2] or endpoint).strip("-")
    digest = hashlib.sha256(seed.encode()).hexdigest()[:8]
    keys = (key,) if key else ()
    return RemoteIdentity(f"{slug[:40]}-{digest}", endpoint, remote, keys, owner, now)


def match(identities: Sequence[RemoteIdentity], endpoint: str, key: str, owner: str = "") -> Match:
    """The identity of a key. identities: the most recently used first.

    key: "" while the access key is not known. owner: "" while the owner id is not known.
    """
    same = [identity for identity in identities if identity.endpoint == endpoint]
    for identity in same:
        if key in identity.keys or (owner and owner == identity.owner):
            return Match(identity, Certainty.SAME)
    for identity in same:
        if not identity.keys and not identity.owner:  # of no account yet
            return Match(identity, Certainty.SAME)
    account = account_number(key)
    for identity in same:
        if account and account in map(account_number, identity.keys):
            return Match(identity, Certainty.SAME)
    possible = [identity for identity in same if not (owner and identity.owner)]
    if possible:
        return Match(possible[0], Certainty.OPEN)
    return Match(None, Certainty.NEW)


def confirmed(identity: RemoteIdentity, key: str, owner: str = "") -> RemoteIdentity:
    """The identity with another key of its account, and with the owner where it is known."""
    keys = (*(each for each in identity.keys if each != key), key) if key else identity.keys
    if key in identity.keys:
        keys = identity.keys
    return msgspec.structs.replace(identity, keys=keys[-MAX_KEYS:], owner=identity.owner or owner)


def owner_of_key(identities: Iterable[RemoteIdentity], endpoint: str, key: str) -> str:
    """The owner id of an access key; "" when it is not known."""
    for identity in identities:
        if identity.endpoint == endpoint and key in identity.keys and identity.owner:
            return identity.owner
    return ""


def account_number(key: str) -> str:
    """The AWS account that a temporary access key is of; "" for any other key.

    A session's key changes every hour, and many roles may not list buckets, so this is the only
    thing that connects two of them. The number is bits 1 to 40 of the decoded id.
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html
    """
    if not _TEMPORARY.fullmatch(key):
        return ""
    try:
        decoded = base64.b32decode(key[4:])
    except binascii.Error:
        return ""
    return f"{(int.from_bytes(decoded[:6], 'big') & 0x7FFFFFFFFF80) >> 7:012d}"
