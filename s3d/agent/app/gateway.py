"""The gateway: a remote with the layers in front of it, constructed in the order of stack.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

from s3d.agent.after_upload.pushed_uploads import Uploads, open_uploads
from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.app.gateway_gauges import report_cache, report_queue, report_remote
from s3d.agent.app.read_cache import open_cache
from s3d.agent.app.remote_account import HeldUntilConfirmed, RemoteAccount
from s3d.agent.app.remote_state import RemoteState, open_remote_state
from s3d.agent.app.start_checks import remote_settings
from s3d.agent.app.tracing import (
    Reports,
    note_cached,
    open_history,
    span_of_cache,
    span_of_queue,
    span_of_requests,
)
from s3d.agent.app.waiting_writes import WaitingWrites, has_pending, target_of_moves, waiting_writes
from s3d.agent.app.write_queue import build_queue, lock_queue, open_queue_files
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.instrumented import count_layer, observe_remote
from s3d.agent.core.object_history import ObjectHistory
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import AccessControl, LayerRow, ObjectStore, construct_layers
from s3d.agent.core.telemetry import Registry
from s3d.agent.s3.errors import S3Error
from s3d.agent.selection.bucket_tags import BucketTags
from s3d.agent.selection.opa_policy import open_policy
from s3d.agent.selection.use_policy import UPLOAD, UsePolicies, UsePolicy
from s3d.agent.stores.access.key_scope_layer import KeyScopeLayer
from s3d.agent.stores.read_cache.cache_status import CacheParts
from s3d.agent.stores.read_cache.layer import CacheBypass
from s3d.agent.stores.remote.backend import BackendFiles, RemoteBackend, open_backend
from s3d.agent.stores.remote.client_span import ClientSpans
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.owner import owner_of
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.remote.static_credentials import RemoteKey
from s3d.agent.stores.write_observers import ChangeEvents, ForwardedWrites, RemoteWrites
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.remote_states import ObservedRemote, RemoteStates
from s3d.agent.stores.write_queue.push.push_attempt import PushSpans
from s3d.agent.stores.write_queue.push.remote_gate import probe
from s3d.agent.stores.write_queue.push.retry_policy import is_unreachable
from s3d.agent.stores.write_queue.queue_status import QueueParts, queue_status
from s3d.agent.transfers.store_migration import Migration
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError
from s3d.shared.filters.expression import EVERYTHING
from s3d.shared.paths import Places
from s3d.shared.text import count
from s3d.shared.transfers import RemoteStatus, Totals


@dataclass(frozen=True, slots=True)
class Gateway:
    """The remote, and the layers in front of it; cache and queue are optional."""

    top: ObjectStore
    access: AccessControl
    """Decides about the requests of clients."""
    without_events: ObjectStore
    """The layer below ChangeEvents."""
    remote: RemoteBackend
    queue: QueueParts | None
    staging: Embedded | None
    cache: CacheParts | None
    push_policy: UsePolicy
    sync_policy: UsePolicy
    """The writes to push."""
    events: Events
    migration: Migration
    state: RemoteState
    waiting: WaitingWrites | None
    """The pending writes for other remotes; None where another agent may use the queue's folder."""
    start_warnings: list[str]
    """Warnings of the start, for the status."""
    history: ObjectHistory
    uploads: Uploads
    keys: CredentialProvider
    writes: RemoteWrites
    """Reports what this agent writes at the remote."""
    _closing: AsyncExitStack

    @property
    def account(self) -> RemoteAccount:
        return self.state.account

    async def confirm_account(self) -> None:
        """Have the account confirm the key. From then on answers concern the queue only."""
        await self.account.run(self._has_answered)
        self.remote.health.on_answer = self.account.on_answer

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

    async def check_answering(self, seconds: float, since: float) -> None:
        """RemoteBackend.check_answering(); after a failure the read cache answers what it can."""
        try:
            await self.remote.check_answering(seconds, since)
        except S3Error:
            if self.cache is not None and self.cache.layer is not None:
                self.cache.layer.begin_outage()
            raise

    def listing_order(self, bucket: str) -> str:
        """The order of the remote's listings, as far as it is known: s3/listing.py."""
        return self.remote.capabilities.listing_order(bucket)

    @property
    def warnings(self) -> list[str]:
        """Warnings for the user."""
        policy = self.push_policy.policy
        of_staging = [] if self.staging is None else self.staging.warnings()
        of_policy = [policy.trouble] if policy is not None and policy.trouble else []
        return [*self.start_warnings, *of_staging, *of_policy, *self.uploads.warnings()]

    async def flush(self, timeout: float) -> Totals:
        """Push what can be pushed within timeout seconds; what is still pending."""
        queue = self.queue
        if queue is not None and not queue.journal.paused and not await self._is_away():
            await queue.pusher.flush(timeout)
        return self.left()

    def left(self) -> Totals:
        """The writes that are pending."""
        return Totals() if self.queue is None else queue_status(self.queue).left

    async def _is_away(self) -> bool:
        """After a failure, probe the remote, so that a stop does not wait in vain."""
        if not self.remote.health.error:
            return False
        error = await probe(S3Client(self.remote), "", "")
        return error is not None and is_unreachable(error)

    async def close(self) -> None:
        """Close the connections and the files."""
        await self._closing.aclose()


async def open_gateway(
    config: Config,
    places: Places,
    events: Events,
    registry: Registry | None = None,
    *,
    tracer: Tracer | None = None,
) -> Gateway:
    """Open what belongs to the remote. See stack.py for the order of the layers. tracer: None
    records no spans.

    No request goes to the remote, unless its access key is another one than before. Raises
    S3dError, OSError.
    """
    registry = registry or Registry()
    async with AsyncExitStack() as closing:
        keys = CredentialProvider(profile=config.remote_profile, region=config.remote_region)
        settings = remote_settings(config, places.state_dir)
        lock_queue(config, places, closing)
        ask_owner = partial(_owner_of, settings, keys)
        state = await open_remote_state(config, places, keys, ask_owner, has_pending)
        endpoint = state.identity.endpoint
        fingerprint = RemoteFingerprint.load(endpoint, state.places.remote_headers_file)
        files = BackendFiles(endpoint, state.places.capabilities_file, fingerprint)
        tracer = tracer or Tracer()
        remote = open_backend(
            settings,
            keys,
            files,
            may_probe=config.probe,
            observe=partial(observe_remote, registry=registry),
            spans=ClientSpans(tracer, sends_context=config.trace_remote),
        )
        closing.push_async_callback(remote.close)
        history = open_history(state.places, events)
        closing.push_async_callback(history.flush)
        uploads = open_uploads(config, state.places, remote, state.identity.id)
        closing.callback(uploads.close)
        states = RemoteStates()
        queue_files = None
        if config.write_queue.enabled:
            queue_files = await open_queue_files(
                config.write_queue,
                state,
                events,
                states,
                closing=closing,
                registry=registry,
            )
        tags = BucketTags(remote)
        policy = open_policy(config)
        if policy is not None:
            closing.push_async_callback(policy.close)
        layers = _Layers(
            config=config,
            state=state,
            remote=remote,
            reports=Reports(events, registry, tracer, history),
            closing=closing,
            states=states,
            uploads=uploads,
            queue_files=queue_files,
            use=UsePolicies(
                cache=UsePolicy("cache", config.read_cache.filter, tags.of, policy=policy),
                push=UsePolicy("push", config.write_queue.filter, tags.of, UPLOAD, policy),
                sync=UsePolicy("sync", EVERYTHING, tags.of, policy=policy),
            ),
        )
        constructed = construct_layers(layers.table(), remote, partial(count_layer, registry))
        queue, cache = layers.queue, layers.cache
        # The one cycle: the pusher calls the remote, and is woken by the remote's answers.
        if queue is not None:
            state.account.on_answer = queue.pusher.on_remote_answer
        remote.health.on_answer = state.account.answered
        target = target_of_moves(constructed["loop_detection"], remote, queue)
        report_queue(registry, queue)
        report_cache(registry, cache)
        report_remote(registry, remote.health)
        return Gateway(
            top=constructed["key_scope"],
            access=layers.access,
            without_events=constructed["loop_detection"],
            remote=remote,
            queue=queue,
            staging=None if queue_files is None else queue_files[1],
            cache=cache,
            push_policy=layers.use.push,
            sync_policy=layers.use.sync,
            events=events,
            migration=Migration(
                partial(_embedded, places.store_dir),
                remote.without_probes,
                maps=state.places.transfers_file.parent / "migration",
                registry=registry,
            ),
            state=state,
            waiting=waiting_writes(config, places, state, target),
            start_warnings=await _warnings(config, places, cache),
            history=history,
            uploads=uploads,
            keys=keys,
            writes=cast(RemoteWrites, constructed["remote_writes"]),
            _closing=closing.pop_all(),
        )


@dataclass(slots=True, kw_only=True)
class _Layers:
    """The table of the layers in front of the remote; keeps the parts that the gateway manages."""

    config: Config
    state: RemoteState
    remote: RemoteBackend
    reports: Reports
    closing: AsyncExitStack
    states: RemoteStates
    uploads: Uploads
    queue_files: tuple[Journal, Embedded] | None
    """None: there is no write queue."""
    use: UsePolicies
    cache: CacheParts | None = None
    queue: QueueParts | None = None
    access: KeyScopeLayer = field(init=False)
    """The top layer, once it is constructed."""

    def table(self) -> list[LayerRow]:
        """From the top down; the backend has the layers below. To add a layer, add its row."""
        rows = [
            LayerRow("key_scope", self._key_scope),
            LayerRow("change_events", partial(ChangeEvents, events=self.reports.events)),
            LayerRow("loop_detection", self.remote.detect_loops),
        ]
        tracer = self.reports.tracer
        is_traced = tracer.is_active
        rows += [span_of_requests(tracer)] if is_traced else []
        if self.queue_files is not None:
            rows += [span_of_queue(tracer, self.queue_files[0])] if is_traced else []
            rows.append(LayerRow("write_queue", self._write_queue))
        forwarded = partial(ForwardedWrites, history=self.reports.history)
        rows.append(LayerRow("forwarded_writes", forwarded))
        if self.config.read_cache.enabled:
            rows += [span_of_cache(tracer)] if is_traced else []
            rows.append(LayerRow("read_cache", self._read_cache))
        rows.append(LayerRow("observed_remote", self._observed_remote))
        return [*rows, LayerRow("remote_writes", RemoteWrites)]

    def _key_scope(self, inner: ObjectStore) -> ObjectStore:
        self.access = KeyScopeLayer(inner)
        return self.access

    def _observed_remote(self, inner: ObjectStore) -> ObjectStore:
        return ObservedRemote(inner, self.states)

    def _read_cache(self, inner: ObjectStore) -> ObjectStore:
        """The store below, if the files of the cache cannot be opened."""
        self.cache = open_cache(
            self.config.read_cache,
            self.state.places,
            inner,
            self.closing,
            claim=self.state.claim_cache,
            use_policy=self.use.cache,
            registry=self.reports.registry,
        )
        layer = self.cache.layer
        if layer is None:
            return inner
        note_cached(self.reports.history, layer.catalog)
        self.uploads.eviction.cache = layer
        return layer

    def _write_queue(self, inner: ObjectStore) -> ObjectStore:
        assert self.queue_files is not None
        journal, staging = self.queue_files
        cache = None if self.cache is None else self.cache.layer
        remote = self.remote
        assert isinstance(inner, ForwardedWrites)  # pushes enter below it: the queue records them
        push_to = inner.inner if cache is None else CacheBypass(cache)
        if not self.state.account.is_confirmed:
            push_to = HeldUntilConfirmed(push_to, self.state.account)
        layer, self.queue = build_queue(
            self.config,
            journal,
            staging,
            self.reports.events,
            inner=inner,
            push_to=push_to,
            cache=cache,
            rules=self.use.push,
            capabilities=remote.capabilities,
            clock_offset=lambda: remote.health.clock_offset,
            listing_order=remote.capabilities.listing_order,
            check_remote_key=remote.check_key,
            learn_remote_key=remote.learn_key,
            spans=PushSpans(self.reports.tracer, self.reports.history),
            uploads=self.uploads,
        )
        return layer


async def _owner_of(settings: Settings, keys: CredentialProvider, key: RemoteKey) -> str:
    return await owner_of(settings, key, await keys.region())


async def _warnings(config: Config, places: Places, cache: CacheParts | None) -> list[str]:
    """Warnings of the start for the user."""
    warnings = []
    if (places.store_dir / "index.sqlite").exists():
        with suppress(S3dError), _embedded(places.store_dir) as store:
            hidden = len(await S3Client(store).buckets())
            if hidden:
                are = "is" if hidden == 1 else "are"
                warnings.append(
                    f"the embedded store has {count(hidden, 'bucket')} that {are} hidden while a "
                    f"remote is set: s3d migrate"
                )
    if cache is not None and cache.trouble:
        warnings.append(cache.trouble)
    return warnings


@contextmanager
def _embedded(folder: Path) -> Iterator[ObjectStore]:
    """The embedded store, which was in use before the remote was configured."""
    store = open_embedded(folder)
    try:
        yield store.local
    finally:
        store.close()
