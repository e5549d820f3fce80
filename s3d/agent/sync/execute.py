"""Execution of the steps of a plan, one path at a time, with a condition on each write.

If a side has changed meanwhile, the path is looked at and decided again. Nothing is overwritten or
removed that was not seen: a file that was replaced unexpectedly becomes a conflict copy.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from s3d.agent.core.client import IF_ABSENT
from s3d.agent.s3.etag import unquoted
from s3d.agent.sync.baseline import Baseline, Intent
from s3d.agent.sync.decide import (
    DELETIONS,
    PLAIN,
    Action,
    DecisionInputs,
    Mode,
    SideState,
    Step,
    decide,
    side_states,
)
from s3d.agent.sync.interfaces import (
    ConcurrentChange,
    FileAttributes,
    LocalTree,
    PathBlocked,
    RemoteTree,
    StagedFile,
)
from s3d.agent.sync.pass_scope import StepResult
from s3d.agent.sync.path_state import (
    NO_BYTES,
    BaselineEntry,
    Difference,
    LocalEntry,
    RemoteEntry,
    fits,
    is_changed,
    is_folder,
)
from s3d.agent.sync.placement import ATTEMPTS, Placement, new_id
from s3d.agent.sync.recover import recover

logger = logging.getLogger(__name__)

RACY = 2 * 10**9
"""Nanoseconds after a write in which another one may leave the same times: the coarsest clock of a
file system, FAT's."""


@dataclass(frozen=True, slots=True)
class SyncPolicy:
    """The folder's settings that the executor needs."""

    excluded: Callable[[str, LocalEntry | None, RemoteEntry | None], Awaitable[str]]
    """Why it is not synced; "" if it is."""
    is_quiet: Callable[[LocalEntry], bool] = lambda local: True
    has_room: Callable[[str, int], bool] = lambda path, size: True
    """Reserve so many bytes for a download to a path."""
    tagged_out: Callable[[str, str, Mapping[str, str]], str] = lambda path, etag, tags: ""
    """Why an object (path, ETag) with these tags is not synced; "" if it is."""
    keeps_mode: bool = False


class Executor(Placement):
    """Executes steps. A path must be executed by one caller at a time."""

    def __init__(
        self,
        tree: LocalTree,
        remote_tree: RemoteTree,
        baseline: Baseline,
        policy: SyncPolicy,
        mode: Mode = Mode.TWO_WAY,
        *,
        host: str = "host",
        clock: Callable[[], float] = time.time,
        ids: Callable[[], str] = new_id,
        trash_age: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """trash_age: age of the trash in seconds, on its own clock."""
        super().__init__(tree, remote_tree, baseline)
        self.policy, self.mode = policy, mode
        self.host, self.clock, self.ids = host, clock, ids
        self.trash_age = trash_age
        self._acts: dict[Action, Callable[[Difference], Awaitable[StepResult]]] = {
            Action.UPLOAD: self._upload,
            Action.DOWNLOAD: self.download,
            Action.DELETE_LOCAL: self._delete_local,
            Action.DELETE_REMOTE: self._delete_remote,
            Action.CONFLICT: self._conflict,
            Action.ADOPT: self._adopt,
            Action.FORGET: self._forget,
            Action.UNTRACK: self._forget,
        }

    async def execute(self, step: Step) -> StepResult:
        """Execute a step after looking at both sides again. Raises Unavailable."""
        difference = step.difference
        if step.action in (Action.BLOCK, Action.LEAVE):
            return StepResult(step.path, step.action, difference.trouble)
        try:
            for _ in range(ATTEMPTS):
                try:
                    return await self._once(difference, step.action)
                except ConcurrentChange:
                    difference = await self.look(step.path)
        except PathBlocked as error:
            return StepResult(step.path, Action.BLOCK, str(error), may_pass=True)
        except (OverflowError, ValueError) as error:
            # An unexpected value, such as a time out of range, must not stop the other paths.
            logger.exception("cannot sync a path path=%s", step.path)
            why = f"{type(error).__name__}: {error}"
            return StepResult(step.path, Action.BLOCK, why, may_pass=True)
        return StepResult(step.path, Action.WAIT, "the file keeps changing")

    async def look(self, path: str) -> Difference:
        """The current state of both sides."""
        if self.baseline.intent(path) is not None:
            await recover(self, path)
        remote = await self.remote_tree.look(path)
        named = remote is None or not remote.trouble  # else no file can have such a name
        local = await self.look_here(path) if named else None
        return Difference(path, self.baseline.get(path), local, remote)

    async def look_here(self, path: str) -> LocalEntry | None:
        """The local side. A path that the system denies has a trouble; it has not been deleted."""
        try:
            return await self.tree.look(path)
        except PathBlocked as error:
            return LocalEntry(path, NO_BYTES, trouble=str(error))

    async def _once(self, difference: Difference, planned: Action) -> StepResult:
        if self.baseline.intent(difference.path) is not None:
            raise ConcurrentChange  # something was begun: see first what came of it
        inputs = await self._inputs(difference)
        action = decide(difference, self.mode, inputs)
        if action is Action.COMPARE:
            inputs = replace(inputs, equal=await self._compare(difference))
            action = decide(difference, self.mode, inputs)
        if action in DELETIONS and planned not in DELETIONS:
            # Deletions are checked for a whole plan, so an unplanned one waits for the next pass.
            return StepResult(difference.path, Action.NOTHING, more=(difference.path,))
        size = difference.remote.size if difference.remote is not None else 0
        if action is Action.DOWNLOAD and not self.policy.has_room(difference.path, size):
            action = decide(difference, self.mode, replace(inputs, has_room=False))
        act = self._acts.get(action)
        if act is None:
            why = _why(action, difference, inputs)
            return StepResult(difference.path, action, why, may_pass=action is Action.SKIP)
        return await act(difference)

    async def _inputs(self, difference: Difference) -> DecisionInputs:
        local, remote = difference.local, difference.remote
        excluded = await self.policy.excluded(difference.path, local, remote)
        if excluded:
            return DecisionInputs(excluded=excluded)
        if difference.trouble:
            return DecisionInputs(trouble=difference.trouble)
        if local is None or is_folder(local.path):
            return PLAIN
        if not self.policy.is_quiet(local):
            return DecisionInputs(is_quiet=False)
        same = await self.is_as_agreed(difference)
        return DecisionInputs(same_local=True) if same else PLAIN

    async def is_as_agreed(self, difference: Difference) -> bool:
        """Whether a file that may have changed still has the agreed bytes; if so, its new signature
        is recorded. Raises ConcurrentChange."""
        base, local = difference.base, difference.local
        if base is None or local is None or base.signature.size != local.signature.size:
            return False
        if is_folder(local.path) or local.trouble or not is_changed(base, local):
            return False
        content = await self.tree.read(local.path, local.signature)
        if content.sha256 != base.sha256:
            return False
        racy = self._is_racy(local)
        self.baseline.agree(base._replace(signature=local.signature, mode=local.mode, is_racy=racy))
        return True

    def _is_racy(self, local: LocalEntry) -> bool:
        return self.clock() * 1e9 - local.signature.mtime_ns < RACY

    async def _compare(self, difference: Difference) -> bool:
        """Whether both sides hold the same bytes. Raises ConcurrentChange when the remote's
        was made from the local one, which is no conflict; the baseline is corrected then."""
        path, local = difference.path, difference.local
        remote = await self.remote_tree.look(path)
        if local is None or remote is None:
            raise ConcurrentChange
        if is_folder(path):
            return True
        content = await self.tree.read(path, local.signature)
        if remote.parent == content.sha256 and remote.sha256 != content.sha256:
            # The remote's writer had what we have, whatever we remember.
            self.baseline.agree(self._base(local, content.sha256, replace_etag="?"))
            raise ConcurrentChange
        if local.signature.size != remote.size:
            return False
        if remote.sha256:
            return remote.sha256 == content.sha256
        if unquoted(remote.etag) == content.etag:
            return True
        _, staged = await self._stage(remote, None)
        await self.tree.drop_staged(staged.name)
        return staged.sha256 == content.sha256

    def _base(self, local: LocalEntry, sha256: str, *, replace_etag: str) -> BaselineEntry:
        size = local.signature.size
        racy = self._is_racy(local)
        return BaselineEntry(
            local.path, local.signature, local.mode, sha256, replace_etag, size, racy
        )

    async def _adopt(self, difference: Difference) -> StepResult:
        path, local = difference.path, difference.local
        remote = await self.remote_tree.look(path)
        if local is None or remote is None or remote.etag != _etag(difference.remote):
            raise ConcurrentChange
        sha256 = ""
        if not is_folder(path):
            sha256 = (await self.tree.read(path, local.signature)).sha256
        base = self._base(local, sha256, replace_etag=remote.etag)._replace(size=remote.size)
        self.baseline.agree(base)
        return StepResult(path, Action.ADOPT)

    async def _forget(self, difference: Difference) -> StepResult:
        self.baseline.drop(difference.path)
        return StepResult(difference.path, Action.FORGET)

    async def _upload(self, difference: Difference) -> StepResult:
        path, local, base = difference.path, difference.local, difference.base
        if local is None:
            raise ConcurrentChange
        there = difference.remote is not None or not difference.remote_known
        condition = base.etag if base is not None and there else IF_ABSENT
        if is_folder(path):
            remote = await self.remote_tree.put(path, None, FileAttributes(), condition)
            self.baseline.agree(BaselineEntry(path, NO_BYTES, 0, "", remote.etag, remote.size))
            return StepResult(path, Action.UPLOAD)
        content = await self.tree.read(path, local.signature)
        tags: Mapping[str, str] = {}
        if condition != IF_ABSENT:  # tags of the one that is replaced stay
            tags = await self.remote_tree.tags(path)
            excluded = self.policy.tagged_out(path, condition, tags)
            if excluded:
                return StepResult(path, Action.IGNORE, excluded)
        mode = local.mode if self.policy.keeps_mode else None
        parent = base.sha256 if base is not None else ""
        attributes = FileAttributes(local.signature.mtime_ns, mode, content.sha256, parent, tags)
        self.baseline.intend(
            path,
            Intent("upload", local.signature, content.sha256, md5=content.etag, mode=local.mode),
        )
        await self.baseline.flush()
        try:
            remote = await self.remote_tree.put(path, content, attributes, condition)
        except ConcurrentChange:
            await recover(self, path)  # an answer that was lost looks like this, too
            raise
        agreed = self._base(local, content.sha256, replace_etag=remote.etag)
        self.baseline.agree(agreed._replace(size=remote.size))
        self.note("uploaded", path, _edit_won(difference))
        delay = self.clock() - local.signature.ctime_ns / 1e9
        return StepResult(path, Action.UPLOAD, size=content.size, delay=delay)

    async def download(self, difference: Difference) -> StepResult:
        """Replace the local file, or create it. Raises ConcurrentChange, PathBlocked."""
        path, local, remote = difference.path, difference.local, difference.remote
        if remote is None:
            raise ConcurrentChange
        if is_folder(path):
            await self.tree.make_folder(path)
            self.baseline.agree(BaselineEntry(path, NO_BYTES, 0, "", remote.etag, remote.size))
            return StepResult(path, Action.DOWNLOAD)
        tags = await self.remote_tree.tags(path)
        excluded = self.policy.tagged_out(path, remote.etag, tags)
        if excluded:
            return StepResult(path, Action.IGNORE, excluded)
        remote, staged = await self._stage(remote, local)
        expected = local.signature if local is not None else None
        mode = remote.mode if self.policy.keeps_mode and remote.mode is not None else 0
        self.baseline.intend(
            path,
            Intent(
                "download", expected, staged.sha256, remote.etag, staged.name,
                staged=staged.signature, size=remote.size, mode=mode,
            ),
        )  # fmt: skip
        await self.baseline.flush()
        try:
            came_out = await self.tree.place(staged, path, expected)
        except (ConcurrentChange, PathBlocked):
            await self.throw_away(path, staged.name)
            raise
        more = await self.clear_away(path, staged.name, came_out, expected)
        await self.agree_on_placed(path)
        replaced = staged.name if came_out is not None and not more else ""
        self.note("downloaded", path, _edit_won(difference), replaced)
        delay = self.clock() - remote.modified
        return StepResult(path, Action.DOWNLOAD, size=remote.size, more=more, delay=delay)

    async def _stage(
        self, remote: RemoteEntry, local: LocalEntry | None
    ) -> tuple[RemoteEntry, StagedFile]:
        """Download the object to the stage. local: the file that it will replace."""
        found, body = await self.remote_tree.get(remote.path, remote.etag, remote.size)
        mode = local.mode if local is not None else None
        if self.policy.keeps_mode and found.mode is not None:
            mode = found.mode
        mtime_ns = found.mtime_ns if found.mtime_ns is not None else int(found.modified * 1e9)
        if not fits(mtime_ns):
            mtime_ns = int(self.clock() * 1e9)
        attributes = FileAttributes(mtime_ns, mode, found.sha256)
        async with aclosing(body):
            return found, await self.tree.receive(self.ids(), body, attributes)

    async def _delete_local(self, difference: Difference) -> StepResult:
        path, local = difference.path, difference.local
        if local is None:
            raise ConcurrentChange
        if is_folder(path):
            await self.tree.remove_folder(path)  # what is in it stays
            self.baseline.drop(path)
            return StepResult(path, Action.DELETE_LOCAL)
        if not await self.remote_tree.is_gone(path):
            raise ConcurrentChange
        name, expected = self.ids(), local.signature
        self.baseline.intend(path, Intent("discard", expected, stage=name))
        self.trash_row(name, path, expected, "deleted")
        await self.baseline.flush()
        came_out = await self.tree.discard(path, name)
        if came_out is None or not came_out.is_same_file(expected):
            await recover(self, path)
            raise ConcurrentChange
        self.baseline.drop(path)
        self.note("deleted here", path, "", name)
        return StepResult(path, Action.DELETE_LOCAL)

    async def _delete_remote(self, difference: Difference) -> StepResult:
        path, base = difference.path, difference.base
        if base is None or await self.tree.look(path) is not None:
            raise ConcurrentChange
        await self.remote_tree.delete(path, base.etag)
        self.baseline.drop(path)
        if not is_folder(path):
            self.note("deleted in the bucket", path)
        return StepResult(path, Action.DELETE_REMOTE)

    async def _conflict(self, difference: Difference) -> StepResult:
        """The remote version keeps the name, on which all devices agree; the local version is
        renamed."""
        path = difference.path

        async def give(to: str) -> bool:
            return await self.tree.move(path, to) is not None

        to = await self.beside(path, give)
        self.baseline.drop(path)
        return StepResult(path, Action.CONFLICT, f"kept as {to}", more=(path, to))


def _etag(remote: RemoteEntry | None) -> str:
    return remote.etag if remote is not None else ""


def _edit_won(difference: Difference) -> str:
    """The remark in the history for a transfer."""
    here, there = side_states(difference)
    if difference.base is not None and SideState.ABSENT in (here, there):
        return "an edit wins over a deletion"
    return ""


def _why(action: Action, difference: Difference, inputs: DecisionInputs) -> str:
    reasons = {
        Action.BLOCK: inputs.trouble,
        Action.LEAVE: inputs.trouble,
        Action.IGNORE: inputs.excluded,
        Action.WAIT: "the file is still being written",
        Action.SKIP: "there is not enough space on the disk",
        Action.KEEP: "the two sides differ, and the folder's mode does not sync this direction",
    }
    return reasons.get(action, "")
