"""Where the files of s3d are: the folders, the socket, and the files in them.

Without local_dir, they are in the usual folders of the system: https://specifications.freedesktop.org/basedir-spec
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from s3d.shared.socket_path import XDG, checked_socket, config_file, default_socket, usual_folder

if TYPE_CHECKING:
    from s3d.shared.config.schema import Config


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


def find_places(config: Config, env: Mapping[str, str]) -> Places:
    """Find the files. Raises UsageError when the socket's path is too long for the system."""
    local = config.local_dir
    config_dir, data_dir, cache_dir, state_dir = (
        local / name if local else usual_folder(name, env) for name in XDG
    )
    socket = config.socket or default_socket(local, state_dir, env)
    checked_socket(socket)
    queue_dir = config.write_queue.dir or data_dir / "write_queue"
    read_cache_dir = config.read_cache.dir or cache_dir / "read_cache"
    return Places(config_dir, data_dir, cache_dir, state_dir, socket, queue_dir, read_cache_dir)
