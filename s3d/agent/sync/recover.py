"""What a crash has left of a path: every intent is turned into an agreement, or into nothing.

Looks at both sides, and acts only to put away what lies about. Can itself be broken off anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3d.agent.sync.baseline import Intent
from s3d.agent.sync.path_state import BaselineEntry, RemoteEntry
from s3d.agent.sync.rename import ASIDE

if TYPE_CHECKING:
    from s3d.agent.sync.execute import Executor

LANDED = "?"
"""ETag of an agreement on a version that the remote does not hold any more: equal to none."""


async def recover_all(executor: Executor) -> None:
    """Settle every intent, and clear the stage. Nothing else may be going on. Raises Unavailable,
    and leaves the rest as it is then.

    A file of the stage that no intent names may be the only copy of something, so it goes to the
    trash."""
    for path in executor.baseline.intents():
        await recover(executor, path)
    for name in await executor.tree.sweep():
        await executor.put_away_stray(name)


async def recover(executor: Executor, path: str) -> None:
    """Settle the intent of a path, if there is one. Raises Unavailable."""
    intent = executor.baseline.intent(path)
    if intent is not None:
        await _RECOVERIES[intent.action](executor, path, intent)


async def _upload(executor: Executor, path: str, intent: Intent) -> None:
    """Did it arrive? Then it was agreed on, whatever has become of the file or the object since."""
    remote = await executor.remote_tree.look(path)
    if intent.signature is None:
        executor.baseline.settle(path)
        return
    etag, size = LANDED, intent.signature.size
    has_landed = remote is not None and remote.parent == intent.sha256
    if remote is not None and _is_it(remote, intent):
        has_landed, etag, size = True, remote.etag, remote.size
    elif not has_landed:
        has_landed = await executor.remote_tree.landed(path, intent.sha256, intent.md5)
    if not has_landed:
        executor.baseline.settle(path)
        return
    base = BaselineEntry(path, intent.signature, intent.mode, intent.sha256, etag, size)
    executor.baseline.agree(base)


def _is_it(remote: RemoteEntry, intent: Intent) -> bool:
    """A copy of what another program has written knows no SHA-256."""
    return remote.sha256 == intent.sha256 or remote.etag.strip('"') == intent.md5


async def _download(executor: Executor, path: str, intent: Intent) -> None:
    """Is the staged file in its place? Its inode tells; another one on the stage is what came out
    of the place."""
    name = intent.stage
    on_stage = await executor.tree.staged(name)
    aside = await executor.tree.staged(name + ASIDE)
    if aside is not None and on_stage is not None:  # an exchange in steps, before its second one
        await executor.give_back(path, name + ASIDE)
    elif aside is not None:
        name, on_stage = name + ASIDE, aside
    if on_stage is not None and intent.staged is not None and on_stage.ino == intent.staged.ino:
        if not on_stage.is_same_file(intent.staged):
            # It was in its place, where somebody wrote to it, and a power cut took its name back.
            await executor.place_again(path, intent)
            return
        await executor.throw_away(path, intent.stage)
        return
    await executor.tree.sync_names(path)
    await executor.clear_away(path, name, on_stage, intent.signature)
    await executor.agree_on_placed(path)


async def _discard(executor: Executor, path: str, intent: Intent) -> None:
    """Is the right file in the trash? Another one is put back."""
    trashed = await executor.tree.trashed(intent.stage)
    expected = intent.signature
    if trashed is None:
        executor.baseline.untrash(intent.stage)
        executor.baseline.settle(path)
        return
    if expected is not None and trashed.is_same_file(expected):
        await executor.tree.sync_names(path)
        executor.baseline.drop(path)
        return
    await executor.put_back(path, intent.stage)
    executor.baseline.untrash(intent.stage)
    executor.baseline.settle(path)


async def _rename(executor: Executor, path: str, intent: Intent) -> None:
    """Is the file here, and not any more where it was? If it is nowhere, it is not taken for
    deleted."""
    gone = await executor.tree.look(intent.stage)
    local = await executor.tree.look(path)
    signature = intent.signature
    is_there = gone is not None and signature is not None and gone.signature.ino == signature.ino
    if signature is None or is_there or local is None:
        executor.baseline.settle(path)
        return
    await executor.tree.sync_names(path)
    await executor.tree.sync_names(intent.stage)
    if local.signature.is_same_file(signature):
        signature = local.signature
    base = BaselineEntry(path, signature, intent.mode, intent.sha256, intent.etag, intent.size)
    executor.baseline.agree(base)
    executor.baseline.drop(intent.stage)


_RECOVERIES = {"upload": _upload, "download": _download, "discard": _discard, "rename": _rename}
