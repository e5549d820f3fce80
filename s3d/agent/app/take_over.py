"""What was accepted into another account's queue before the account could be asked.

The agent was started with a new access key while the remote was away, so it went on with the queue
of the same endpoint. When the key turned out to be of another account, that account got a queue of
its own; what was accepted in between belongs to it and is moved there.
"""

from __future__ import annotations

import logging

import msgspec

from s3d.agent.app.remote_folders import read_identity, write_identity
from s3d.agent.app.remote_state import RemoteState
from s3d.agent.app.waiting_writes import WaitingWrites
from s3d.shared.errors import NotFoundError
from s3d.shared.text import count

logger = logging.getLogger(__name__)


async def take_over(state: RemoteState, waiting: WaitingWrites) -> None:
    """Move those writes into the queue in use; once. Raises S3dError, OSError.

    What cannot be moved stays in the other queue, where the status shows it.
    """
    todo, folder = state.identity.take_over, state.places.remote_state_dir
    if todo is None or folder is None:
        return
    try:
        moved, left = await waiting.move(todo.source, after=todo.after)
    except NotFoundError:
        moved, left = 0, []
    logger.info("took over %s, accepted before the account was known", count(moved, "write"))
    for unmoved in left:
        logger.warning("cannot take over a write: %s bucket=%s key=%s",
                       unmoved.error.message, unmoved.write.bucket, unmoved.write.key)  # fmt: skip
    identity = read_identity(folder)
    if identity is not None:
        write_identity(folder, msgspec.structs.replace(identity, take_over=None))
