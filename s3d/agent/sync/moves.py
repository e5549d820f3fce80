"""Renames: a file that disappears at one path and appears at another with the same bytes is not
transferred again. A local rename becomes a copy within the remote; a remote one becomes a local
rename. If a pair turns out not to be a rename, the pass handles the two paths separately.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from s3d.agent.core.context import write_group
from s3d.agent.sync.baseline import Intent
from s3d.agent.sync.decide import Action, Step
from s3d.agent.sync.execute import Executor
from s3d.agent.sync.interfaces import ConcurrentChange, PathBlocked
from s3d.agent.sync.pass_scope import StepResult
from s3d.agent.sync.path_state import LocalEntry, Signature, is_folder
from s3d.agent.sync.recover import recover


class Move(NamedTuple):
    """A file that was renamed on one side. action: the step for the other side."""

    gone: Step
    new: Step

    @property
    def is_local(self) -> bool:
        """Whether the file was renamed in the local folder."""
        return self.new.action is Action.UPLOAD


def find_copies(steps: list[Step]) -> list[LocalEntry]:
    """The new files that only their bytes connect with one of several that are gone: of the same
    size, under other inodes. A folder was copied, and its source removed. Pure."""
    gone_here, _ = _gone(steps)
    renamed = {_identity(base.signature) for step in chain.from_iterable(gone_here.values())
               if (base := step.difference.base) is not None}  # fmt: skip
    return [
        local
        for step in steps
        if step.action is Action.UPLOAD
        and step.difference.base is None
        and (local := step.difference.local) is not None
        and len(gone_here.get(local.signature.size, ())) > 1
        and _identity(local.signature) not in renamed
    ]


def _identity(signature: Signature) -> tuple[int, int, int]:
    """What Signature.is_same_file() compares."""
    return signature.size, signature.mtime_ns, signature.ino


async def read_copies(executor: Executor, copies: list[LocalEntry]) -> dict[str, str]:
    """Path -> SHA-256 of these files, as far as they can be read."""
    read: dict[str, str] = {}
    for local in copies:
        if executor.policy.is_quiet(local):
            with suppress(ConcurrentChange, PathBlocked):
                read[local.path] = (await executor.tree.read(local.path, local.signature)).sha256
    return read


def find_moves(
    steps: list[Step], sha256: Mapping[str, str] | None = None
) -> tuple[list[Move], list[Step]]:
    """The pairs that look like renames, and the steps that are left. Pure.

    Local files match by size, then by inode and time, or by the SHA-256 that read_copies() has
    found; objects by size and ETag. A pair is moved only when its bytes are proven to be the same.
    """
    gone_here, gone_there = _gone(steps)
    moves, taken = [], set()
    for step in steps:
        gone = _counterpart(step, gone_here, gone_there, (sha256 or {}).get(step.path, ""))
        if gone is not None:
            moves.append(Move(gone, step))
            taken |= {gone.path, step.path}
    return moves, [step for step in steps if step.path not in taken]


def _gone(
    steps: list[Step],
) -> tuple[dict[int, list[Step]], dict[tuple[str, int], list[Step]]]:
    """What is gone here, by size, and there, by ETag and size."""
    gone_here: dict[int, list[Step]] = defaultdict(list)
    gone_there: dict[tuple[str, int], list[Step]] = defaultdict(list)
    for step in steps:
        base = step.difference.base
        if base is None or is_folder(step.path) or not base.size:
            continue
        if step.action is Action.DELETE_REMOTE and base.sha256:
            gone_here[base.size].append(step)
        elif step.action is Action.DELETE_LOCAL:
            gone_there[base.etag, base.size].append(step)
    return gone_here, gone_there


def _is_same_file(gone: Step, signature: Signature) -> bool:
    base = gone.difference.base
    return base is not None and base.signature.is_same_file(signature)


def _has_bytes(gone: Step, sha256: str) -> bool:
    base = gone.difference.base
    return base is not None and base.sha256 == sha256


def _counterpart(
    step: Step,
    gone_here: dict[int, list[Step]],
    gone_there: dict[tuple[str, int], list[Step]],
    sha256: str,
) -> Step | None:
    """Remove the counterpart from its list and return it."""
    difference = step.difference
    if difference.base is not None or is_folder(step.path):
        return None
    if step.action is Action.UPLOAD and difference.local is not None:
        found = gone_here.get(difference.local.signature.size, [])
        signature = difference.local.signature
        for gone in found:
            if _is_same_file(gone, signature) or (sha256 and _has_bytes(gone, sha256)):
                found.remove(gone)
                return gone
        if sha256:
            return None
        # Another inode: a copy that was made and its source removed. Its bytes will tell.
        return found.pop() if len(found) == 1 else None
    if step.action is Action.DOWNLOAD and difference.remote is not None:
        there = gone_there.get((difference.remote.etag, difference.remote.size), [])
        return there.pop() if there else None
    return None


async def carry_out(executor: Executor, move: Move) -> StepResult | None:
    """Execute the rename; None: it is not a rename, and the pass handles both paths separately.

    Raises Unavailable.
    """
    if any(executor.baseline.intent(step.path) is not None for step in move):
        return None  # something was begun: the separate steps see first what came of it
    try:
        return await (_copy if move.is_local else _rename)(executor, move)
    except (ConcurrentChange, PathBlocked):
        return None


async def _copy(executor: Executor, move: Move) -> StepResult:
    """Copy within the remote, then delete the old object there."""
    gone, new = move.gone.difference, move.new.difference
    base, local = gone.base, new.local
    if base is None or local is None or not executor.policy.is_quiet(local):
        raise ConcurrentChange
    if await executor.policy.excluded(new.path, local, None):
        raise ConcurrentChange
    content = await executor.tree.read(new.path, local.signature)
    if content.sha256 != base.sha256 or await executor.tree.look(gone.path) is not None:
        raise ConcurrentChange
    intent = Intent(
        "upload", local.signature, content.sha256, md5=content.etag, mode=local.mode
    )  # a copy that has arrived is as good as an upload
    executor.baseline.intend(new.path, intent)
    await executor.baseline.flush()
    with write_group():
        try:
            remote = await executor.remote_tree.copy(gone.path, base.etag, base.size, new.path)
        except ConcurrentChange:
            await recover(executor, new.path)
            raise
        agreed = base._replace(
            path=new.path, signature=local.signature, mode=local.mode,
            etag=remote.etag, size=remote.size,
        )  # fmt: skip
        executor.baseline.agree(agreed)
        await executor.remote_tree.delete(gone.path, base.etag)
    executor.baseline.drop(gone.path)
    executor.note("renamed in the bucket", new.path, f"was {base.path}")
    return StepResult(new.path, Action.MOVE, f"was {gone.path}")


async def _rename(executor: Executor, move: Move) -> StepResult:
    """Rename the local file, without a download."""
    gone, new = move.gone.difference, move.new.difference
    base, local = gone.base, gone.local
    if base is None or local is None:
        raise ConcurrentChange
    remote = await executor.remote_tree.look(new.path)
    if remote is None or not base.sha256 or remote.sha256 != base.sha256:
        raise ConcurrentChange  # no proof that it is the same
    if await executor.policy.excluded(new.path, None, remote):
        raise ConcurrentChange
    there = await executor.tree.look(gone.path)
    if there is None or not there.signature.is_same_file(base.signature):
        raise ConcurrentChange  # Somebody has written to it since the plan was made.
    intent = Intent(
        "rename", base.signature, base.sha256, remote.etag, gone.path,
        size=remote.size, mode=base.mode,
    )  # fmt: skip
    executor.baseline.intend(new.path, intent)
    await executor.baseline.flush()
    moved = await executor.tree.move(gone.path, new.path)
    if moved is None or not moved.is_same_file(base.signature):
        executor.baseline.settle(new.path)
        if moved is not None:
            await _give_back(executor, gone.path, new.path)
        raise ConcurrentChange
    executor.baseline.agree(
        base._replace(path=new.path, signature=moved, etag=remote.etag, size=remote.size)
    )
    executor.baseline.drop(gone.path)
    executor.note("renamed here", new.path, f"was {base.path}")
    return StepResult(new.path, Action.MOVE, f"was {gone.path}")


async def _give_back(executor: Executor, path: str, taken_to: str) -> None:
    """Return a file that somebody saved at path just before the rename took it along.

    If path is taken again, the file becomes a conflict copy of path, where its user saved it.
    """

    async def give(to: str) -> bool:
        return await executor.tree.move(taken_to, to) is not None

    if not await give(path):
        await executor.beside(path, give)
