"""Where the files of s3d are: the folders, the socket, and the files in them.

Without local_dir, they are in the usual folders of the system: https://specifications.freedesktop.org/basedir-spec
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from s3d.shared.errors import UsageError

if TYPE_CHECKING:
    from s3d.shared.config.schema import Config

APP = "s3d"
SOCKET_PATH_LIMIT = 103 if sys.platform == "darwin" else 107
"""Maximum length of a socket's path in bytes: the size of sun_path without its final NUL."""

_XDG = {
    "config": ("XDG_CONFIG_HOME", ".config"),
    "data": ("XDG_DATA_HOME", ".local/share"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
    "state": ("XDG_STATE_HOME", ".local/state"),
}


_OF_SOCKET = frozenset({"S3D_LOCAL_DIR", "S3D_SOCKET", "S3D_FAILPOINT"})
"""The variables that usual_socket() understands; the last one is no setting."""


class Places(msgspec.Struct, frozen=True):
    """The folders and the socket of one agent. None of them needs to exist."""

    config_dir: Path
    data_dir: Path
    cache_dir: Path
    state_dir: Path
    socket: Path
    write_queue_dir: Path
    """The pending writes."""
    read_cache_dir: Path
    """The read cache; it can be deleted while no agent runs."""
    remote_state_dir: Path | None = None
    """The part of the state folder that belongs to the remote in use; None: the folder itself."""

    @property
    def config_file(self) -> Path:
        return self.config_dir / "config.toml"

    @property
    def store_dir(self) -> Path:
        """The embedded store."""
        return self.data_dir / "store"

    @property
    def credentials_file(self) -> Path:
        return self.state_dir / "credentials"

    @property
    def admin_token_file(self) -> Path:
        """The bearer token of the admin address; it exists when it was generated."""
        return self.state_dir / "admin-token"

    @property
    def capabilities_file(self) -> Path:
        """The capabilities of the remote and its buckets."""
        return self._of_remote / "capabilities.json"

    @property
    def remote_headers_file(self) -> Path:
        """The headers by which the remote identifies itself."""
        return self._of_remote / "remote-headers.json"

    @property
    def pins_file(self) -> Path:
        """The pins of the read cache."""
        return self._of_remote / "pins.json"

    @property
    def transfers_file(self) -> Path:
        """The unfinished transfers."""
        return self._of_remote / "transfers.json"

    @property
    def unannounced_file(self) -> Path:
        """The writes that no marker has announced to other agents yet."""
        return self._of_remote / "unannounced-writes"

    @property
    def mount_metadata_file(self) -> Path:
        """The times and modes of files that mounts have seen."""
        return self._of_remote / "mount-metadata.sqlite"

    @property
    def history_dir(self) -> Path:
        """The folder of the history of objects."""
        return self._of_remote

    @property
    def receipts_dir(self) -> Path:
        """The folder of the receipts of uploads."""
        return self._of_remote

    @property
    def _of_remote(self) -> Path:
        return self.remote_state_dir or self.state_dir

    @property
    def lock_file(self) -> Path:
        return self.state_dir / "agent.lock"

    @property
    def log_file(self) -> Path:
        """The log of the agent, as one JSON object per line."""
        return self.state_dir / "agent.log"

    @property
    def crash_log_file(self) -> Path:
        """What an agent in the background writes to its standard error, such as a crash."""
        return self.state_dir / "agent.stderr"

    @property
    def access_log_file(self) -> Path:
        """The access log, unless the setting names another file."""
        return self.state_dir / "access.log"


def load(env: Mapping[str, str], flags: Mapping[str, str]) -> tuple[Config, Places]:
    """Load the configuration and find the files. Raises ConfigError, UsageError."""
    from s3d.shared.config.load import load_config  # see usual_socket()

    config = load_config(config_file(env, flags), env, flags)
    return config, find_places(config, env)


def access_log_path(config: Config, places: Places) -> Path | None:
    """Where the access log is; None when there is none."""
    if config.access_log == "off":
        return None
    return places.access_log_file if config.access_log == "on" else Path(config.access_log)


LOG_FILES = 5
"""The file that is written, and those before it."""


def rotated(path: Path, number: int) -> Path:
    """A log file that was full so many rotations ago; 0 is the one that is written."""
    return path.with_name(f"{path.name}.{number}") if number else path


def usual_socket(env: Mapping[str, str], flags: Mapping[str, str]) -> Path | None:
    """The agent's socket when only local_dir and socket are set; None: load() has to tell.

    Without a file and other variables there is no other setting to check, and the modules of the
    settings need not be imported, which would double the time of `s3d status`. Raises UsageError.
    """
    others = {name for name in env if name.startswith("S3D_") or name == "S3_ENDPOINT"}
    if not (others <= _OF_SOCKET and flags.keys() <= {"local_dir", "socket"}):
        return None
    try:
        if config_file(env, flags).exists():
            return None
        local = _absolute(flags.get("local_dir") or env.get("S3D_LOCAL_DIR"))
        own = _absolute(flags.get("socket") or env.get("S3D_SOCKET"))
    except (OSError, RuntimeError, ValueError):
        return None  # load() says what is wrong
    return _checked(own or _socket(local, local / "state" if local else _usual("state", env), env))


def config_file(env: Mapping[str, str], flags: Mapping[str, str]) -> Path:
    """The path of the TOML file: below local_dir, which only the environment and a flag can set."""
    local = flags.get("local_dir") or env.get("S3D_LOCAL_DIR")
    if local:
        return Path(local).expanduser().absolute() / "config" / "config.toml"
    return _usual("config", env) / "config.toml"


def find_places(config: Config, env: Mapping[str, str]) -> Places:
    """Find the files. Raises UsageError when the socket's path is too long for the system."""
    local = config.local_dir
    config_dir, data_dir, cache_dir, state_dir = (
        local / name if local else _usual(name, env) for name in _XDG
    )
    socket = config.socket or _socket(local, state_dir, env)
    _checked(socket)
    queue_dir = config.write_queue.dir or data_dir / "write_queue"
    read_cache_dir = config.read_cache.dir or cache_dir / "read_cache"
    return Places(config_dir, data_dir, cache_dir, state_dir, socket, queue_dir, read_cache_dir)


def _absolute(text: str | None) -> Path | None:
    if text and "\0" in text:
        raise ValueError("a path must not contain NUL")
    return Path(text).expanduser().absolute() if text else None


def _checked(socket: Path) -> Path:
    length = len(os.fsencode(socket))
    if length > SOCKET_PATH_LIMIT:
        raise UsageError(
            "the socket's path is too long",
            f"{socket} has {length} bytes, and the system allows {SOCKET_PATH_LIMIT}",
            "set S3D_SOCKET to a shorter path in a folder of your own",
        )
    return socket


def _usual(name: str, env: Mapping[str, str]) -> Path:
    if sys.platform == "darwin":
        from platformdirs import PlatformDirs

        folder: Path = getattr(PlatformDirs(APP, appauthor=False), f"user_{name}_path")
        return folder
    variable, usual = _XDG[name]  # the same as in platformdirs, whose import takes 25 ms
    xdg = env.get(variable, "")
    home = Path(env.get("HOME") or Path.home())
    return (Path(xdg) if os.path.isabs(xdg) else home / usual) / APP


def _socket(local: Path | None, state_dir: Path, env: Mapping[str, str]) -> Path:
    runtime = env.get("XDG_RUNTIME_DIR", "")
    if local is None and os.path.isabs(runtime) and os.path.isdir(runtime):
        return Path(runtime) / APP / "agent.sock"
    return (local or state_dir) / "run" / "agent.sock"
