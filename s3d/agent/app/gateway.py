"""What stands before a remote: the backend, the write queue on it, and what keeps both going."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.app.read_cache import open_cache, remove_unused, tell
from s3d.agent.app.remote_account import HeldUntilConfirmed, RemoteAccount
from s3d.agent.app.remote_state import RemoteState, open_remote_state
from s3d.agent.app.take_over import take_over
from s3d.agent.app.waiting_writes import WaitingWrites, has_pending
from s3d.agent.app.write_queue import Below, build_queue, lock_queue, open_queue_files
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.store import ObjectStore
from s3d.agent.selection.bucket_tags import TTL, BucketTags
from s3d.agent.selection.policy import open_policy
from s3d.agent.selection.use_policy import UPLOAD, UsePolicy
from s3d.agent.stores.read_cache.cache_bypass import CacheBypass
from s3d.agent.stores.read_cache.cache_status import ReadCache
from s3d.agent.stores.remote.backend import BackendFiles, RemoteBackend, open_backend
from s3d.agent.stores.remote.credential_provider import CredentialProvider, RemoteKey
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.owner import owner_of
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.write_queue.clock import Clock
from s3d.agent.stores.write_queue.move_writes import Target
from s3d.agent.stores.write_queue.queue_status import Queue, queue_status
from s3d.agent.stores.write_queue.reevaluate_filters import reevaluate_periodically
from s3d.agent.stores.write_queue.remote_calls import probe
from s3d.agent.stores.write_queue.remote_states import ObservedRemote, RemoteStates
from s3d.agent.stores.write_queue.retry_policy import is_unreachable
from s3d.agent.transfers.store_migration import Migration
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.filters.terms import Attributes
from s3d.shared.paths import Places
from s3d.shared.text import count
from s3d.shared.transfers import RemoteStatus, Share

if TYPE_CHECKING:
    from s3d.agent.stores.remote.addressing import Addressing

POLICY_LIFE = 5.0
"""Seconds after which the policy is asked again about what it holds."""

Run = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The remote, and what is in front of it: a read cache and a queue, if they are wanted."""

    top: ObjectStore
    remote: RemoteBackend
    queue: Queue | None
    staging: Embedded | None
    cache: ReadCache | None
    pushes: UsePolicy
    """What is pushed."""
    events: Events
    migration: Migration
    state: RemoteState
    waiting: WaitingWrites | None
    """What waits for other remotes; None where another agent may use the queue's folder."""
    found: list[str]
    """At the start, what a person should know."""
    _closing: AsyncExitStack

    def parts(self) -> dict[str, Run]:
        """What runs as long as the agent does, by name."""
        parts: dict[str, Run] = {
            "migration": self.migration.run,
            "probing": self.remote.run,
            "account": partial(self.account.run, self._has_answered),
        }
        if self.state.identity.take_over is not None and self.waiting is not None:
            parts["take over"] = partial(take_over, self.state, self.waiting)
        if self.queue is not None and self.staging is not None:
            parts |= {
                "pusher": self.queue.pusher.run,
                "sweep": self.staging.sweep,
            }
            every = POLICY_LIFE if self.pushes.policy is not None else TTL
            if self.pushes.policy is not None or self.pushes.filter.needs & Attributes.BUCKET_TAGS:
                means = (self.queue.journal, Clock(), every, self.pushes)
                parts["filter"] = partial(reevaluate_periodically, *means)
        if self.cache is not None and self.cache.layer and self.cache.keeper:
            parts |= {
                "cache": self.cache.layer.run,
                "pins": self.cache.keeper.run,
                "numbers": partial(tell, self.cache, self.events),
                "unused caches": self._remove_unused_caches,
            }
        return parts

    async def _remove_unused_caches(self) -> None:
        if self.cache is not None:
            base, in_use = self.state.places.read_cache_dir, self.cache.folder
            await asyncio.to_thread(remove_unused, base, in_use, time.time())

    @property
    def account(self) -> RemoteAccount:
        return self.state.account

    def _has_answered(self) -> bool:
        return self.remote.health.last_success is not None and not self.remote.health.error

    def status(self) -> RemoteStatus:
        health, capabilities = self.remote.health, self.remote.capabilities
        asked = health.last_success is not None or health.last_failure is not None
        return RemoteStatus(
            url=self.remote.url,
            ok=not health.error if asked else None,
            error=health.error,
            last_success=health.last_success,
            last_failure=health.last_failure,
            clock_offset=health.clock_offset,
            answers=health.is_answering,
            capabilities={name: str(known.level) for name, known in capabilities.known.items()},
            limitations=capabilities.limitations,
            id=self.state.identity.id,
            unconfirmed=self.account.trouble,
        )

    def listing_order(self, bucket: str) -> str:
        """In which the remote lists the bucket, as far as it is known: s3/listing.py."""
        return self.remote.capabilities.listing_order(bucket)

    @property
    def warnings(self) -> list[str]:
        """What a person should know."""
        policy = self.pushes.policy
        found = [*self.found] if self.staging is None else [*self.found, *self.staging.warnings()]
        return found if policy is None or not policy.trouble else [*found, policy.trouble]

    async def flush(self, timeout: float) -> Share:
        """Push what can be pushed within so many seconds; what is left."""
        if self.queue is None:
            return Share()
        if not self.queue.journal.paused and not await self._is_away():
            await self.queue.pusher.flush(timeout)
        return queue_status(self.queue).left

    async def _is_away(self) -> bool:
        """After a failure, see whether it is worth to try: nobody likes to wait for nothing."""
        if not self.remote.health.error:
            return False
        error = await probe(self.remote, "", "")
        return error is not None and is_unreachable(error)

    async def close(self) -> None:
        """Close the connections and the files."""
        await self._closing.aclose()


async def open_gateway(config: Config, places: Places, events: Events) -> Gateway:
    """Open what belongs to the remote, which is asked for nothing unless its access key is another
    one than before. Raises S3dError, OSError."""
    async with AsyncExitStack() as closing:
        keys = CredentialProvider(profile=config.remote_profile, region=config.remote_region)
        settings = _settings(config)
        lock_queue(config, places, closing)
        ask = partial(_owner_of, settings, keys)
        state = await open_remote_state(config, places, keys, ask, has_pending)
        files = BackendFiles(
            state.identity.endpoint, state.places.capabilities_file, _fingerprint(state)
        )
        remote = open_backend(settings, keys, files, may_probe=config.probe)
        closing.push_async_callback(remote.close)
        migration = Migration(partial(_embedded, places.store_dir), remote.without_probes)
        warnings = await _warnings(config, places)
        tags = BucketTags(remote)
        policy = open_policy(config)
        if policy is not None:
            closing.push_async_callback(policy.close)
        states = RemoteStates()
        observed = ObservedRemote(remote, states)
        cache = _cache(config, state, observed, closing)
        if cache is not None and cache.trouble:
            warnings.append(cache.trouble)
        layer = None if cache is None else cache.layer
        if layer is not None:
            layer.eligibility.rules = UsePolicy(
                "cache", config.read_cache.filter, tags.of, policy=policy
            )
        top: ObjectStore = layer or observed
        past = HeldUntilConfirmed(observed if layer is None else CacheBypass(layer), state.account)
        rules = UsePolicy("push", config.write_queue.filter, tags.of, UPLOAD, policy)
        queue = staging = None
        if config.write_queue.enabled:
            journal, staging = await open_queue_files(state, layer, events, states, closing)
            below = Below(
                top, past, layer, rules, remote.capabilities, lambda: remote.health.clock_offset
            )
            layer_of_queue, queue = build_queue(config, below, journal, staging, events)
            layer_of_queue.lists.listing_order = lambda bucket: gateway.listing_order(bucket)
            layer_of_queue.keys.check_remote = remote.check_key
            top = layer_of_queue
        top = remote.detect_loops(top)
        target = Target(top, clock_offset=lambda: remote.health.clock_offset)
        remote.health.on_answer = partial(_note_answer, queue, state.account)
        if queue is not None:
            is_too_large = queue.admission.is_too_large
            target = target._replace(journal=queue.journal, is_too_large=is_too_large)
        gateway = Gateway(
            top=top,
            remote=remote,
            queue=queue,
            staging=staging,
            cache=cache,
            pushes=rules,
            events=events,
            migration=migration,
            state=state,
            waiting=_waiting(config, places, state, target),
            found=warnings,
            _closing=closing.pop_all(),
        )
        return gateway


def _note_answer(queue: Queue | None, account: RemoteAccount, status: int) -> None:
    """Any answer of the remote says that it is there, but not whose the access key is."""
    if status < 400:
        account.answered()
    if queue is not None and account.is_confirmed:
        queue.pusher.remote_answered(status)


async def _owner_of(settings: Settings, keys: CredentialProvider, key: RemoteKey) -> str:
    return await owner_of(settings, key, await keys.region())


def _waiting(
    config: Config, base: Places, state: RemoteState, target: Target
) -> WaitingWrites | None:
    folder = base.write_queue_dir
    if not config.write_queue.enabled and not folder.is_relative_to(base.data_dir):
        return None
    current = state.places.write_queue_dir if config.write_queue.enabled else None
    return WaitingWrites(folder, current, target)


def _cache(
    config: Config, state: RemoteState, remote: ObjectStore, closing: AsyncExitStack
) -> ReadCache | None:
    if not config.read_cache.enabled:
        return None
    return open_cache(config.read_cache, state.places, remote, closing, claim=state.claim_cache)


async def _warnings(config: Config, places: Places) -> list[str]:
    found = []
    if (places.store_dir / "index.sqlite").exists():
        with suppress(S3dError), _embedded(places.store_dir) as store:
            hidden = len(await S3Client(store).buckets())
            if hidden:
                buckets = count(hidden, "bucket")
                found.append(f"the embedded store has {buckets} that a remote hides: s3d migrate")
    return found


@contextmanager
def _embedded(folder: Path) -> Iterator[ObjectStore]:
    """The embedded store that was in use before the remote was set."""
    store = open_embedded(folder)
    try:
        yield store.local
    finally:
        store.close()


def _settings(config: Config) -> Settings:
    addressing = cast("Addressing", config.remote_addressing)
    return Settings(config.remote, addressing, ca_bundle=_ca_bundle(config.remote))


def _fingerprint(state: RemoteState) -> RemoteFingerprint:
    """What an earlier run has learnt of the remote's headers."""
    fingerprint = RemoteFingerprint(state.identity.endpoint, state.places.remote_headers_file)
    fingerprint.load()
    return fingerprint


def _ca_bundle(remote: str) -> str:
    """The certificates to trust, as every AWS program finds them. Raises UsageError.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
    """
    path = os.environ.get("AWS_CA_BUNDLE", "")
    if not path or remote.startswith("http://"):
        return ""
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise UsageError(
            "cannot read the certificates to trust",
            f"AWS_CA_BUNDLE={path}: {error.strerror or error}",
            "set AWS_CA_BUNDLE to a file of certificates in PEM, or unset it",
        ) from error
    return path
