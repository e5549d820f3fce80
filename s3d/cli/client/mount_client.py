"""The client's part for mounts."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from s3d.cli.client.control_client import ControlClient
from s3d.shared.mounting import (
    FILE_SYSTEM,
    LocateRequest,
    MountList,
    MountSpec,
    MountStatus,
    ObjectPlace,
    PlaceList,
    UnmountRequest,
)

_TABLE = Path("/proc/self/mounts")


class MountClient:
    """Mounts, by the routes of frontends/control/mount_routes.py."""

    def __init__(self, client: ControlClient) -> None:
        self._client = client

    def list(self) -> list[MountStatus]:
        return self._client.request("GET", "/v1/mounts", MountList).mounts

    def mount(self, spec: MountSpec) -> MountStatus:
        """Return when it is mounted."""
        return self._client.request("POST", "/v1/mounts", MountStatus, spec)

    def unmount(self, folder: str = "", *, force: bool = False) -> Sequence[MountStatus]:
        """folder "": all mounts. Returns those that are gone."""
        request = UnmountRequest(folder, force)
        return self._client.request("POST", "/v1/mounts:unmount", MountList, request).mounts

    def locate(self, paths: Sequence[str]) -> Sequence[ObjectPlace | None]:
        """What absolute paths stand for; None: a path is in no mount of the agent."""
        request = LocateRequest(list(paths))
        return self._client.request("POST", "/v1/mounts:locate", PlaceList, request).places


def is_in_a_mount(path: str) -> bool:
    """Whether a path is in a mount of some agent. The table of mounts decides, and most machines
    have none, so that commands without mounts ask no agent."""
    if sys.platform != "linux":
        return False
    rows = [line.split(" ") for line in _TABLE.read_text(errors="surrogateescape").splitlines()]
    if not any(row[2] == FILE_SYSTEM for row in rows if len(row) > 2):
        return False
    real = os.path.realpath(os.path.expanduser(path))
    return any(
        len(row) > 2 and row[2] == FILE_SYSTEM and Path(real).is_relative_to(_decoded(row[1]))
        for row in rows
    )


def _decoded(text: str) -> str:
    """Spaces and backslashes are octal numbers in the table."""
    return text.encode(errors="surrogateescape").decode("unicode_escape")
