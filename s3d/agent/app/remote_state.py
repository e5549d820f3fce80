"""The state of the remote that the agent is started with: which folders, and whose key it is.

Usually the start sends no request: the access key is listed in the identity files, or the endpoint
has no state yet. Only for a key that is not listed, at an endpoint that has state, the start calls
ListBuckets, and waits a few seconds at most.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from s3d.agent.app.damaged_state import rebuild_identities
from s3d.agent.app.read_cache import ADOPTED, VERSION
from s3d.agent.app.remote_account import AskOwner, RemoteAccount
from s3d.agent.app.remote_folders import (
    RemoteFolder,
    claim,
    folders_of,
    read_identity,
    write_identity,
)
from s3d.agent.core.failures import Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.identity import (
    Certainty,
    RemoteIdentity,
    confirmed,
    endpoint_of,
    match,
    new_identity,
    owner_of_key,
)
from s3d.agent.stores.remote.static_credentials import RemoteKey
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError
from s3d.shared.paths import Places

logger = logging.getLogger(__name__)

PATIENCE = 6.0
"""Seconds that a start waits for the credentials and for the owner of the account."""
FIRST_VERSION_FILES = ("index.sqlite", ADOPTED, VERSION, "capabilities.json", "pins.json")
"""Files and folders in a base that s3d 0.1 wrote, which had no identity files."""

HasPending = Callable[[Path], bool]
"""Whether a queue's folder has pending writes."""


class Known(NamedTuple):
    """The account at the start, as far as it is known."""

    key: str
    """Access key id; "" without one."""
    owner: str
    is_confirmed: bool
    """False: the account is a guess, and pending writes are held."""


@dataclass(frozen=True, slots=True)
class RemoteState:
    """The folders of this remote, and its account."""

    places: Places
    """The folders of this remote, but read_cache_dir is still the base: see claim_cache."""
    identity: RemoteIdentity
    """As written in the state folder."""
    account: RemoteAccount
    claim_cache: Callable[[Path], Path]
    """The folder of this remote in the read cache's; call it once the cache's lock is held.
    Raises OSError, S3dError."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its id, and the forms in which its URL may be written."""
        return self.identity.id, self.identity.url, self.identity.endpoint


async def open_remote_state(
    config: Config, places: Places, keys: CredentialProvider, ask: AskOwner, has_pending: HasPending
) -> RemoteState:
    """Find the folders of the configured remote, or make them. The caller holds the queue's lock.

    Raises S3dError for identity files that cannot be used; OSError.
    """
    bases = Bases(config, places)
    bases.rebuild(places.state_dir)
    if bases.queue is not None:
        bases.rebuild(bases.queue)
    was_adopted = bases.finish_adoption()
    known = await _known(config, bases, keys, ask, has_pending)
    account = RemoteAccount(ask, keys, config.remote, is_confirmed=known.is_confirmed)
    account.state_is_in(places.state_dir)
    here = places
    if config.write_queue.enabled:
        queue = bases.choose(places.write_queue_dir, known)
        account.opened(queue)
        here = msgspec.structs.replace(here, write_queue_dir=queue.path)
    state = bases.choose(places.state_dir, known)
    account.opened(state)
    if was_adopted:
        logger.info("the existing write queue and read cache belong to %s from now on",
                    config.remote)  # fmt: skip

    def claim_cache(base: Path) -> Path:
        bases.rebuild(base)
        cache = bases.choose(base, known)
        account.opened(cache)
        return cache.path

    here = msgspec.structs.replace(here, remote_state_dir=state.path)
    return RemoteState(here, state.identity, account, claim_cache)


class Bases:
    """The base folders, each of which has one folder for each remote."""

    def __init__(self, config: Config, places: Places) -> None:
        self.queue = places.write_queue_dir if config.write_queue.enabled else None
        self.all = [places.state_dir]
        if config.read_cache.enabled:
            self.all.insert(0, places.read_cache_dir)
        if self.queue is not None:
            self.all.insert(0, self.queue)
        self._url = config.remote
        self.endpoint = endpoint_of(config.remote)
        self._chosen: list[RemoteIdentity] = []

    def identities(self, base: Path) -> list[RemoteIdentity]:
        """The identities in a base; none for a read cache that cannot be read."""
        try:
            return [folder.identity for folder in folders_of(base)]
        except (OSError, S3dError):
            if base == self.queue or base == self.all[-1]:
                raise
            return []

    def rebuild(self, base: Path) -> None:
        """Rewrite damaged identity files from the other bases. Raises OSError."""
        rebuild_identities(base, [each for each in self.all if each != base])

    def everywhere(self) -> list[RemoteIdentity]:
        return [identity for base in self.all for identity in self.identities(base)]

    def finish_adoption(self) -> bool:
        """Whether there is state without identity, of a version that knew one remote only.

        If a crash has interrupted its adoption, the rest is adopted by the same remote.
        """
        old = [base for base in self.all if _is_of_first_version(base)]
        first = next((each for base in self.all if (each := read_identity(base))), None)
        if first is None:
            return bool(old)
        for base in old:
            write_identity(base, msgspec.structs.replace(first, take_over=None))
        return False

    def has_listed(self, key: str) -> bool:
        """Whether an identity lists the key. Those of the cache do not count: it may be removed."""
        bases = [base for base in (self.queue, self.all[-1]) if base is not None]
        identities = [each for base in bases for each in self.identities(base)]
        return any(each.endpoint == self.endpoint and key in each.keys for each in identities)

    def is_open(self, key: str, owner: str) -> bool:
        """Whether it is uncertain if an identity is that of the key."""
        found = (match(self.identities(base), self.endpoint, key, owner) for base in self.all)
        return any(each.certainty is Certainty.OPEN for each in found)

    def open_queue(self, key: str, owner: str) -> Path | None:
        """The queue's folder of such an identity."""
        folders = folders_of(self.queue) if self.queue is not None else []
        found = match([each.identity for each in folders], self.endpoint, key, owner)
        if found.certainty is not Certainty.OPEN:
            return None
        return next(each.path for each in folders if each.identity is found.identity)

    def choose(self, base: Path, known: Known) -> RemoteFolder:
        """The folder of this remote. Raises OSError, S3dError."""
        identity = None
        for known_here in ([each.identity for each in folders_of(base)], self.everywhere()):
            found = match(known_here, self.endpoint, known.key, known.owner)
            is_open = found.certainty is Certainty.OPEN
            if found.identity is not None and not (is_open and known.is_confirmed):
                identity = found.identity
                break
        if identity is None:
            identity = new_identity(self._url, known.key, known.owner, time.time())
        elif not any(identity.id == each.identity.id for each in folders_of(base)):
            identity = msgspec.structs.replace(identity, take_over=None)
        if known.is_confirmed:
            identity = confirmed(identity, known.key, known.owner)
        return RemoteFolder(claim(base, identity), identity)


async def _known(
    config: Config, bases: Bases, keys: CredentialProvider, ask: AskOwner, has_pending: HasPending
) -> Known:
    here = [each for each in bases.everywhere() if each.endpoint == bases.endpoint]
    key = _key_of_environment(config)
    if not key and any(each.keys or each.owner for each in here):
        found = await _key_of_chain(keys)
        key = "" if found is None else found.access_key
    owner = owner_of_key(here, bases.endpoint, key)
    if bases.has_listed(key) or not bases.is_open(key, owner):
        return Known(key, owner, is_confirmed=True)
    found = await _key_of_chain(keys) if key else None
    if found is None:
        return Known(key, owner, is_confirmed=False)
    try:
        owner = await ask(found)
    except S3Error as error:
        logger.warning("the account of the access key is not known yet: %s", error.message)
        return Known(key, "", is_confirmed=False)
    folder = bases.open_queue(key, owner)
    return Known(key, owner, is_confirmed=folder is None or not has_pending(folder))


def _key_of_environment(config: Config) -> str:
    """The access key id from the environment, which needs no import of botocore."""
    if config.remote_profile or not os.environ.get("AWS_SECRET_ACCESS_KEY"):
        return ""
    return os.environ.get("AWS_ACCESS_KEY_ID", "")


async def _key_of_chain(keys: CredentialProvider) -> RemoteKey | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await keys.key()
    except (Unreachable, TimeoutError) as error:
        logger.warning("no credentials for the remote yet: %s", error)
        return None


def _is_of_first_version(base: Path) -> bool:
    """Whether a base has state but no identity."""
    try:
        if read_identity(base) is not None:
            return False
        return any((base / name).exists() for name in FIRST_VERSION_FILES)
    except S3dError:
        return False
