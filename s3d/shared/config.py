"""All settings of s3d: their types, defaults, meaning, and the reading of each.

A new setting is a new field here, with its Rule; a new section is a new struct. The names follow:
see settings.py. docs/user-guide.md lists them; a test holds the two together.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from s3d.shared.conflicts import Conflicts, parse_conflicts
from s3d.shared.filters import EVERYTHING, Filter
from s3d.shared.readers import (
    is_loopback,
    read_access_key_id,
    read_addressing,
    read_auth,
    read_bool,
    read_bucket,
    read_buckets,
    read_endpoint,
    read_hosts,
    read_interval,
    read_limit,
    read_log_format,
    read_log_level,
    read_max_age,
    read_mode_of_sync,
    read_name,
    read_path,
    read_policy_server,
    read_prefix,
    read_region,
    read_remote,
    read_room,
    read_secret,
    read_text,
    read_when_full,
)
from s3d.shared.secret import Secret
from s3d.shared.settings import (
    ENV,
    FILE,
    FLAG,
    ConfigError,
    Given,
    Problem,
    Rule,
    collect,
    fill,
    settings_of,
    tables,
)
from s3d.shared.syncing import FolderSpec
from s3d.shared.timetable import Timetable, parse_timetable
from s3d.shared.units import parse_age


class QueueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[write_queue]: what lies between an accepted write and the remote. For a remote only."""

    enabled: Annotated[
        bool,
        Rule("Answer writes when they are safe on this machine, and push them then", read_bool),
    ] = True
    dir: Annotated[
        Path | None,
        Rule("Folder of the writes that wait; unset: write_queue in the data folder", read_path),
    ] = None
    max_size: Annotated[
        int,
        Rule("Bytes that may wait, at most", read_room),
    ] = 10 << 30
    max_files: Annotated[
        int,
        Rule("Writes that may wait, at most", read_limit),
    ] = 100_000
    max_age: Annotated[
        float | None,
        Rule("Age of the oldest write above which no further one gets in; none: any", read_max_age),
    ] = None
    filter: Annotated[
        Filter,
        Rule("Which writes are pushed, the others are held; empty: all", Filter.parse, lines=True),
    ] = EVERYTHING
    when_full: Annotated[
        str,
        Rule("wait: up to 60 s for room, then SlowDown; reject: SlowDown at once", read_when_full),
    ] = "wait"
    bandwidth: Annotated[
        Timetable,
        Rule('Bytes a second to the remote: 2MiB, "08:00 512KiB, 18:00 off", off', parse_timetable),
    ] = Timetable()


class CacheConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[read_cache]: what is kept of what was read. For a remote only."""

    enabled: Annotated[
        bool,
        Rule("Keep what was read on this disk, and read it from there", read_bool),
    ] = True
    dir: Annotated[
        Path | None,
        Rule("Folder of the cache; unset: read_cache in the cache folder", read_path),
    ] = None
    max_size: Annotated[
        int,
        Rule("Bytes on the disk, at most", read_room),
    ] = 10 << 30
    max_files: Annotated[
        int,
        Rule("Objects that are kept, at most", read_limit),
    ] = 100_000
    max_age: Annotated[
        float,
        Rule("Age from which the remote is asked whether it is still the same", parse_age),
    ] = 60.0
    filter: Annotated[
        Filter,
        Rule("Which objects are kept; empty: all", Filter.parse, lines=True),
    ] = EVERYTHING
    serve_stale: Annotated[
        bool,
        Rule("While the remote is away, give what is kept however old, and mark it", read_bool),
    ] = True


class SyncFolderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[[sync_folder]]: a local folder and the objects under a prefix, kept the same."""

    path: Annotated[
        Path | None,
        Rule(
            "Local folder to keep the same as a bucket; unset: none",
            read_path,
            section_default=True,
        ),
    ] = None
    bucket: Annotated[
        str,
        Rule("Bucket to keep the folder the same as", read_bucket),
    ] = ""
    prefix: Annotated[
        str,
        Rule("Prefix of the keys, with or without its slash; empty: the bucket", read_prefix),
    ] = ""
    name: Annotated[
        str,
        Rule("Name of the folder in commands; unset: the last part of its path", read_name),
    ] = ""
    mode: Annotated[
        str,
        Rule("two-way; backup: only to the bucket; mirror: only to the folder", read_mode_of_sync),
    ] = "two-way"
    filter: Annotated[
        Filter,
        Rule("Which files and objects are synced; empty: all", Filter.parse, lines=True),
    ] = EVERYTHING
    interval: Annotated[
        float,
        Rule("Time between two looks at the bucket; longer while nothing changes", read_interval),
    ] = 30.0
    max_size: Annotated[
        int | None,
        Rule("Bytes above which nothing more is downloaded; unset: what the disk has", read_room),
    ] = None
    max_files: Annotated[
        int | None,
        Rule("Files above which nothing more is downloaded; unset: any number", read_limit),
    ] = None
    keep_mode: Annotated[
        bool,
        Rule("Sync the permission bits of files too", read_bool),
    ] = False
    unsafe: Annotated[
        bool,
        Rule("Sync both ways though the remote ignores conditional writes", read_bool),
    ] = False


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one start. origin: setting -> where it was set, for those not at default."""

    local_dir: Annotated[
        Path | None,
        Rule(
            "Folder below which everything lies; unset: the usual folders of the system",
            read_path,
            sources=frozenset({ENV, FLAG}),
        ),
    ] = None
    endpoint: Annotated[
        str,
        Rule("Address to serve S3 on, http://HOST:PORT; port 0 is any free one", read_endpoint),
    ] = "http://127.0.0.1:33333"
    socket: Annotated[
        Path | None,
        Rule("Unix socket between the agent and the other commands", read_path),
    ] = None
    access_key_id: Annotated[
        str,
        Rule(
            "Access key id that clients sign with; unset: made at the first start",
            read_access_key_id,
            sources=frozenset({FILE, ENV}),
        ),
    ] = ""
    secret_access_key: Annotated[
        Secret | None,
        Rule(
            "Secret of that key; the two are set together",
            read_secret,
            secret=True,
            sources=frozenset({FILE, ENV}),
        ),
    ] = None
    auth: Annotated[
        str,
        Rule("sigv4: every request is signed; none: anyone who can connect may do all", read_auth),
    ] = "sigv4"
    buckets: Annotated[
        tuple[str, ...],
        Rule(
            "Buckets to create at the start, if they are not there",
            read_buckets,
            "--bucket",
            many=True,
        ),
    ] = ()
    hosts: Annotated[
        tuple[str, ...],
        Rule(
            "Further host names that clients may call the endpoint by",
            read_hosts,
            "--host",
            many=True,
        ),
    ] = ()
    region: Annotated[
        str,
        Rule("Region that the endpoint says it is in", read_region),
    ] = "us-east-1"
    remote: Annotated[
        str,
        Rule(
            "S3 to stand in front of: aws or a URL; empty: the embedded store",
            read_remote,
            aliases=("S3_ENDPOINT",),
        ),
    ] = ""
    remote_profile: Annotated[
        str,
        Rule("Profile of the AWS configuration with the credentials for the remote", read_text),
    ] = ""
    remote_region: Annotated[
        str,
        Rule("Region to sign for at the remote; unset: as the AWS configuration says", read_region),
    ] = ""
    remote_addressing: Annotated[
        str,
        Rule("path, virtual, or auto: virtual at AWS and path elsewhere", read_addressing),
    ] = "auto"
    probe: Annotated[
        bool,
        Rule("Find out with small objects below .s3d/ what the remote does", read_bool),
    ] = True
    write_queue: QueueConfig = QueueConfig()
    read_cache: CacheConfig = CacheConfig()
    sync_folder: SyncFolderConfig = SyncFolderConfig()
    """The one of the environment and the flags; use sync_folders."""
    sync_folders: tuple[SyncFolderConfig, ...] = ()
    """All of them, those of the file first."""
    opa_policy: Annotated[
        Path | None,
        Rule("Rego file or folder that decides what is pushed and kept; unset: none", read_path),
    ] = None
    opa_url: Annotated[
        str,
        Rule("Open Policy Agent server that decides instead; unset: none", read_policy_server),
    ] = ""
    conflicts: Annotated[
        Conflicts,
        Rule(
            'When the remote has a newer version: park, ours or theirs; "photos/=ours, park"',
            parse_conflicts,
            lines=True,
        ),
    ] = Conflicts()
    flush_timeout: Annotated[
        float,
        Rule("How long the agent goes on pushing when it is told to stop", parse_age),
    ] = 60.0
    log_level: Annotated[
        str,
        Rule(
            "debug, info, warning or error; then LOGGER=LEVEL for those that differ", read_log_level
        ),
    ] = "info"
    log_format: Annotated[
        str,
        Rule("text, or json for one JSON object a line", read_log_format),
    ] = "text"
    ephemeral: Annotated[
        bool,
        Rule("A store of this run only, gone at its end", read_bool, sources=frozenset({FLAG})),
    ] = False
    origin: Mapping[str, str] = {}

    @property
    def host(self) -> str:
        """Host to listen on, without the brackets of an IPv6 address."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def port(self) -> int:
        """Port to listen on; 0 is any free one."""
        return urlsplit(self.endpoint).port or 0


def load_config(file: Path | None, env: Mapping[str, str], flags: Mapping[str, str]) -> Config:
    """Defaults < TOML file < environment < flags (setting name -> text, lists with commas).

    An empty variable is as good as none. Raises ConfigError with every problem there is.
    """
    given, problems = collect(settings_of(Config), file, env, flags)
    config = fill(Config, given, problems)
    folders = [] if file is None else tables(SyncFolderConfig, "sync_folder", file, problems)
    if config.sync_folder.path is not None or config.sync_folder.bucket:
        folders.append(config.sync_folder)
    config = msgspec.structs.replace(config, sync_folders=tuple(folders))
    problems += _cross_checks(config, given)
    problems += _check_folders(config, given)
    if file is not None:
        problems += _open_secrets(file, given)
    if problems:
        raise ConfigError(problems)
    return msgspec.structs.replace(
        config, origin={name: value.origin for name, value in given.items()}
    )


def _cross_checks(config: Config, given: Mapping[str, Given]) -> list[Problem]:
    """What no reader of one setting can see."""
    problems = []
    pair = ("access_key_id", "secret_access_key")
    for one, other in (pair, pair[::-1]):
        if one in given and other not in given:
            message = f"{other} is not set: set both, or neither"
            problems.append(Problem(one, given[one].origin, message))
    if config.auth == "none" and not is_loopback(config.host):
        message = f"none would open {config.endpoint} to the network: use sigv4, or 127.0.0.1"
        problems.append(Problem("auth", given["auth"].origin, message))
    if config.opa_policy is not None and config.opa_url:
        message = "opa_policy is set too: set one of the two"
        problems.append(Problem("opa_url", given["opa_url"].origin, message))
    if config.ephemeral and config.remote and config.write_queue.enabled:
        message = "the writes that wait for the remote would be gone: set S3D_WRITE_QUEUE=false too"
        problems.append(Problem("ephemeral", given["ephemeral"].origin, message))
    return problems


def _check_folders(config: Config, given: Mapping[str, Given]) -> list[Problem]:
    """Each has a path and a bucket, and no two share a folder, objects or a name."""
    problems = []
    one = given.get("sync_folder.path") or given.get("sync_folder.bucket")
    origin = one.origin if one is not None else "sync_folder"
    seen: dict[str, Path] = {}
    for folder in config.sync_folders:
        place = f"sync_folder {folder.path or ''}".strip()
        if folder.path is None or not folder.bucket:
            missing = "path" if folder.path is None else "bucket"
            problems.append(Problem(f"sync_folder.{missing}", origin, f"{place}: it is not set"))
            continue
        name = name_of(folder)
        if name in seen:
            message = f"{place}: {seen[name]} has the name {name} too; set name"
            problems.append(Problem("sync_folder.name", origin, message))
        for other in seen.values():
            if folder.path.is_relative_to(other) or other.is_relative_to(folder.path):
                message = f"{place}: {other} is a sync folder too, and one lies in the other"
                problems.append(Problem("sync_folder.path", origin, message))
        seen[name] = folder.path
    return problems


def folder_of(spec: FolderSpec) -> SyncFolderConfig:
    """A sync folder as the control API has it. Raises ConfigError with every problem there is."""
    given = {
        f"sync_folder.{key}": Given(str(value).lower() if value is True else value, "the folder")
        for key, value in msgspec.to_builtins(spec).items()
        if value
    }
    problems: list[Problem] = []
    folder = fill(SyncFolderConfig, given, problems, "sync_folder.")
    if problems:
        raise ConfigError(problems)
    return folder


def name_of(folder: SyncFolderConfig) -> str:
    """The name of a sync folder in commands."""
    return folder.name or (folder.path.name if folder.path is not None else "") or "folder"


def _open_secrets(file: Path, given: Mapping[str, Given]) -> list[Problem]:
    """A file with a secret in it is its owner's only."""
    secret = given.get("secret_access_key")
    if secret is None or not secret.origin.startswith(str(file)):
        return []
    if not stat.S_IMODE(file.stat().st_mode) & 0o077:
        return []
    message = f"other users may read the file with the secret: chmod 600 {file}"
    return [Problem("secret_access_key", secret.origin, message)]
