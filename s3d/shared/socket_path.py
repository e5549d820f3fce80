"""Where the socket of the agent is, and the usual folders of the system for its files.

This module imports neither the settings nor msgspec: `s3d status` starts with it, see quick_status.
https://specifications.freedesktop.org/basedir-spec
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from s3d.shared.errors import UsageError

APP = "s3d"
SOCKET_PATH_LIMIT = 103 if sys.platform == "darwin" else 107
"""Maximum length of a socket's path in bytes: the size of sun_path without its final NUL."""

XDG = {
    "config": ("XDG_CONFIG_HOME", ".config"),
    "data": ("XDG_DATA_HOME", ".local/share"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
    "state": ("XDG_STATE_HOME", ".local/state"),
}
"""Folder -> the variable that names its parent, and the parent below the home without it."""

_SOCKET_VARIABLES = frozenset({"S3D_LOCAL_DIR", "S3D_SOCKET", "S3D_FAILPOINT"})
"""The variables that usual_socket() understands; the last one is no setting."""
_SETTING = b"socket"
"""Its name in the file."""


def usual_socket(env: Mapping[str, str], flags: Mapping[str, str]) -> Path | None:
    """The agent's socket when only local_dir and socket are set in the environment, and the file
    does not name a socket; None: load() has to tell.

    The modules of the settings need not be imported then, which would double the time of
    `s3d status`. What else is in the file only the agent has to understand. Raises UsageError.
    """
    others = {name for name in env if name.startswith("S3D_") or name == "S3_ENDPOINT"}
    if not (others <= _SOCKET_VARIABLES and flags.keys() <= {"local_dir", "socket"}):
        return None
    try:
        if _SETTING in _content(config_file(env, flags)):
            return None
        local = _absolute(flags.get("local_dir") or env.get("S3D_LOCAL_DIR"))
        own = _absolute(flags.get("socket") or env.get("S3D_SOCKET"))
    except (OSError, RuntimeError, ValueError):
        return None  # load() says what is wrong
    state_dir = local / "state" if local else usual_folder("state", env)
    return checked_socket(own or default_socket(local, state_dir, env))


def config_file(env: Mapping[str, str], flags: Mapping[str, str]) -> Path:
    """The path of the TOML file: below local_dir, which only the environment and a flag can set."""
    local = flags.get("local_dir") or env.get("S3D_LOCAL_DIR")
    if local:
        return Path(local).expanduser().absolute() / "config" / "config.toml"
    return usual_folder("config", env) / "config.toml"


def _content(file: Path) -> bytes:
    """Empty when there is no file. Raises OSError."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _absolute(text: str | None) -> Path | None:
    if text and "\0" in text:
        raise ValueError("a path must not contain NUL")
    return Path(text).expanduser().absolute() if text else None


def checked_socket(socket: Path) -> Path:
    """The path itself. Raises UsageError when it is too long for the system."""
    length = len(os.fsencode(socket))
    if length > SOCKET_PATH_LIMIT:
        raise UsageError(
            "the socket's path is too long",
            f"{socket} has {length} bytes, and the system allows {SOCKET_PATH_LIMIT}",
            "set S3D_SOCKET to a shorter path in a folder of your own",
        )
    return socket


def usual_folder(name: str, env: Mapping[str, str]) -> Path:
    """The folder of s3d where the system has it. name: a key of XDG."""
    if sys.platform == "darwin":
        from platformdirs import PlatformDirs

        folder: Path = getattr(PlatformDirs(APP, appauthor=False), f"user_{name}_path")
        return folder
    variable, usual = XDG[name]  # the same as in platformdirs, whose import takes 25 ms
    xdg = env.get(variable, "")
    home = Path(env.get("HOME") or Path.home())
    return (Path(xdg) if os.path.isabs(xdg) else home / usual) / APP


def default_socket(local: Path | None, state_dir: Path, env: Mapping[str, str]) -> Path:
    """The socket unless a setting names one. local: the setting local_dir."""
    runtime = env.get("XDG_RUNTIME_DIR", "")
    if local is None and os.path.isabs(runtime) and os.path.isdir(runtime):
        return Path(runtime) / APP / "agent.sock"
    return (local or state_dir) / "run" / "agent.sock"
