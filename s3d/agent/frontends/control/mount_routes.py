"""Routes of the mounts: list, mount, unmount, and what their paths stand for.

What is mounted by a command is written to the configuration file, so it is mounted again at the
next start, until it is unmounted by a command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from aiohttp import web

from s3d.agent.core.client import S3Client
from s3d.agent.core.own_mounts import OwnMounts
from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.s3.errors import S3Error
from s3d.shared.config import toml_file
from s3d.shared.config.load import mount_of
from s3d.shared.config.mount_settings import MountConfig
from s3d.shared.errors import NotFoundError, S3dError
from s3d.shared.mounting import (
    LocateRequest,
    MountList,
    MountSpec,
    MountStatus,
    ObjectPlace,
    PlaceList,
    UnmountRequest,
)

_TABLE = "mount"
_PATIENCE = 2.0
"""Seconds that the look at a bucket may take."""


class MountControl(Protocol):
    """The mounts, as this front end needs them."""

    async def add(self, config: MountConfig) -> MountStatus: ...

    async def remove(self, folder: Path, *, force: bool = False) -> MountStatus: ...

    async def refresh(self) -> None: ...

    def statuses(self) -> list[MountStatus]: ...

    def note_saved(self, folders: Iterable[Path]) -> None: ...


class MountRoutes:
    """See the module's documentation."""

    def __init__(
        self,
        mounts: MountControl,
        own: OwnMounts,
        objects: S3Client,
        file: Path,
        declared: Collection[Path | None] = (),
    ) -> None:
        """file: the configuration file, where mounts are added and removed. declared: folders that
        other settings mount at each start, and that so have no table of their own there."""
        self._mounts = mounts
        self._objects = objects
        self._own = own
        self._file = file
        self._declared = declared

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/mounts", self.list),
            Route("POST", "/v1/mounts", self.mount),
            Route("POST", "/v1/mounts:unmount", self.unmount),
            Route("POST", "/v1/mounts:locate", self.locate),
        ]

    async def list(self, call: Call) -> web.Response:
        await self._note_saved()
        await self._mounts.refresh()
        return answer(MountList(self._mounts.statuses()))

    async def mount(self, call: Call) -> web.Response:
        spec = await call.body(MountSpec)
        config = mount_of(spec)
        if config.bucket:
            await self._check_bucket(config.bucket)
        status = await self._mounts.add(config)
        if config.dir not in self._declared:
            await asyncio.to_thread(self._write, str(config.dir), spec)
        await self._note_saved()
        return answer(msgspec.structs.replace(status, from_file=True), 201)

    async def _check_bucket(self, bucket: str) -> None:
        """Raises NoSuchBucket. A remote that does not answer is no obstacle."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._objects.output("HeadBucket", {"Bucket": bucket})
        except (S3Error, TimeoutError) as error:
            if isinstance(error, S3Error) and error.status == 404:
                raise S3Error("NoSuchBucket", BucketName=bucket) from error

    async def unmount(self, call: Call) -> web.Response:
        request = await call.body(UnmountRequest)
        dirs = [request.dir] if request.dir else [each.dir for each in self._mounts.statuses()]
        gone, failed = [], None
        for folder in dirs:
            try:
                status = await self._mounts.remove(Path(folder), force=request.force)
            except NotFoundError as error:
                raise ControlError(404, "NotFound", str(error), error.remedy) from error
            except S3dError as error:
                failed = error
                continue
            gone.append(status)
            await asyncio.to_thread(self._write, status.dir, None)
        await self._note_saved()
        if failed is not None:
            raise failed
        return answer(MountList(gone))

    async def locate(self, call: Call) -> web.Response:
        """What each path stands for. The paths are not looked at."""
        request = await call.body(LocateRequest)
        places = await asyncio.to_thread(lambda: [self._place(path) for path in request.paths])
        return answer(PlaceList(places))

    def _place(self, path: str) -> ObjectPlace | None:
        if not path.startswith("/") or "\0" in path:
            raise S3Error("InvalidArgument", f"{path} is not an absolute path.")
        try:
            place = self._own.locate(path)
        except OSError as error:
            raise S3Error("InvalidArgument", f"{path}: {error.strerror}.") from error
        return None if place is None else ObjectPlace(*place)

    async def _note_saved(self) -> None:
        """The file has changed, or may have: people edit it."""
        self._mounts.note_saved(map(Path, await asyncio.to_thread(self._saved)))

    def _saved(self) -> Mapping[str, int]:
        """The folders of the mounts in the file, and the number of their table."""
        try:
            rows = toml_file.read_tables(self._file, _TABLE)
        except (OSError, toml_file.FileError):
            return {}
        return {_folder_in(table): number for number, (_, table) in enumerate(rows)}

    def _write(self, folder: str, spec: MountSpec | None) -> None:
        """Replace the mount in the file; spec None: remove it. Raises ControlError."""
        table = None
        if spec is not None:
            values = msgspec.to_builtins(spec)
            table = {key: value for key, value in values.items() if value}
        try:
            toml_file.replace_table(
                self._file, _TABLE, lambda row: _folder_in(row) == folder, table
            )
        except (OSError, toml_file.FileError) as error:
            hint = "the change lasts until the agent stops; edit the file by hand"
            detail = f"{self._file}: {error}"
            raise ControlError(500, "InternalError", detail, hint) from error


def _folder_in(table: dict[str, object]) -> str:
    return str(Path(str(table.get("dir", ""))).expanduser().absolute())
