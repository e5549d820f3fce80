"""The write queue as people see it: its counts and limits, and a pending write as a transfer.

Nothing here changes the queue.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from s3d.agent.s3.messages import Body
from s3d.agent.storage.records import Layout
from s3d.agent.stores.write_queue.journal.pending_write import (
    Conflict,
    Kind,
    PendingState,
    PendingWrite,
)
from s3d.agent.stores.write_queue.journal.push_stops import PushStops, Stop
from s3d.shared.transfers import QueueLimits, QueueStatus, Totals, Transfer, TransferError

if TYPE_CHECKING:
    from s3d.agent.stores.write_queue.admission import Admission
    from s3d.agent.stores.write_queue.journal.journal import Journal
    from s3d.agent.stores.write_queue.push.pusher import Pusher
    from s3d.agent.stores.write_queue.push.remote_gate import PushThrottle

PUSH = "push"
"""The kind of a transfer that is a pending write."""
STATES = {
    "waiting": PendingState.WAITING,
    "running": PendingState.PUSHING,
    "held": PendingState.HELD,
    "failed": PendingState.FAILED,
    "verifying": PendingState.VERIFYING,
    "conflict": PendingState.CONFLICT,
}
"""State of a transfer -> state of a pending write."""
WAIT, REJECT = "wait", "reject"
_MAX_COUNTED = 20_000


@dataclass(frozen=True, slots=True)
class QueueParts:
    """The parts of the write queue that the control API shows and changes."""

    journal: Journal
    pusher: Pusher
    throttle: PushThrottle
    admission: Admission
    body_of: Callable[[Layout], Body]
    """The staged bytes; the caller closes them."""
    path: Path


def transfer_of_conflict(conflict: Conflict) -> Transfer:
    """A parked conflict as a transfer, with the ETag of both sides."""
    return msgspec.structs.replace(
        transfer_of(conflict.write),
        etag=conflict.etag,
        remote_etag=conflict.remote_etag,
        actions=list(_ACTIONS[PendingState.CONFLICT]),
    )


def actions_of(write: PendingWrite, stops: PushStops) -> Sequence[str]:
    """The actions of the control API that a pending write allows now."""
    if write.state is not PendingState.PUSHING or not stops.can_stop(write.seq):
        return _ACTIONS[write.state]
    stop = stops.requested(write.seq)
    if stop is Stop.DISCARD:
        return _ACTIONS[write.state]
    other = "resume" if stop is Stop.PAUSE else "pause"
    return (*_ACTIONS[write.state], "discard", other)


def transfer_of(write: PendingWrite, queue: QueueParts | None = None) -> Transfer:
    """A pending write as a transfer. queue: adds the progress of a push that is running, and what
    can be done with it."""
    error, done, rate, actions, stop = write.error, 0, 0.0, None, None
    if queue is not None:
        stops = queue.journal.control.stops
        actions, stop = list(actions_of(write, stops)), stops.requested(write.seq)
        if write.state is PendingState.PUSHING:
            done, rate = queue.pusher.progress(write.seq)
    return Transfer(
        id=str(write.seq),
        kind=PUSH,
        operation=write.kind,
        bucket=write.bucket,
        key=write.key,
        size=write.size,
        state=_WORDS[write.state],
        accepted=write.first_accepted,
        attempts=write.attempts,
        retry_at=write.retry_at,
        priority=write.priority,
        error=None if error is None else TransferError(*msgspec.structs.astuple(error)),
        done=min(done, write.size),
        rate=rate,
        remaining=max(write.size - done, 0) / rate if rate else None,
        actions=actions,
        stopping="" if stop is None else _STOPPING[stop],
    )


def pending_below(
    queue: QueueParts, bucket: str, key: str, *, since: float, until: float = math.inf
) -> Totals:
    """The pending puts of a key and of all keys below it, of those that were accepted in a time.

    At most _MAX_COUNTED are counted, because the loop has to wait for it.
    """
    files = total = 0
    below = f"{key.rstrip('/')}/" if key else ""
    found = queue.journal.pending.under(bucket, key.encode())
    for write in islice(found, _MAX_COUNTED):
        is_below = write.key == key or write.key.startswith(below)
        if is_below and since <= write.first_accepted <= until and write.kind is Kind.PUT:
            files, total = files + 1, total + write.size
    return Totals(files, total)


def queue_status(queue: QueueParts) -> QueueStatus:
    """Counts and sizes by state, limits and rates."""
    pending, pushes, limits = queue.journal.totals(), queue.pusher.status(), queue.admission.limits
    shares = {word: Totals(*pending.by_state[state]) for word, state in STATES.items()}
    return QueueStatus(
        waiting=shares["waiting"],
        running=shares["running"],
        held=shares["held"],
        failed=shares["failed"],
        verifying=shares["verifying"],
        conflict=Totals(*pending.conflicts),
        limits=QueueLimits(
            limits.max_size, limits.max_files, limits.max_age, WAIT if limits.wait else REJECT
        ),
        path=str(queue.path),
        paused=pending.paused,
        trouble=pushes.trouble,
        next_check=pushes.next_check,
        blocked=Totals(*pending.blocked),
        oldest=pending.oldest,
        rate=pushes.rate,
        remaining=pushes.eta,
        arrival_p50=queue.journal.metrics.arrival_quantile(0.5),
        arrival_p99=queue.journal.metrics.arrival_quantile(0.99),
    )


_ACTIONS = {
    PendingState.WAITING: ("retry", "pause", "discard", "export", "priority"),
    PendingState.PUSHING: ("export",),
    PendingState.HELD: ("resume", "discard", "export", "priority"),
    PendingState.FAILED: ("retry", "discard", "export", "priority"),
    PendingState.VERIFYING: ("export",),
    PendingState.CONFLICT: ("retry", "discard", "export"),
}
"""State -> the actions that it always allows."""
_STOPPING = {Stop.PAUSE: "pause", Stop.QUEUE: "pause", Stop.DISCARD: "discard"}
_WORDS = {state: word for word, state in STATES.items()}
