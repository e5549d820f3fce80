"""The agent as a launch agent of macOS: launchd.plist(5), launchctl(1).

It was checked as a property list only: no Mac was at hand.
"""

from __future__ import annotations

import os
import plistlib
import select
import time
from collections.abc import Mapping
from pathlib import Path

from s3d.cli.service.service_manager import Definition, ServiceStatus, call
from s3d.shared.atomic_file import write_atomically
from s3d.shared.errors import S3dError, UsageError

LABEL = "dev.s3d.agent"
_FOLDER = "Library/LaunchAgents"
_EXIT_TIMEOUT = 90
"""Seconds that the agent gets to stop, before launchd kills it."""
_POLL = 0.1
"""Seconds between two looks for the end of the agent."""
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
            "ExitTimeOut": _EXIT_TIMEOUT,
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
        """One that runs already is stopped: start() starts it as it is defined now."""
        if definition.listening is not None:
            raise UsageError("--socket needs systemd", "launchd passes sockets in another way")
        if self._is_loaded():
            self._unload()  # launchd reads the file again only when it loads it
        self._file.parent.mkdir(parents=True, exist_ok=True)
        definition.log.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, property_list(definition), durable=True, mode=0o644)
        return self._file

    def uninstall(self) -> Path | None:
        if not self._file.exists():
            return None
        if self._is_loaded():
            self._unload()
        self._file.unlink()
        return self._file

    def start(self) -> None:
        """Load it, which starts it; one that is loaded and has ended is only started."""
        if self._is_loaded():
            call(["launchctl", "kickstart", f"{self._domain}/{LABEL}"], remedy=_REMEDY)
        else:
            call(["launchctl", "bootstrap", self._domain, str(self._file)], remedy=_REMEDY)

    def stop(self) -> None:
        call(["launchctl", "bootout", f"{self._domain}/{LABEL}"], remedy=_REMEDY)

    def restart(self) -> None:
        if not self._is_loaded():
            self.start()
            return
        call(["launchctl", "kickstart", "-k", f"{self._domain}/{LABEL}"], remedy=_REMEDY)

    def _is_loaded(self) -> bool:
        return bool(self.status().state)

    def _unload(self) -> None:
        """Stop it, and wait until launchd has forgotten it: before, it cannot be loaded again."""
        self.stop()
        end = time.monotonic() + _EXIT_TIMEOUT
        while self._is_loaded() and time.monotonic() < end:
            select.select([], [], [], _POLL)

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
