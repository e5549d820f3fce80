"""Evicts files of a backup folder that the bucket has, and brings them back.

One eviction, step by step. A kill or a power cut between two of them loses nothing (recover.py):

1. The file is looked at: it still is the version that the receipt is of, and nobody writes to it.
2. The intent and a row of the trash are written, and synced.
3. The file is moved to the trash in one step, and what was moved is compared with what was seen.
4. One transaction marks the agreement as evicted and drops the intent. From then on the missing
   file is no deletion.
5. A minute later the trash removes the file, unless a program has written to it (trash.py).
"""

from __future__ import annotations

from s3d.agent.core import failpoint
from s3d.agent.sync.baseline import Intent
from s3d.agent.sync.baseline_tables import EVICTED
from s3d.agent.sync.execute import Executor
from s3d.agent.sync.interfaces import ConcurrentChange, PathBlocked
from s3d.agent.sync.path_state import Difference, Residence, is_changed
from s3d.agent.sync.recover import recover


async def evict(executor: Executor, path: str, etag: str) -> bool:
    """Remove a file from the folder, if it is the version with this ETag; whether it was removed.

    The caller has a receipt of that version, and holds the lock of the passes. Raises Unavailable.
    """
    baseline, tree = executor.baseline, executor.tree
    base = baseline.get(path)
    if base is None or base.etag != etag or base.residence is not Residence.LOCAL:
        return False
    if baseline.intent(path) is not None:
        return False
    try:
        local = await tree.look(path)
        if local is None or local.trouble or not executor.policy.is_quiet(local):
            return False
        is_same = not is_changed(base, local)
        if not is_same and not await executor.is_as_agreed(Difference(path, base, local, None)):
            return False
        name, expected = executor.ids(), local.signature
        baseline.intend(path, Intent("evict", expected, stage=name))
        executor.trash_row(name, path, expected, EVICTED)
        await baseline.flush()
        failpoint.hit("eviction.intended")
        moved = await tree.discard(path, name)
        failpoint.hit("eviction.moved")
        if moved is None or not moved.is_same_file(expected):
            await recover(executor, path)
            return False
    except (ConcurrentChange, PathBlocked):
        await recover(executor, path)
        return False
    baseline.evictions.mark_evicted(path)
    executor.note("evicted", path)
    failpoint.hit("eviction.marked")
    return True


async def restore(executor: Executor, path: str) -> None:
    """Download an evicted file again. The caller holds the lock of the passes.

    Raises PathBlocked with the reason when that is impossible, Unavailable.
    """
    base = executor.baseline.get(path)
    if base is None or base.residence is not Residence.EVICTED:
        raise PathBlocked("it was not evicted")
    if await executor.tree.look(path) is not None:
        raise PathBlocked("a file is in its place")
    remote = await executor.remote_tree.look(path)
    if remote is None or remote.trouble:
        raise PathBlocked(remote.trouble if remote is not None else "the bucket no longer has it")
    if not executor.policy.has_room(path, remote.size):
        raise PathBlocked("there is not enough space on the disk")
    try:
        await executor.download(Difference(path, base, None, remote))
    except ConcurrentChange:
        raise PathBlocked("it changed meanwhile: try again") from None
    executor.baseline.evictions.mark_restored(path)
