"""Wait until a queue has nothing left that moves, as long as a busy machine needs for it."""

from __future__ import annotations

import time

from s3d.cli.client.queue_client import QueueClient
from s3d.shared.transfers import QueueStatus

PATIENCE = 60.0
"""Seconds in which a queue with the remote at hand must be empty."""
_STEP = 10.0
"""Seconds of one request: the client gives up on one that takes long."""


def drained(queue: QueueClient, patience: float = PATIENCE) -> QueueStatus:
    """The status once nothing moves any more; after the patience, the one that there is."""
    end = time.monotonic() + patience
    status = queue.drain(_STEP, hurry=True)
    while status.moving.files and time.monotonic() < end:
        status = queue.drain(_STEP, hurry=True)
    return status
