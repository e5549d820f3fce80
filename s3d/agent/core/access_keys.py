"""The access keys that clients sign with, as the agent looks them up for each request.

A permanent key is in a dictionary. Temporary credentials are in none: their session token says what
they are (s3/session_token.py), and of_session() verifies it against the permanent key.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from cachetools import LRUCache

from s3d.agent.core.owners import Owners
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.principal import KeyScope, Principal
from s3d.agent.s3.session_token import Session, Temporary, seal, unseal
from s3d.shared.access_key import AccessKey, owner_named
from s3d.shared.masking import hide

_SESSIONS = 1024
"""Verified session tokens that are cached: to verify one costs 20 us, to look it up 0.2."""


class KeySource(Protocol):
    """Access key ids of callers, with their secrets."""

    def secret_of(self, access_key_id: str) -> str | None:
        """None for an unknown key."""

    def principal_of(self, access_key_id: str, now: float) -> Principal:
        """The caller whose signature with this key was verified.

        now: Unix seconds. Raises S3Error InvalidAccessKeyId when the key has expired.
        """


class _Known(NamedTuple):
    """A permanent key as it is looked up."""

    secret: str
    principal: Principal


class OpenedSession(NamedTuple):
    """The KeySource of one session token; it knows one access key id."""

    credentials: Temporary
    principal: Principal

    def secret_of(self, access_key_id: str) -> str | None:
        credentials = self.credentials
        return credentials.secret if access_key_id == credentials.access_key_id else None

    def principal_of(self, access_key_id: str, now: float) -> Principal:
        return self.principal


class AccessKeys:
    """The keys of the clients: a KeySource for the permanent ones. Everything is in memory."""

    def __init__(self, keys: Sequence[AccessKey]) -> None:
        """keys: the default key is the first one."""
        self._keys: dict[str, AccessKey] = {}
        self._known: dict[str, _Known] = {}
        """Only the keys that were used since replace(), which must be quick for thousands."""
        self.owners = Owners()
        """The accounts of the keys."""
        self._sessions: LRUCache[str, OpenedSession] = LRUCache(_SESSIONS)
        self.replace(keys)

    def replace(self, keys: Sequence[AccessKey]) -> None:
        """Use these keys and no others, from the next request on. Their secrets are masked in the
        log from now on, also those of keys that are not used any more."""
        hide(*(key.secret.reveal() for key in keys if self._keys.get(key.access_key_id) != key))
        self.default = keys[0]
        self.owners.replace({key.owner for key in keys})
        self._sessions.clear()
        self._known.clear()
        self._keys = {key.access_key_id: key for key in keys}
        self._by_name = {key.name: key.access_key_id for key in keys if not key.replaced}

    def find(self, name: str) -> Principal | None:
        """The caller with the key of this name or access key id; None for an unknown one."""
        id = self._by_name.get(name, name)
        known = self._known.get(id) or self._look_up(id)
        return None if known is None else known.principal

    def secret_of(self, access_key_id: str) -> str | None:
        known = self._known.get(access_key_id) or self._look_up(access_key_id)
        return None if known is None else known.secret

    def principal_of(self, access_key_id: str, now: float) -> Principal:
        known = self._known.get(access_key_id) or self._look_up(access_key_id)
        if known is None:
            raise S3Error("InvalidAccessKeyId", AWSAccessKeyId=access_key_id)
        expires = known.principal.expires
        if expires is not None and now >= expires:
            raise S3Error(
                "InvalidAccessKeyId", "The access key has expired.", AWSAccessKeyId=access_key_id
            )
        return known.principal

    def of_session(self, token: str, now: float) -> OpenedSession:
        """The key source of a request with a session token.

        now: Unix seconds. Raises S3Error InvalidToken (not made by this agent, or its permanent key
        has been revoked), ExpiredToken.
        """
        opened = self._sessions.get(token)
        if opened is None:
            opened = self._sessions[token] = self._open(token)
        expires = opened.principal.expires
        if expires is not None and now >= expires:
            raise S3Error("ExpiredToken")
        return opened

    def new_session(self, caller: Principal, session: Session) -> OpenedSession:
        """Temporary credentials for a caller, which is a permanent key or a session itself.

        session: what was asked for; its parent and its nonce are set here. What restricts the
        caller restricts the session too. Raises S3Error InvalidToken when the caller's permanent
        key has been revoked meanwhile, ValueError when the policies are too long.
        """
        known = self._look_up(caller.parent or caller.access_key_id)
        if known is None:
            raise S3Error("InvalidToken")
        sealed = Session(
            parent=known.principal.access_key_id,
            expires=session.expires,
            nonce=secrets.token_hex(8),
            role=session.role,
            name=session.name,
            policies=caller.session_policies + session.policies,
        )
        credentials = seal(sealed, known.secret)
        return OpenedSession(
            credentials, _principal_of_session(known.principal, credentials, sealed)
        )

    def _look_up(self, access_key_id: str) -> _Known | None:
        key = self._keys.get(access_key_id)
        if key is None:
            return None
        known = self._known[access_key_id] = _Known(key.secret.reveal(), principal_of(key))
        return known

    def _open(self, token: str) -> OpenedSession:
        sealed = unseal(token)
        known = self._look_up(sealed.session.parent)
        if known is None:
            raise S3Error("InvalidToken")
        credentials = sealed.opened(known.secret)
        principal = _principal_of_session(known.principal, credentials, sealed.session)
        return OpenedSession(credentials, principal)


def principal_of(key: AccessKey) -> Principal:
    """The principal that a permanent key stands for."""
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


def _principal_of_session(parent: Principal, credentials: Temporary, session: Session) -> Principal:
    """A session has the owner and the limits of its permanent key, and ends with it at the latest.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-role-session
    """
    arn = parent.arn
    if session.role:
        arn = f"arn:aws:sts::{parent.account_id}:assumed-role/{session.role}/{session.name}"
    ends = [float(session.expires)] + ([] if parent.expires is None else [parent.expires])
    return replace(
        parent,
        access_key_id=credentials.access_key_id,
        arn=arn,
        session_policies=session.policies,
        expires=min(ends),
        parent=parent.access_key_id,
        parent_arn=parent.arn,
    )
