"""Recovery after a crash: every intent becomes an agreement, or is dropped.

Recovery looks at both sides, and moves only files that were left on the stage. It can itself be
interrupted at any point.
"""

from __future__ import annotations

from s3d.agent.s3.etag import unquoted
from s3d.agent.sync.atomic_rename import ASIDE
from s3d.agent.sync.baseline import Intent
from s3d.agent.sync.path_state import BaselineEntry, RemoteEntry
from s3d.agent.sync.placement import Placement

LANDED = "?"
"""ETag of an agreement on a version that the remote no longer has. No ETag equals it."""


async def recover_all(placement: Placement) -> None:
    """Settle every intent, and empty the stage, before any pass runs.

    A file on the stage that no intent names may be the only copy of its data, so it is moved to
    the trash. Raises Unavailable; the remaining intents stay as they are then.
    """
    for path in placement.baseline.intents():
        await recover(placement, path)
    for name in await placement.tree.sweep():
        await placement.put_away_stray(name)


async def recover(placement: Placement, path: str) -> None:
    """Settle the intent of a path, if there is one. Raises Unavailable."""
    intent = placement.baseline.intent(path)
    if intent is not None:
        await _RECOVERIES[intent.action](placement, path, intent)


async def _upload(placement: Placement, path: str, intent: Intent) -> None:
    """Check whether the upload has arrived. If so, both sides had agreed on it, whatever has
    changed since."""
    remote = await placement.remote_tree.look(path)
    if intent.signature is None:
        placement.baseline.settle(path)
        return
    etag, size = LANDED, intent.signature.size
    has_landed = remote is not None and remote.parent == intent.sha256
    if remote is not None and _is_it(remote, intent):
        has_landed, etag, size = True, remote.etag, remote.size
    elif not has_landed:
        has_landed = await placement.remote_tree.landed(path, intent.sha256, intent.md5)
    if not has_landed:
        placement.baseline.settle(path)
        return
    base = BaselineEntry(path, intent.signature, intent.mode, intent.sha256, etag, size)
    placement.baseline.agree(base)


def _is_it(remote: RemoteEntry, intent: Intent) -> bool:
    """The ETag counts too: a copy of an object of another program has no SHA-256 metadata."""
    return remote.sha256 == intent.sha256 or unquoted(remote.etag) == intent.md5


async def _download(placement: Placement, path: str, intent: Intent) -> None:
    """Check by its inode whether the staged file was placed; another file on the stage is the one
    that it replaced."""
    name = intent.stage
    on_stage = await placement.tree.staged(name)
    aside = await placement.tree.staged(name + ASIDE)
    if aside is not None and on_stage is not None:  # an exchange in steps, before its second one
        await placement.give_back(path, name + ASIDE)
    elif aside is not None:
        name, on_stage = name + ASIDE, aside
    if on_stage is not None and intent.staged is not None and on_stage.ino == intent.staged.ino:
        if not on_stage.is_same_file(intent.staged):
            # It was in its place, where somebody wrote to it, and a power cut took its name back.
            await placement.place_again(path, intent)
            return
        await placement.throw_away(path, intent.stage)
        return
    await placement.tree.sync_names(path)
    await placement.clear_away(path, name, on_stage, intent.signature)
    await placement.agree_on_placed(path)


async def _discard(placement: Placement, path: str, intent: Intent) -> None:
    """Check whether the intended file is in the trash; any other file is put back."""
    trashed = await placement.tree.trashed(intent.stage)
    expected = intent.signature
    if trashed is None:
        # It may have been put back just now, and a power cut would return it to the trash.
        await placement.tree.sync_names(path)
        placement.baseline.trash.remove(intent.stage)
        placement.baseline.settle(path)
        return
    if expected is not None and trashed.is_same_file(expected):
        await placement.tree.sync_names(path)
        placement.baseline.drop(path)
        return
    await placement.put_back(path, intent.stage)
    placement.baseline.trash.remove(intent.stage)
    placement.baseline.settle(path)


async def _evict(placement: Placement, path: str, intent: Intent) -> None:
    """Check whether the intended file is in the trash; any other file is put back."""
    trashed = await placement.tree.trashed(intent.stage)
    expected = intent.signature
    if trashed is not None and expected is not None and trashed.is_same_file(expected):
        await placement.tree.sync_names(path)
        placement.baseline.evictions.mark_evicted(path)
        return
    if trashed is not None:
        await placement.put_back(path, intent.stage)
    else:
        await placement.tree.sync_names(path)
    placement.baseline.trash.remove(intent.stage)
    placement.baseline.settle(path)


async def _rename(placement: Placement, path: str, intent: Intent) -> None:
    """Agree on the new path if the file that the intent names is there and has left the old path.

    Any other file at the new path may have been saved at the old one just before the rename took
    it along. An agreement would let the next pass overwrite the object of the new path with it, so
    there is none, and the next pass compares the two. A file that is nowhere does not count as
    deleted.
    """
    gone = await placement.tree.look(intent.stage)
    local = await placement.tree.look(path)
    signature = intent.signature
    if signature is None or local is None or not local.signature.is_same_file(signature):
        placement.baseline.settle(path)
        return
    if gone is not None and gone.signature.ino == signature.ino:
        placement.baseline.settle(path)
        return
    await placement.tree.sync_names(path)
    await placement.tree.sync_names(intent.stage)
    base = BaselineEntry(
        path, local.signature, intent.mode, intent.sha256, intent.etag, intent.size
    )
    placement.baseline.agree(base)
    placement.baseline.drop(intent.stage)


_RECOVERIES = {
    "upload": _upload,
    "download": _download,
    "discard": _discard,
    "evict": _evict,
    "rename": _rename,
}
