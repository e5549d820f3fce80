"""The table of background tasks: what runs beside the front ends, as long as a session does.

Each runs in the context that context_of() makes, under core/supervise.py, which restarts it when
it fails. The names are those of the
event agent.task_failed and of asyncio's tasks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING

from s3d.agent.app.agent_session import AgentSession
from s3d.agent.app.process import Notifier
from s3d.agent.app.process_metrics import measure_lag
from s3d.agent.app.start_checks import create_remote_buckets
from s3d.agent.core.bandwidth import TrafficClass, traffic_class

if TYPE_CHECKING:
    from s3d.agent.app.embedded import Embedded
    from s3d.agent.app.gateway import Gateway
    from s3d.agent.app.stack import Stack

POLICY_EVERY = 5.0
"""Seconds between two evaluations of what a policy holds back."""

Run = Callable[[], Awaitable[None]]

_CLASSES = {
    "sync": TrafficClass.SYNC,
    "transfers": TrafficClass.TRANSFERS,
    "migration": TrafficClass.TRANSFERS,
    "pusher": TrafficClass.QUEUE,
    "pins": TrafficClass.PREFETCH,
}
"""The tasks whose traffic with the remote is limited by itself."""


def background_tasks(session: AgentSession, notifier: Notifier) -> dict[str, Run]:
    """All tasks of a session, by name."""
    stack = session.stack
    tasks: dict[str, Run] = {
        "watchdog": notifier.feed_watchdog,
        "sync": session.folders.run,
        "samples": session.sampler.run,
        "event loop lag": partial(measure_lag, session.process.registry),
        "free space": session.disks.run,
        "transfers": session.transfers.run,
    }
    if session.change_sources is not None:
        tasks["remote changes"] = session.change_sources.run
    if session.process.export.is_active:
        tasks["telemetry"] = session.process.export.run
    if session.fleet is not None:
        tasks["fleet settings"] = session.fleet.poll.run
        tasks["heartbeat"] = session.fleet.heartbeats.run
    if stack.embedded is not None:
        tasks |= _of_embedded(stack, stack.embedded)
    if stack.gateway is not None:
        buckets = partial(create_remote_buckets, session.client, session.config.buckets)
        tasks |= {"buckets": buckets, **_of_remote(stack.gateway)}
        tasks |= {**_of_queue(stack.gateway), **_of_cache(stack.gateway)}
    return tasks


def context_of(name: str) -> Context:
    """The context of a task: what it exchanges with the remote counts for its class."""
    context = copy_context()
    if name in _CLASSES:
        context.run(traffic_class.set, _CLASSES[name])
    return context


def _of_embedded(stack: Stack, embedded: Embedded) -> dict[str, Run]:
    tasks: dict[str, Run] = {"sweep": embedded.sweep, "lifecycle": embedded.local.expiration.run}
    if stack.inventory is not None:
        tasks["inventory"] = stack.inventory.run
    if stack.bucket_logs is not None:
        tasks["bucket logs"] = stack.bucket_logs.run
    if stack.notifications is not None and stack.notifications.deliveries:
        tasks["notifications"] = stack.notifications.run
    return tasks


def _of_remote(gateway: Gateway) -> dict[str, Run]:
    from s3d.agent.app.waiting_writes import take_over

    tasks: dict[str, Run] = {
        "migration": gateway.migration.run,
        "probing": gateway.remote.run,
        "account": gateway.confirm_account,
        "history": gateway.history.run,
        "receipts": gateway.uploads.eviction.run,
    }
    if gateway.state.identity.take_over is not None and gateway.waiting is not None:
        tasks["take over"] = partial(take_over, gateway.state, gateway.waiting)
    return tasks


def _of_queue(gateway: Gateway) -> dict[str, Run]:
    from s3d.agent.core.clock import Clock
    from s3d.agent.selection.bucket_tags import TTL
    from s3d.agent.stores.write_queue.push.maintenance import reevaluate_periodically
    from s3d.shared.filters.terms import Attributes

    if gateway.queue is None or gateway.staging is None:
        return {}
    tasks: dict[str, Run] = {"pusher": gateway.queue.pusher.run, "sweep": gateway.staging.sweep}
    policy, journal = gateway.push_policy, gateway.queue.journal
    if policy.policy is not None or policy.filter.needs & Attributes.BUCKET_TAGS:
        # Bucket tags and policies change without notice, so what they hold is evaluated again.
        every = POLICY_EVERY if policy.policy is not None else TTL
        tasks["filter"] = partial(reevaluate_periodically, journal, Clock(), every, policy)
    return tasks


def _of_cache(gateway: Gateway) -> dict[str, Run]:
    from s3d.agent.app.read_cache import publish_cache_stats, remove_unused

    cache = gateway.cache
    if cache is None or cache.layer is None or cache.pin_manager is None:
        return {}
    base, in_use = gateway.state.places.read_cache_dir, cache.folder

    async def remove_unused_caches() -> None:
        await asyncio.to_thread(remove_unused, base, in_use, time.time())

    return {
        "cache": cache.layer.run,
        "pins": cache.pin_manager.run,
        "numbers": partial(publish_cache_stats, cache, gateway.events),
        "unused caches": remove_unused_caches,
    }
