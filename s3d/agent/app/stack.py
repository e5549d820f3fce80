"""The stack of stores that the configuration asks for.

The layers of a remote from the top down; each calls only the one below it:

    KeyScopeLayer       refuses what the caller's access key does not include
    ChangeEvents        emits store.changed after each successful write
    LoopDetection       refuses a request that has passed through this agent before
    WriteQueue          accepts writes and pushes them later         (S3D_WRITE_QUEUE)
    ForwardedWrites     keeps writes that are not queued in the history of objects
    Cache               answers reads from the disk                  (S3D_READ_CACHE)
    ObservedRemote      notes the ETags that the remote's answers show
    RemoteWrites        reports what this agent writes, for the markers of sync folders
    ConditionalWrites   checks conditions that the remote ignores
    CapabilityProber    finds out what the remote supports
    EmptySegments       refuses keys that the remote would store under other names
    Compatibility       leaves out the optional headers that the remote refuses
    RemoteStore         sends the request

Pushes enter at CacheBypass, beside the queue, and before it at HeldUntilConfirmed while the access
key has to be confirmed. gateway.py has the table of the layers down to RemoteWrites, s3_backend.py
constructs the others. The embedded store has ChangeEvents, AccessLayer (who may do what) and
LocalStore only.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.app.process import private_folder
from s3d.agent.app.process_metrics import STORE, commit_histogram
from s3d.agent.core.bounded_client import BoundedClient
from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import MovableClock
from s3d.agent.core.events import Events
from s3d.agent.core.owners import Owners
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import AccessControl, ObjectStore
from s3d.agent.core.telemetry import Registry
from s3d.agent.core.traced_layer import InternalRequests, TracedLayer
from s3d.agent.s3.access_decision import Decision, decide_by_key
from s3d.agent.s3.actions import Need
from s3d.agent.s3.notification_rules import target_arn
from s3d.agent.s3.principal import Principal
from s3d.agent.storage.records import StoreTotals
from s3d.agent.stores.access.authorization import Authorization
from s3d.agent.stores.access.layer import AccessLayer
from s3d.agent.stores.local.bucket_logs import BucketLogs
from s3d.agent.stores.local.inventory import Inventory
from s3d.agent.stores.local.log_spool import LogSpool
from s3d.agent.stores.notifications.service import Notifications
from s3d.agent.stores.read_cache.cache_status import cache_status
from s3d.agent.stores.testing.store_mark import FoundMark, confirm, find_mark
from s3d.agent.stores.write_observers import ChangeEvents
from s3d.agent.stores.write_queue.queue_status import queue_status
from s3d.shared.caching import CacheStatus
from s3d.shared.config.schema import Config
from s3d.shared.control import NotificationTargetStatus, StoreStatus
from s3d.shared.paths import Places
from s3d.shared.transfers import QueueStatus, RemoteStatus, WaitingRemote

if TYPE_CHECKING:
    from s3d.agent.app.gateway import Gateway
    from s3d.agent.app.waiting_writes import WaitingWrites
    from s3d.agent.stores.testing.store_controls import StoreControls


EMBEDDED = "embedded"
"""Subfolder of the state folder."""
REMOTE_FILE = "remote.json"
"""Exists in the state folder once a remote has adopted its content."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The stores. Front ends call the top only. Exactly one of embedded and gateway is set."""

    top: ObjectStore
    access: AccessControl
    """The layer that decides about the requests of clients."""
    embedded: Embedded | None
    gateway: Gateway | None
    waiting: WaitingWrites | None = None
    """Pending writes for remotes that are not in use."""
    authorization: Authorization | None = None
    """What decides about access in front of the embedded store."""
    controls: StoreControls | None = None
    """What is possible in a store made for tests; None: it is no such store."""
    endpoint_top: ObjectStore | None = None
    """What the S3 endpoint calls when it is not the top: faults on demand are above that."""
    notifications: Notifications | None = None
    """Delivers the events of the embedded store."""
    inventory: Inventory | None = None
    """Writes the inventory reports of the embedded store."""
    bucket_logs: BucketLogs | None = None
    """Writes the access logs of the embedded store's buckets."""

    @property
    def without_events(self) -> ObjectStore:
        """The top without ChangeEvents, for callers that emit events of their own."""
        if self.gateway is not None:
            return self.gateway.without_events
        return self.top if self.embedded is None else self.embedded.local

    def bounded_client(
        self, store: ObjectStore | None = None, *, bypass_cache: bool = False
    ) -> S3Client:
        """A client for calls that somebody waits for. store: None is the top."""
        store = store or self.top
        if self.gateway is None:
            return S3Client(store, bypass_cache=bypass_cache)
        return BoundedClient(
            store,
            self.gateway.check_answering,
            bypass_cache=bypass_cache,
            bounds_uploads=self.gateway.queue is None,
        )

    def explain(self, need: Need, caller: Principal, prefix: str = "") -> Decision:
        """Whether a caller may do something, and why; prefix: of a listing. With a remote, the
        scope of the key decides alone here: policies and lists are the remote's."""
        if self.authorization is not None:
            return self.authorization.explain(need, caller, prefix=prefix)
        return decide_by_key(need, caller, {"s3:prefix": [prefix]}.get)

    def is_too_large(self, size: int) -> bool:
        """Whether an object of this size (bytes) does not fit even into an empty write queue."""
        queue = None if self.gateway is None else self.gateway.queue
        return queue is not None and queue.admission.is_too_large(size)

    def places(self, base: Places) -> Places:
        """The folders of the remote in use, or of the embedded store. Raises OSError."""
        return _of_embedded(base) if self.gateway is None else self.gateway.state.places

    async def usage(self, bucket: str) -> StoreTotals | None:
        """Objects and bytes of one bucket; None: only the remote knows."""
        return None if self.embedded is None else await self.embedded.usage(bucket)

    async def store_status(self) -> StoreStatus | None:
        if self.embedded is None:
            return None
        status = await self.embedded.status()
        return msgspec.structs.replace(status, for_tests=self.controls is not None)

    async def notifications_status(self) -> list[NotificationTargetStatus]:
        return [] if self.notifications is None else await self.notifications.status()

    def remote_status(self) -> RemoteStatus | None:
        return None if self.gateway is None else self.gateway.status()

    def queue_status(self) -> QueueStatus | None:
        queue = None if self.gateway is None else self.gateway.queue
        return None if queue is None else queue_status(queue)

    def cache_status(self) -> CacheStatus | None:
        cache = None if self.gateway is None else self.gateway.cache
        return None if cache is None else cache_status(cache)

    def waiting_remotes(self) -> list[WaitingRemote]:
        return [] if self.waiting is None else self.waiting.status()

    def warnings(self) -> list[str]:
        """Warnings for the status."""
        if self.embedded is not None:
            controls = [] if self.controls is None else self.controls.warnings()
            return [*self.embedded.warnings(), *controls]
        return [] if self.gateway is None else self.gateway.warnings

    async def close(self) -> None:
        """Finish running operations and close the files."""
        if self.embedded is not None:
            self.embedded.close()
        if self.gateway is not None:
            await self.gateway.close()


async def build_stack(
    config: Config,
    places: Places,
    events: Events,
    registry: Registry | None = None,
    *,
    tracer: Tracer | None = None,
    owners: Owners | None = None,
) -> Stack:
    """Open the stores. tracer: None records no spans. owners: the accounts that have access keys;
    None: only the default owner. Raises S3dError for what cannot be opened, OSError for the disk's
    errors."""
    registry = registry or Registry()
    if not config.remote:
        owners = owners or Owners()
        marked = find_mark(places.store_dir, required=config.test)
        clock = MovableClock()
        now = time.time if marked.mark is None else clock.now
        embedded = open_embedded(
            places.store_dir,
            ephemeral=config.ephemeral,
            encrypt=config.encrypt,
            commits=commit_histogram(registry, STORE),
            owners=owners,
            new_buckets=config.new_buckets,
            region=config.region,
            clock=now,
            target_arns=[target_arn(each.type, each.name) for each in config.notification_targets],
        )
        client = S3Client(embedded.local)
        inventory = Inventory(embedded.index, client, now, config.report_delay)
        spool = LogSpool(places.store_dir / "access-logs")
        logs = BucketLogs(embedded.index, client, now, config.report_delay, spool=spool)
        embedded.local.on_setting = logs.changed

        async def catch_up() -> int:
            """The clock was moved: do what is due now."""
            removed = await embedded.local.expiration.apply()
            await inventory.apply()
            await logs.deliver()
            return removed

        try:
            controls = await _open_controls(
                embedded, marked, clock, events, required=config.test, catch_up=catch_up
            )
        except BaseException:
            embedded.close()
            raise
        notifications = Notifications(embedded.index, config.notification_targets)
        embedded.local.events.on_recorded = notifications.wake
        waiting = _waiting(config, places)
        store: ObjectStore = embedded.local
        if tracer is not None and tracer.is_active:
            store = InternalRequests(TracedLayer(store, "s3d.store", tracer), tracer)
        authorization = Authorization(embedded.index, owners)
        access = AccessLayer(store, authorization)
        top = ChangeEvents(access, events)
        return Stack(
            top,
            access,
            embedded,
            None,
            waiting,
            authorization,
            controls,
            _with_faults(top, controls),
            notifications,
            inventory,
            logs,
        )
    # Imported here because it imports an HTTP client, which the embedded store does not need.
    from s3d.agent.app.gateway import open_gateway

    gateway = await open_gateway(config, places, events, registry, tracer=tracer)
    return Stack(gateway.top, gateway.access, None, gateway, gateway.waiting)


def _with_faults(top: ObjectStore, controls: StoreControls | None) -> ObjectStore | None:
    """What the S3 endpoint of a store made for tests calls; None: the top."""
    if controls is None:
        return None
    from s3d.agent.stores.testing.faults import FaultLayer

    return FaultLayer(top, controls.faults)


async def _open_controls(
    embedded: Embedded,
    marked: FoundMark,
    clock: MovableClock,
    events: Events,
    *,
    required: bool,
    catch_up: Callable[[], Awaitable[int]],
) -> StoreControls | None:
    """What is possible in a store made for tests; None for another store. Raises UsageError.

    catch_up: does what is due after the clock was moved; how much lifecycle rules have removed.
    """
    if marked.mark is not None:
        marked = await confirm(embedded.index, embedded.folder, marked.mark, required=required)
    if marked.problem:
        embedded.trouble.append(marked.problem)
    if marked.mark is None:
        return None
    from s3d.agent.stores.testing.store_controls import StoreControls  # most stores have none

    return StoreControls(
        embedded.index,
        clock,
        apply_lifecycle=catch_up,
        on_replaced=partial(events.emit, "store.changed", operation="Restore"),
    )


def _waiting(config: Config, places: Places) -> WaitingWrites | None:
    """The pending writes of earlier remotes; None when there can be none. Without a remote, only a
    queue folder inside the data folder is covered by a lock."""
    folder = places.write_queue_dir
    if not folder.is_relative_to(places.data_dir) or not folder.exists():
        return None
    from s3d.agent.app.damaged_state import rebuild_identities
    from s3d.agent.app.waiting_writes import WaitingWrites

    rebuild_identities(folder, [places.state_dir, places.read_cache_dir])
    return WaitingWrites(folder, None, None)


def _of_embedded(places: Places) -> Places:
    """Transfers of the embedded store must not continue with a remote, so it has its own folder.

    A transfers file of a version without such folders is adopted by the store started first.
    """
    own = msgspec.structs.replace(places, remote_state_dir=places.state_dir / EMBEDDED)
    private_folder(places.state_dir / EMBEDDED)
    is_nobodys = not (places.state_dir / REMOTE_FILE).exists()
    if is_nobodys and places.transfers_file.exists() and not own.transfers_file.exists():
        places.transfers_file.rename(own.transfers_file)
    return own
