"""The agent as a launch agent of macOS: launchd.plist(5), launchctl(1).

It was checked as a property list only: no Mac was at hand.
"""

from __future__ import annotations

import os
import plistlib
from collections.abc import Mapping
from pathlib import Path

from s3d.cli.service.service_manager import Definition, ServiceStatus, call
from s3d.shared.atomic_file import write_atomically
from s3d.shared.errors import S3dError, UsageError

LABEL = "dev.s3d.agent"
_FOLDER = "Library/LaunchAgents"
_REMEDY = "log in to the desktop as this user, or run: s3d run"


def property_list(definition: Definition) -> bytes:
    """The launch agent: it starts at login, and again after a failure."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(definition.command),
            "EnvironmentVariables": dict(definition.env),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 10,
            "ExitTimeOut": 90,
            "ProcessType": "Background",
            "Umask": 0o077,
            "SoftResourceLimits": {"NumberOfFiles": 8192},
            "StandardErrorPath": str(definition.log),
        }
    )


class Launchd:
    """The user's domain of launchd."""

    name = "launchd"

    def __init__(self, env: Mapping[str, str]) -> None:
        self._file = Path(env.get("HOME") or Path.home(), _FOLDER, f"{LABEL}.plist")
        self._domain = f"gui/{os.getuid()}"

    def install(self, definition: Definition) -> Path:
        if definition.listening is not None:
            raise UsageError("--socket needs systemd", "launchd passes sockets in another way")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        definition.log.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, property_list(definition), durable=True, mode=0o644)
        return self._file

    def uninstall(self) -> Path | None:
        if not self._file.exists():
            return None
        if self.status().state:
            self.stop()
        self._file.unlink()
        return self._file

    def start(self) -> None:
        call(["launchctl", "bootstrap", self._domain, str(self._file)], remedy=_REMEDY)

    def stop(self) -> None:
        call(["launchctl", "bootout", f"{self._domain}/{LABEL}"], remedy=_REMEDY)

    def restart(self) -> None:
        call(["launchctl", "kickstart", "-k", f"{self._domain}/{LABEL}"], remedy=_REMEDY)

    def is_for(self, local_dir: str) -> bool:
        env = plistlib.loads(self._file.read_bytes())["EnvironmentVariables"]
        return bool(env.get("S3D_LOCAL_DIR", "") == local_dir)

    def status(self) -> ServiceStatus:
        try:
            shown = call(["launchctl", "print", f"{self._domain}/{LABEL}"], remedy="")
        except S3dError:
            shown = ""  # it is not loaded
        lines = (line.strip().partition(" = ") for line in shown.splitlines())
        values = {name: value for name, _, value in lines}
        return ServiceStatus(
            manager=self.name,
            file=str(self._file),
            installed=self._file.exists(),
            enabled=self._file.exists(),
            state=values.get("state", ""),
            pid=int(values.get("pid") or 0),
        )
