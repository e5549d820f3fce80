"""Routes of the sync folders: list, validate, add, change and remove them.

A folder that is added or changed takes effect at once and is written to the configuration file, so
it is there at the next start. sync_action_routes.py has the routes of one folder's files.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.frontends.control.sync_action_routes import folder_of_call, sync_plan
from s3d.agent.s3.errors import S3Error
from s3d.agent.sync.folders import Folders
from s3d.shared import control
from s3d.shared.config import toml_file
from s3d.shared.config.folder_settings import SyncFolderConfig, name_of
from s3d.shared.config.load import folder_of
from s3d.shared.syncing import FolderDraft, FolderList, FolderSpec
from s3d.shared.transfers import Count

if TYPE_CHECKING:
    from s3d.agent.sync.draft_validation import DraftValidator

_NAME = re.compile(r"[\w.-]{1,64}")


class SyncFolderRoutes:
    """file: the configuration file, where folders are added and removed."""

    def __init__(self, folders: Folders, objects: S3Client, file: Path) -> None:
        self._folders, self._file = folders, file
        self._objects = objects

    @cached_property
    def _checker(self) -> DraftValidator:
        from s3d.agent.sync.draft_validation import DraftValidator  # large, and rarely needed

        return DraftValidator(self._folders, self._objects)

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/sync", self.list),
            Route("POST", "/v1/sync:catch-up", self.catch_up),
            Route("POST", "/v1/sync:validate", self.validate, frozenset({"name"})),
            Route("POST", "/v1/sync:check", self.check),
            Route("PUT", "/v1/sync/{name}", self.save, frozenset({"new"})),
            Route("DELETE", "/v1/sync/{name}", self.remove),
            Route("GET", "/v1/sync/{name}", self.show),
        ]

    async def list(self, call: Call) -> web.Response:
        return answer(FolderList([folder.status() for folder in self._folders.by_name.values()]))

    async def catch_up(self, call: Call) -> web.Response:
        """As list(), once all changes of files that were made before the call are known."""
        await self._folders.catch_up()
        return await self.list(call)

    async def show(self, call: Call) -> web.Response:
        """The status, with the settings that the configuration file has."""
        folder = folder_of_call(self._folders, call)
        spec = await asyncio.to_thread(self._spec_of, folder.name)
        return answer(msgspec.structs.replace(folder.status(), spec=spec))

    async def check(self, call: Call) -> web.Response:
        """The trouble of each field of a draft. No content of a field is an error of the call."""
        return answer(await self._checker.check(await call.body(FolderDraft)))

    async def validate(self, call: Call) -> web.Response:
        """The plan of the first pass of a folder, without adding it. name: the folder that it
        replaces."""
        config = folder_of(await call.body(FolderSpec))
        config = msgspec.structs.replace(config, name=call.query.get("name", ""))
        why = self._folders.check(config)
        if why:
            raise ControlError(
                400, "InvalidArgument", f"{config.path} cannot be a sync folder: {why}"
            )
        from s3d.agent.sync.open_folder import preview  # large, and rarely needed

        steps = await preview(self._folders.preview_context(config))
        return answer(sync_plan(steps, agreed=0))

    async def save(self, call: Call) -> web.Response:
        """Add or change the folder, here and in the configuration file. new=true: only add it."""
        name = call.segment("name")
        if not _NAME.fullmatch(name):
            raise S3Error("InvalidArgument", "A name is letters, digits, dots, - and _.")
        spec = await call.body(FolderSpec)
        config = msgspec.structs.replace(folder_of(spec), name=name)
        before = self._folders.by_name.get(name)
        if before is not None and not before.context.from_file:
            raise ControlError(409, control.WRONG_STATE, f"{name} is set by the environment")
        if before is not None and call.query.get("new") == "true":
            its = before.context.config
            raise ControlError(
                409, control.WRONG_STATE,
                f"the sync folder {name} already exists: {its.path} with {its.bucket}/{its.prefix}",
                f"choose another name, or run s3d sync rm {name} first",
            )  # fmt: skip
        folder = await self._folders.save(config)
        await asyncio.to_thread(self._write, name, spec)
        return answer(folder.status(), 201 if before is None else 200)

    async def remove(self, call: Call) -> web.Response:
        """Stop syncing the folder. Both sides stay as they are."""
        folder = folder_of_call(self._folders, call)
        if not folder.context.from_file:
            hint = "unset S3D_SYNC_FOLDER and restart the agent"
            raise ControlError(409, control.WRONG_STATE, "it is set by the environment", hint)
        await self._folders.remove(folder.name)
        await asyncio.to_thread(self._write, folder.name, None)
        return answer(Count(1))

    def _spec_of(self, name: str) -> FolderSpec | None:
        """None for a folder that is not in the file."""
        known = {field.name for field in msgspec.structs.fields(FolderSpec)}
        with suppress(OSError, toml_file.FileError):
            for _, table in toml_file.read_tables(self._file, "sync_folder"):
                if _name_in(table) == name:
                    return FolderSpec(**{k: _text(v) for k, v in table.items() if k in known})
        return None

    def _write(self, name: str, spec: FolderSpec | None) -> None:
        """Replace the folder in the file; spec None: remove it. Raises ControlError."""
        table = None
        if spec is not None:
            values = msgspec.to_builtins(spec)
            table = {"name": name} | {key: value for key, value in values.items() if value}
        try:
            toml_file.replace_table(
                self._file, "sync_folder", lambda row: _name_in(row) == name, table
            )
        except (OSError, toml_file.FileError) as error:
            detail = f"{self._file}: {error}"
            hint = "the change lasts until the agent stops; edit the file by hand"
            raise ControlError(500, "InternalError", detail, hint) from error


def _text(value: object) -> Any:
    """As the form of the terminal app shows a value: a list of terms on one line."""
    if isinstance(value, bool):
        return value
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)


def _name_in(table: dict[str, object]) -> str:
    path = table.get("path")
    config = SyncFolderConfig(
        name=str(table.get("name", "")), path=Path(str(path)) if path else None
    )
    return name_of(config)
