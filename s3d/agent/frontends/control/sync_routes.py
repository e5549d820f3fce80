"""The sync folders: how they are, what they would do, and what a person says to it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.control.routing import Call, ControlError, Route, answer
from s3d.agent.s3.errors import S3Error
from s3d.agent.sync import user_actions
from s3d.agent.sync.decide import Action, MassDeletionGuard, Step, check
from s3d.agent.sync.draft_validation import DraftValidator
from s3d.agent.sync.folder import SyncFolder
from s3d.agent.sync.folders import Folders
from s3d.agent.sync.interfaces import PathBlocked, Unavailable
from s3d.agent.sync.names import original_of
from s3d.agent.sync.open_folder import preview
from s3d.agent.sync.passes import RootGone
from s3d.shared import control
from s3d.shared.config import toml_file
from s3d.shared.config.load import folder_of, name_of
from s3d.shared.config.schema import SyncFolderConfig
from s3d.shared.syncing import (
    Conflict,
    ConflictList,
    FolderDraft,
    FolderList,
    FolderSpec,
    HistoryList,
    HistoryRow,
    PlannedStep,
    ResolveRequest,
    SyncPlan,
    UndoRequest,
)
from s3d.shared.transfers import Count

STEPS = 1_000
"""Steps of a plan that are listed."""
_NAME = re.compile(r"[\w.-]{1,64}")


class SyncRoutes:
    """config_file: where folders are added and removed."""

    def __init__(self, folders: Folders, objects: S3Client, file: Path) -> None:
        self._folders, self._file = folders, file
        self._checker = DraftValidator(folders, objects)

    def routes(self) -> list[Route]:
        acts: dict[str, Callable[[Call], Awaitable[web.StreamResponse]]] = {
            "plan": self.plan,
            "now": self.now,
            "pause": self.pause,
            "resume": self.resume,
            "approve": self.approve,
            "restore": self.restore,
            "resolve": self.resolve,
            "undo": self.undo,
        }
        return [
            Route("GET", "/v1/sync", self.list),
            Route("POST", "/v1/sync:validate", self.validate, frozenset({"name"})),
            Route("POST", "/v1/sync:check", self.check),
            Route("GET", "/v1/sync/{name}/diff", self.diff, frozenset({"copy"})),
            Route("PUT", "/v1/sync/{name}", self.save, frozenset({"new"})),
            Route("DELETE", "/v1/sync/{name}", self.remove),
            Route("GET", "/v1/sync/{name}", self.show),
            Route("GET", "/v1/sync/{name}/history", self.history, frozenset({"limit", "file"})),
            Route("GET", "/v1/sync/{name}/conflicts", self.conflicts),
            *(Route("POST", f"/v1/sync/{{name}}:{word}", act) for word, act in acts.items()),
        ]

    def _folder(self, call: Call) -> SyncFolder:
        name = call.request.match_info["name"]
        folder = self._folders.by_name.get(name)
        if folder is None:
            hint = "s3d sync ls lists them"
            raise ControlError(404, control.NO_SUCH_FOLDER, f"there is no sync folder {name}", hint)
        return folder

    async def list(self, call: Call) -> web.Response:
        return answer(FolderList([folder.status() for folder in self._folders.by_name.values()]))

    async def show(self, call: Call) -> web.Response:
        """With its settings as the configuration file has them."""
        folder = self._folder(call)
        spec = await asyncio.to_thread(self._spec_of, folder.name)
        return answer(msgspec.structs.replace(folder.status(), spec=spec))

    def _spec_of(self, name: str) -> FolderSpec | None:
        """None when it is not in the file."""
        known = {field.name for field in msgspec.structs.fields(FolderSpec)}
        with suppress(OSError, toml_file.FileError):
            for _, table in toml_file.read_tables(self._file, "sync_folder"):
                if _name_in(table) == name:
                    return FolderSpec(**{k: _text(v) for k, v in table.items() if k in known})
        return None

    async def check(self, call: Call) -> web.Response:
        """A word for each field of a draft; never an error for what is written in it."""
        return answer(await self._checker.check(await call.body(FolderDraft)))

    async def diff(self, call: Call) -> web.Response:
        """Both sides of a conflict."""
        folder, copy = self._folder(call), call.query.get("copy", "")
        with asked():
            if not any(row.path == copy for row in folder.baseline.conflicts(control.MAX_PAGE)):
                hint = f"s3d sync conflicts {folder.name}"
                raise ControlError(404, "NoSuchKey", "there is no such conflict copy", hint)
            return answer(await folder.here.diff_conflict(copy))

    async def validate(self, call: Call) -> web.Response:
        """What a folder would do first, were it added; nothing is changed. name: the one whose
        place it takes."""
        config = folder_of(await call.body(FolderSpec))
        config = msgspec.structs.replace(config, name=call.query.get("name", ""))
        why = self._folders.check(config)
        if why:
            raise ControlError(
                400, "InvalidArgument", f"{config.path} cannot be a sync folder: {why}"
            )
        with asked():
            steps = await preview(self._folders.settings_of(config, Path()))
        return answer(_plan(steps, agreed=0))

    async def save(self, call: Call) -> web.Response:
        """Add the folder, or change it, in the configuration file too. new=true: only add it."""
        name = call.request.match_info["name"]
        if not _NAME.fullmatch(name):
            raise S3Error("InvalidArgument", "A name is letters, digits, dots, - and _.")
        spec = await call.body(FolderSpec)
        config = msgspec.structs.replace(folder_of(spec), name=name)
        before = self._folders.by_name.get(name)
        if before is not None and not before.settings.from_file:
            raise ControlError(409, control.WRONG_STATE, f"{name} is set by the environment")
        if before is not None and call.query.get("new") == "true":
            its = before.settings.config
            raise ControlError(
                409, control.WRONG_STATE,
                f"there is a sync folder {name} already: {its.path} with {its.bucket}/{its.prefix}",
                f"give this one another name, or s3d sync rm {name} first",
            )  # fmt: skip
        folder = await self._folders.save(config)
        await asyncio.to_thread(self._write, name, spec)
        return answer(folder.status(), 201 if before is None else 200)

    def _write(self, name: str, spec: FolderSpec | None) -> None:
        """Have the file say so; spec None: not any more. Raises ControlError."""
        try:
            rows = toml_file.read_tables(self._file, "sync_folder")
            for number, (_, table) in reversed(list(enumerate(rows))):
                if _name_in(table) == name:
                    toml_file.remove_table(self._file, "sync_folder", number)
            if spec is not None:
                values = msgspec.to_builtins(spec)
                table = {"name": name} | {key: value for key, value in values.items() if value}
                toml_file.add_table(self._file, "sync_folder", table)
        except (OSError, toml_file.FileError) as error:
            detail = f"{self._file}: {error}"
            hint = "until the agent ends it is as you said; write it into the file by hand"
            raise ControlError(500, "InternalError", detail, hint) from error

    async def remove(self, call: Call) -> web.Response:
        """Sync it no more. Both sides stay as they are."""
        folder = self._folder(call)
        if not folder.settings.from_file:
            hint = "unset S3D_SYNC_FOLDER and start the agent again"
            raise ControlError(409, control.WRONG_STATE, "it is set by the environment", hint)
        await self._folders.remove(folder.name)
        await asyncio.to_thread(self._write, folder.name, None)
        return answer(Count(1))

    async def plan(self, call: Call) -> web.Response:
        folder = self._folder(call)
        with asked():
            steps = await user_actions.plan(folder)
            return answer(_plan(steps, agreed=folder.baseline.count()[0]))

    async def now(self, call: Call) -> web.Response:
        """Answered when the pass is over."""
        folder = self._folder(call)
        if folder.is_paused:
            raise ControlError(
                409, control.WRONG_STATE, "it is paused", f"s3d sync resume {folder.name}"
            )
        with asked():
            return answer(await user_actions.sync_now(folder))

    async def pause(self, call: Call) -> web.Response:
        folder = self._folder(call)
        with asked():
            await user_actions.pause(folder)
        return answer(folder.status())

    async def resume(self, call: Call) -> web.Response:
        folder = self._folder(call)
        with asked():
            user_actions.resume(folder)
        return answer(folder.status())

    async def approve(self, call: Call) -> web.Response:
        folder = self._asking(call)
        user_actions.approve(folder)
        return answer(folder.status())

    async def restore(self, call: Call) -> web.Response:
        """How many files come back."""
        folder = self._asking(call)
        with asked():
            return answer(Count(await user_actions.restore(folder)))

    def _asking(self, call: Call) -> SyncFolder:
        folder = self._folder(call)
        if not folder.status().question:
            raise ControlError(409, control.WRONG_STATE, f"{folder.name} asks nothing")
        return folder

    async def history(self, call: Call) -> web.Response:
        """The newest first."""
        limit = call.number("limit", 100, control.MAX_PAGE)
        with asked():
            baseline = self._folder(call).baseline
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
        with asked():
            found = self._folder(call).baseline.conflicts(control.MAX_PAGE)
        rows = [
            Conflict(original_of(row.path), row.path, row.size, row.signature.mtime_ns / 1e9)
            for row in found
        ]
        return answer(ConflictList(rows))

    async def resolve(self, call: Call) -> web.Response:
        wanted = await call.body(ResolveRequest)
        folder = self._folder(call)
        if wanted.keep not in ("original", "copy", "both"):
            raise S3Error("InvalidArgument", "keep is original, copy or both.")
        with asked():
            paths = await user_actions.resolve(folder, wanted.copy, wanted.keep)
        return answer(Count(len(paths)))

    async def undo(self, call: Call) -> web.Response:
        wanted = await call.body(UndoRequest)
        folder = self._folder(call)
        with asked():
            path = await user_actions.undo(folder, id=wanted.id, path=wanted.path)
        return answer(PlannedStep(path, "undone"))


def _text(value: object) -> Any:
    """As the form has it: a list of terms on one line."""
    if isinstance(value, bool):
        return value
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)


@contextmanager
def asked() -> Iterator[None]:
    """The engine's errors as answers."""
    try:
        yield
    except Unavailable as error:
        raise ControlError(503, "ServiceUnavailable", str(error)) from error
    except RootGone as error:
        raise ControlError(409, control.WRONG_STATE, str(error) or "the folder is gone") from error
    except MassDeletionGuard as error:
        hint = "s3d sync plan shows it; then s3d sync approve, or s3d sync restore"
        raise ControlError(409, control.WRONG_STATE, str(error), hint) from error
    except PathBlocked as error:
        raise ControlError(409, control.WRONG_STATE, str(error)) from error


def _plan(steps: list[Step], *, agreed: int) -> SyncPlan:
    doubt = ""
    try:
        check(steps, agreed=agreed)
    except MassDeletionGuard as error:
        doubt = str(error)
    sizes: Counter[Action] = Counter()
    for step in steps:
        sizes[step.action] += step.size
    return SyncPlan(
        [
            PlannedStep(step.path, str(step.action), step.size, step.difference.trouble)
            for step in steps[:STEPS]
        ],
        dict(Counter(str(step.action) for step in steps)),
        sizes[Action.UPLOAD],
        sizes[Action.DOWNLOAD],
        doubt,
    )


def _name_in(table: dict[str, object]) -> str:
    path = table.get("path")
    config = SyncFolderConfig(
        name=str(table.get("name", "")), path=Path(str(path)) if path else None
    )
    return name_of(config)
