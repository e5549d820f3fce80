"""Routes of one sync folder: its plan, passes, pause, questions, conflicts and history."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from aiohttp import web

from s3d.agent.core.path_names import original_of
from s3d.agent.frontends.control.control_call import Call, Handler, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.s3.errors import S3Error
from s3d.agent.sync import user_actions
from s3d.agent.sync.decide import Action, Step
from s3d.agent.sync.folders import Folders
from s3d.agent.sync.mass_deletion import ApprovalNeeded, check_deletions
from s3d.shared import control
from s3d.shared.syncing import (
    Conflict,
    ConflictList,
    HistoryList,
    HistoryRow,
    PlannedStep,
    ResolveRequest,
    RestoreRequest,
    SyncPlan,
    UndoRequest,
)
from s3d.shared.transfers import Count

if TYPE_CHECKING:
    from s3d.agent.sync.folder import SyncFolder

MAX_STEPS = 1_000
"""Steps of a plan that are listed; its counts cover all of them."""


class SyncActionRoutes:
    """Each route names its folder."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def routes(self) -> list[Route]:
        folder = "/v1/sync/{name}"
        actions: dict[str, Handler] = {
            "plan": self.plan,
            "now": self.now,
            "pause": self.pause,
            "resume": self.resume,
            "approve": self.approve,
            "restore": self.restore,
            "restore-evicted": self.restore_evicted,
            "resolve": self.resolve,
            "undo": self.undo,
        }
        return [
            Route("GET", f"{folder}/diff", self.diff, frozenset({"copy"})),
            Route("GET", f"{folder}/history", self.history, frozenset({"limit", "file"})),
            Route("GET", f"{folder}/conflicts", self.conflicts),
            *(Route("POST", f"{folder}:{name}", handler) for name, handler in actions.items()),
        ]

    async def plan(self, call: Call) -> web.Response:
        folder = folder_of_call(self._folders, call)
        steps = await user_actions.plan(folder)
        return answer(sync_plan(steps, agreed=folder.baseline.count()[0]))

    async def now(self, call: Call) -> web.Response:
        """Run a pass, and respond when it has ended."""
        folder = folder_of_call(self._folders, call)
        if folder.is_paused:
            raise ControlError(
                409, control.WRONG_STATE, "the folder is paused", f"s3d sync resume {folder.name}"
            )
        return answer(await user_actions.sync_now(folder))

    async def pause(self, call: Call) -> web.Response:
        folder = folder_of_call(self._folders, call)
        await user_actions.pause(folder)
        return answer(folder.status())

    async def resume(self, call: Call) -> web.Response:
        folder = folder_of_call(self._folders, call)
        user_actions.resume(folder)
        return answer(folder.status())

    async def approve(self, call: Call) -> web.Response:
        folder = self._asking_folder(call)
        user_actions.approve(folder)
        return answer(folder.status())

    async def restore(self, call: Call) -> web.Response:
        """The number of files that are restored."""
        folder = self._asking_folder(call)
        return answer(Count(await user_actions.restore(folder)))

    async def restore_evicted(self, call: Call) -> web.Response:
        """The number of files that were downloaded again."""
        request = await call.body(RestoreRequest)
        folder = folder_of_call(self._folders, call)
        return answer(Count(await user_actions.restore_evicted(folder, request.path)))

    async def history(self, call: Call) -> web.Response:
        """The newest row first."""
        limit = call.number("limit", 100, control.MAX_PAGE)
        baseline = folder_of_call(self._folders, call).baseline
        rows = baseline.history.rows(limit, path=call.query.get("file", ""))
        return answer(
            HistoryList(
                [
                    HistoryRow(
                        row.id, row.at, row.action, row.path, row.detail,
                        bool(row.trash) and baseline.trash.get(row.trash) is not None,
                    )
                    for row in rows
                ]
            )
        )  # fmt: skip

    async def conflicts(self, call: Call) -> web.Response:
        rows = folder_of_call(self._folders, call).baseline.conflicts(control.MAX_PAGE)
        conflicts = [
            Conflict(original_of(row.path), row.path, row.size, row.signature.mtime_ns / 1e9)
            for row in rows
        ]
        return answer(ConflictList(conflicts))

    async def diff(self, call: Call) -> web.Response:
        """The difference between both sides of a conflict."""
        folder, copy = folder_of_call(self._folders, call), call.query.get("copy", "")
        if not any(row.path == copy for row in folder.baseline.conflicts(control.MAX_PAGE)):
            hint = f"s3d sync conflicts {folder.name}"
            raise ControlError(404, "NoSuchKey", "there is no such conflict copy", hint)
        return answer(await folder.here.diff_conflict(copy))

    async def resolve(self, call: Call) -> web.Response:
        request = await call.body(ResolveRequest)
        folder = folder_of_call(self._folders, call)
        if request.keep not in ("original", "copy", "both"):
            raise S3Error("InvalidArgument", "keep is original, copy or both.")
        paths = await user_actions.resolve(folder, request.copy, request.keep)
        return answer(Count(len(paths)))

    async def undo(self, call: Call) -> web.Response:
        request = await call.body(UndoRequest)
        folder = folder_of_call(self._folders, call)
        path = await user_actions.undo(folder, id=request.id, path=request.path)
        return answer(PlannedStep(path, "undone"))

    def _asking_folder(self, call: Call) -> SyncFolder:
        folder = folder_of_call(self._folders, call)
        if not folder.status().question:
            raise ControlError(409, control.WRONG_STATE, f"{folder.name} has no decision pending")
        return folder


def folder_of_call(folders: Folders, call: Call) -> SyncFolder:
    """The folder that the path names. Raises ControlError."""
    name = call.segment("name")
    folder = folders.by_name.get(name)
    if folder is None:
        hint = "s3d sync ls lists them"
        raise ControlError(404, control.NO_SUCH_FOLDER, f"there is no sync folder {name}", hint)
    return folder


def sync_plan(steps: list[Step], *, agreed: int) -> SyncPlan:
    """The steps of a pass that has not run. agreed: files that both sides have by now."""
    doubt = ""
    try:
        check_deletions(steps, agreed=agreed)
    except ApprovalNeeded as error:
        doubt = str(error)
    sizes: Counter[Action] = Counter()
    for step in steps:
        sizes[step.action] += step.size
    return SyncPlan(
        [
            PlannedStep(step.path, str(step.action), step.size, step.difference.trouble)
            for step in steps[:MAX_STEPS]
        ],
        dict(Counter(str(step.action) for step in steps)),
        sizes[Action.UPLOAD],
        sizes[Action.DOWNLOAD],
        doubt,
    )
