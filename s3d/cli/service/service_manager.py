"""The interface of service managers, and what they share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from s3d.shared.errors import S3dError

PLACES = (
    "S3D_LOCAL_DIR", "S3D_SOCKET",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME",
)  # fmt: skip
"""Variables that say where the files of s3d are. The configuration file cannot have them, so the
service gets those that are set when it is installed."""


class Listening(msgspec.Struct, frozen=True):
    """Where the service manager listens in place of the agent."""

    endpoint: str
    """HOST:PORT of the S3 endpoint."""
    control: Path
    """Path of the control socket."""


class Definition(msgspec.Struct, frozen=True):
    """What the service is to run."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    """Variables for the agent, besides those that the manager gives every service."""
    log: Path
    """Where a manager without a journal writes the standard error of the agent."""
    mounts: bool = False
    """The agent mounts buckets, which needs fusermount3."""
    listening: Listening | None = None
    """None: the agent itself listens."""


class ServiceStatus(msgspec.Struct, frozen=True):
    """What `s3d service status` shows."""

    manager: str
    """systemd or launchd."""
    file: str
    """Of the service's definition."""
    installed: bool
    enabled: bool
    """It starts at login."""
    state: str
    """As the manager names it: active, inactive, failed, ...; "" when it cannot be asked."""
    pid: int = 0
    """0: it does not run."""
    lingers: bool | None = None
    """It runs without a login, too; None: not known here."""


class ServiceManager(Protocol):
    """Installs, starts and stops the agent as a service. Each method raises S3dError."""

    name: str

    def install(self, definition: Definition) -> Path:
        """Write the definition and let it start at login; its file. It may be there already."""

    def uninstall(self) -> Path | None:
        """Stop it and remove the definition; its file, or None when there was none."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def restart(self) -> None: ...

    def status(self) -> ServiceStatus: ...

    def is_for(self, local_dir: str) -> bool:
        """Whether the service that is installed has this S3D_LOCAL_DIR; "": the usual folders."""


def agent_command() -> list[str]:
    """The command that starts the agent, by absolute paths, because services have another PATH."""
    script = Path(sys.executable).with_name("s3d")
    start = [str(script)] if os.access(script, os.X_OK) else [sys.executable, "-m", "s3d"]
    return [*start, "run"]


def call(command: Sequence[str], *, remedy: str) -> str:
    """What a command of the service manager prints. Raises S3dError with the remedy."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise S3dError(f"cannot run {command[0]}", error.strerror or "", remedy) from error
    if done.returncode:
        why = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
        raise S3dError(f"{' '.join(command)} failed", why.splitlines()[-1], remedy)
    return done.stdout
