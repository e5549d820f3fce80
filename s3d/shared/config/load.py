"""Load the configuration: defaults < TOML file < environment < flags; then check it as a whole."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from s3d.shared.config.after_upload import AfterUpload
from s3d.shared.config.bucket_tables import declared_buckets
from s3d.shared.config.folder_settings import (
    SyncFolderConfig,
    check_folders,
    numbered_folders,
    without_numbered,
)
from s3d.shared.config.mount_settings import MountConfig, check_mounts, mount_of_fuse
from s3d.shared.config.notification_settings import TARGET, NotificationTargetConfig, check_targets
from s3d.shared.config.rules import (
    ConfigError,
    Given,
    Problem,
    S,
    collect,
    fill,
    settings_of,
    tables,
)
from s3d.shared.config.schema import Config
from s3d.shared.config.validators import is_loopback
from s3d.shared.mounting import MountSpec
from s3d.shared.syncing import FolderSpec


def load_config(file: Path | None, env: Mapping[str, str], flags: Mapping[str, str]) -> Config:
    """Load the settings. flags: setting name -> text, with commas between the items of a list.

    An empty variable counts as unset. Raises ConfigError with every problem at once.
    """
    given, problems = collect(settings_of(Config), file, without_numbered(env), flags)
    config = fill(Config, given, problems)
    folders = [] if file is None else tables(SyncFolderConfig, "sync_folder", file, problems)
    fixed = numbered_folders(env, problems)
    if config.sync_folder.path is not None or config.sync_folder.bucket:
        fixed.insert(0, config.sync_folder)
    folders += fixed
    mounts = mount_of_fuse(config.fuse)
    if file is not None:
        mounts += tables(MountConfig, "mount", file, problems)
    targets = [] if file is None else tables(NotificationTargetConfig, TARGET, file, problems)
    problems += _open_target_secrets(file, targets)
    if config.notification_target.name or config.notification_target.url:
        targets.append(config.notification_target)
    buckets = [] if file is None else declared_buckets(file, problems)
    config = msgspec.structs.replace(
        config,
        sync_folders=tuple(folders),
        fixed_folders=tuple(fixed),
        mounts=tuple(mounts),
        notification_targets=tuple(targets),
        declared_buckets=tuple(buckets),
    )
    problems += _cross_checks(config, given)
    problems += check_folders(config.sync_folders, given)
    problems += _check_after_upload(config, given)
    problems += check_targets(
        config.notification_targets, config.notification_target, given, str(file)
    )
    synced = [folder.path for folder in folders if folder.path is not None]
    problems += check_mounts(config.mounts, synced, given)
    if file is not None:
        problems += _open_secrets(file, given)
    if problems:
        raise ConfigError(problems)
    return msgspec.structs.replace(
        config, origin={name: value.origin for name, value in given.items()}
    )


def _cross_checks(config: Config, given: Mapping[str, Given]) -> list[Problem]:
    """Problems between settings, which no validator of a single setting can see."""
    problems = []
    pair = ("access_key_id", "secret_access_key")
    for one, other in (pair, pair[::-1]):
        if one in given and other not in given:
            message = f"{other} is not set: set both or neither"
            problems.append(Problem(one, given[one].origin, message))
    if config.auth == "none" and not is_loopback(config.host):
        message = f"none would open {config.endpoint} to the network: use sigv4, or 127.0.0.1"
        problems.append(Problem("auth", given["auth"].origin, message))
    if config.admin == config.endpoint and config.port:
        message = f"{config.admin} is the address of S3 (endpoint): use another port"
        problems.append(Problem("admin", given["admin"].origin, message))
    if config.opa_policy is not None and config.opa_url:
        message = "opa_policy is set too: set one of the two"
        problems.append(Problem("opa_url", given["opa_url"].origin, message))
    if config.ephemeral and config.remote and config.write_queue.enabled:
        message = "pending writes would be lost at the end: set S3D_WRITE_QUEUE=false too"
        problems.append(Problem("ephemeral", given["ephemeral"].origin, message))
    if config.remote and config.declared_buckets:
        origin = config.declared_buckets[0].origin
        message = "only for the embedded store: unset S3D_REMOTE, or leave the buckets out"
        problems.append(Problem("bucket", origin, message))
    if config.config_url and not config.remote:
        message = "it names an object of the remote: set S3D_REMOTE"
        problems.append(Problem("config_url", given["config_url"].origin, message))
    for name in ("test", "seed"):
        if config.remote and getattr(config, name):
            message = "only for the embedded store: unset S3D_REMOTE"
            problems.append(Problem(name, given[name].origin, message))
    return problems


def _check_after_upload(config: Config, given: Mapping[str, Given]) -> list[Problem]:
    """Problems of after_upload: a folder that is not a backup must keep its files."""
    why = why_not_evicted(config.after_upload, config.sync_folders)
    if not why:
        return []
    origin = given["after_upload"].origin if "after_upload" in given else "after_upload"
    return [Problem("after_upload", origin, why)]


def why_not_evicted(policy: AfterUpload, folders: Iterable[SyncFolderConfig]) -> str:
    """Why a policy cannot be used together with these sync folders; "" when it can."""
    for folder in folders:
        is_safe = folder.mode == "backup" or not folder.bucket
        if is_safe or not policy.evicts_below(folder.bucket, folder.prefix):
            continue
        place = f"{folder.bucket}/{folder.prefix}"
        return (
            f"it would evict files of {folder.path}, which is a {folder.mode} folder: "
            f"add {place}=keep, or set the mode of the folder to backup"
        )
    return ""


def _open_target_secrets(
    file: Path | None, targets: Iterable[NotificationTargetConfig]
) -> list[Problem]:
    """As _open_secrets, for the [[notification_target]] of a file."""
    private = [each for each in targets if each.secret or each.token or each.secret_access_key]
    if file is None or not private or not _is_open(file):
        return []
    return [
        Problem(f"{TARGET}.secret", str(file), f"{TARGET} {target.name}: {_open(file)}")
        for target in private
    ]


def folder_of(spec: FolderSpec) -> SyncFolderConfig:
    """The settings of a sync folder from the control API. Raises ConfigError with every problem."""
    return _of_api(SyncFolderConfig, spec, "sync_folder")


def mount_of(spec: MountSpec) -> MountConfig:
    """The settings of a mount from the control API. Raises ConfigError with every problem."""
    return _of_api(MountConfig, spec, "mount")


def _of_api(struct: type[S], spec: msgspec.Struct, table: str) -> S:
    given = {
        f"{table}.{key}": Given(str(value).lower() if value is True else value, f"the {table}")
        for key, value in msgspec.to_builtins(spec).items()
        if value
    }
    problems: list[Problem] = []
    filled = fill(struct, given, problems, f"{table}.")
    if problems:
        raise ConfigError(problems)
    return filled


def _open_secrets(file: Path, given: Mapping[str, Given]) -> list[Problem]:
    """A file that holds a secret must be readable only by its owner."""
    secrets = [name for name, setting in settings_of(Config).items() if setting.rule.secret]
    in_file = [
        name for name in secrets if name in given and given[name].origin.startswith(str(file))
    ]
    if not in_file or not _is_open(file):
        return []
    return [Problem(name, given[name].origin, _open(file)) for name in in_file]


def _is_open(file: Path) -> bool:
    return bool(stat.S_IMODE(file.stat().st_mode) & 0o077)


def _open(file: Path) -> str:
    return f"other users can read the file, and it holds a secret: chmod 600 {file}"
