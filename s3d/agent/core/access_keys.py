"""The access keys that clients sign with, as the agent looks them up for each request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from s3d.agent.s3.principal import KeyScope, Principal
from s3d.shared.access_key import AccessKey, owner_named


class _Known(NamedTuple):
    """A key as it is looked up."""

    secret: str
    principal: Principal


class AccessKeys:
    """Access key id -> secret and principal. Everything is in memory."""

    def __init__(self, keys: Iterable[AccessKey]) -> None:
        self._known: dict[str, _Known] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[AccessKey]) -> None:
        """Use these keys and no others, from the next request on."""
        self._known = {
            key.access_key_id: _Known(key.secret.reveal(), principal_of(key)) for key in keys
        }

    def secret_of(self, access_key_id: str) -> str | None:
        """None for an unknown key."""
        known = self._known.get(access_key_id)
        return None if known is None else known.secret

    def principal_of(self, access_key_id: str) -> Principal:
        """The caller whose signature with this key was verified. Raises KeyError."""
        return self._known[access_key_id].principal


def principal_of(key: AccessKey) -> Principal:
    """The principal that a key stands for."""
    owner = owner_named(key.owner)
    return Principal(
        access_key_id=key.access_key_id,
        owner=owner.canonical_id,
        display_name=owner.display_name,
        account_id=owner.account_id,
        arn=key.arn,
        scope=KeyScope(key.bucket, key.prefix) if key.bucket else None,
        is_read_only=key.read_only,
        expires=key.expires,
    )
