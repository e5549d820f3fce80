"""Assembles the write queue, and opens the files of earlier runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from s3d.agent.after_upload.pushed_uploads import Uploads
from s3d.agent.app.embedded import Embedded, open_index, open_store
from s3d.agent.app.process import only_one, private_folder
from s3d.agent.app.process_metrics import QUEUE, commit_histogram
from s3d.agent.app.remote_state import RemoteState
from s3d.agent.core.clock import Clock
from s3d.agent.core.events import Events
from s3d.agent.core.store import ObjectStore
from s3d.agent.core.telemetry import Registry
from s3d.agent.s3.listing import UNKNOWN
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.stores.read_cache.layer import Cache
from s3d.agent.stores.remote.backend import BackendCapabilities
from s3d.agent.stores.write_queue.admission import Limits
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.remote_states import RemoteStates
from s3d.agent.stores.write_queue.layer import WriteQueue
from s3d.agent.stores.write_queue.push.push_attempt import PushSpans
from s3d.agent.stores.write_queue.push.push_executor import PushExecutor
from s3d.agent.stores.write_queue.push.pusher import Pusher
from s3d.agent.stores.write_queue.push.remote_gate import PushThrottle, RemoteGate
from s3d.agent.stores.write_queue.queue_status import QueueParts
from s3d.shared.config.gateway_settings import QueueConfig
from s3d.shared.config.schema import Config
from s3d.shared.paths import Places

FULL_WAIT = 60.0
"""Seconds that a write waits for room in a full queue."""


def lock_queue(config: Config, places: Places, closing: AsyncExitStack) -> None:
    """A queue outside the data folder may be meant for several agents, one after the other."""
    if not config.write_queue.enabled:
        return
    folder = places.write_queue_dir
    private_folder(folder)
    if not folder.is_relative_to(places.data_dir):
        closing.enter_context(only_one(folder / "agent.lock", places.socket))


async def open_queue_files(
    config: QueueConfig,
    state: RemoteState,
    events: Events,
    states: RemoteStates,
    *,
    closing: AsyncExitStack,
    registry: Registry,
) -> tuple[Journal, Embedded]:
    """Open the pending writes of an earlier run."""
    folder = state.places.write_queue_dir
    commits = commit_histogram(registry, QUEUE)
    index = open_index(folder, tables=journal_rows.TABLES, commits=commits)
    closing.callback(index.close)
    journal = await Journal.open(index, events, remote_states=states, registry=registry)
    journal.recorder.priorities = config.priorities
    closing.push_async_callback(journal.close)
    state.account.before.note(journal)
    return journal, open_store(index, folder, on_change=journal.recorder.record)


def build_queue(
    config: Config,
    journal: Journal,
    staging: Embedded,
    events: Events,
    *,
    inner: ObjectStore,
    push_to: ObjectStore,
    cache: Cache | None,
    rules: UsePolicy,
    capabilities: BackendCapabilities,
    clock_offset: Callable[[], float],
    uploads: Uploads,
    listing_order: Callable[[str], str] = lambda _: UNKNOWN,
    check_remote_key: Callable[[str, str], Awaitable[None]] | None = None,
    learn_remote_key: Callable[[str, str], Awaitable[None]] | None = None,
    spans: PushSpans | None = None,
) -> tuple[WriteQueue, QueueParts]:
    """The layer, and the parts that push what it accepts. The cache forgets the keys with pending
    writes.

    inner: answers reads of clients. push_to: receives the pushes. cache: adopts what was pushed.
    rules: of what is pushed. capabilities: knows which conditional writes the remote supports.
    clock_offset: seconds that the remote's clock is ahead of ours. uploads: of the remote: what
    follows a push. listing_order, check_remote_key: see WriteQueue. learn_remote_key: see
    PushExecutor. spans: of the pushes.
    """
    if cache is not None:
        for write in journal.pending:
            # An earlier agent may have pushed it, and have ended before it could record that.
            cache.forget(write.bucket, write.key)
    clock = Clock()
    throttle = PushThrottle(config.write_queue.bandwidth, clock)
    push = PushExecutor(
        journal,
        remote=push_to,
        body_of=staging.body_of,
        throttle=throttle,
        clock=clock,
        adopt=uploads.after_push(staging, cache),
        push_filter=rules.exclusion_of_record,
        condition_support=capabilities.known_of,
        learn_conditions=capabilities.learn,
        learn_key=learn_remote_key,
        conflict_policy=config.conflicts.of,
        clock_offset=clock_offset,
        spans=spans,
    )
    pusher = Pusher(journal, push, RemoteGate(clock), events, remote=push_to, clock=clock)
    layer = WriteQueue(
        inner,
        staging.local,
        journal,
        limits_of(config.write_queue),
        pusher,
        clock=clock,
        listing_order=listing_order,
        check_remote_key=check_remote_key,
    )
    return layer, QueueParts(
        journal, pusher, throttle, layer.admission, staging.body_of, staging.folder
    )


def limits_of(config: QueueConfig) -> Limits:
    """The limits that the settings ask for."""
    wait = FULL_WAIT if config.when_full == "wait" else 0.0
    return Limits(config.max_size, config.max_files, config.max_age, wait)
