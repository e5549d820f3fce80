"""Checks of what s3d has on the disk, and of the address of its endpoint."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from s3d.shared.access_key_file import WRITABLE, read_private
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError
from s3d.shared.findings import Finding, fail, ok, warn
from s3d.shared.paths import Places
from s3d.shared.text import size

FULL = 64 << 20
"""Bytes below which even a small disk is full soon."""
FLOOR, FLOOR_SHARE = 512 << 20, 0.05
"""As in s3d.agent.storage.disk: below the smaller of these bytes and this share of the disk, the
agent refuses writes."""
_WRITE_FOLDERS = {"data", "write queue"}
"""The folders whose disk takes the writes."""
SCARCE = 1 << 30
_OWN_SETTING = {"write queue": "S3D_WRITE_QUEUE_DIR", "cache": "S3D_READ_CACHE_DIR"}
"""The setting that moves only this folder; S3D_LOCAL_DIR moves all of them."""


def check_folders(places: Places, *, has_remote: bool) -> Iterator[Finding]:
    """Whether the agent can write where its files are, and how much room there is.

    has_remote: it has a write queue and a read cache, which may be on disks of their own.
    """
    folders = {"data": places.data_dir, "state": places.state_dir}
    if has_remote and not places.write_queue_dir.is_relative_to(places.data_dir):
        folders["write queue"] = places.write_queue_dir
    if has_remote:
        folders["cache"] = places.read_cache_dir
    for name, folder in folders.items():
        setting = _OWN_SETTING.get(name)
        remedy = f"set {setting} to a folder that you can write" if setting else WRITABLE
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        if _is_read_only(existing):
            yield fail("folders", f"the file system of {folder} is read-only", remedy)
        elif not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            yield fail("folders", f"the {name} folder {folder} cannot be written", remedy)
        else:
            usage = shutil.disk_usage(existing)
            yield _room(name, folder, free=usage.free, total=usage.total)


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _room(name: str, folder: Path, *, free: int, total: int) -> Finding:
    text = f"{size(free)} free for the {name} folder {folder}"
    setting = _OWN_SETTING.get(name, "S3D_LOCAL_DIR")
    remedy = f"free some space, or set {setting} to a folder on another disk"
    floor = min(FLOOR, int(FLOOR_SHARE * total))
    if free < floor and name in _WRITE_FOLDERS:
        return fail("disk", f"{text}: below {size(floor)}, s3d refuses writes", remedy)
    if free < FULL:
        return fail("disk", text, remedy)
    return warn("disk", text, remedy) if free < SCARCE else ok("disk", text)


def check_secrets(places: Places) -> Iterator[Finding]:
    """Whether other users can read the access keys."""
    for path in (places.credentials_file, places.admin_token_file):
        try:
            read_private(path)
        except FileNotFoundError:
            continue
        except S3dError as error:
            yield fail("credentials", error.detail or str(error), error.remedy)
        except (OSError, UnicodeDecodeError) as error:
            yield fail(
                "credentials", f"{path}: {error}", f"chown it to your user, or remove {path}"
            )
        else:
            yield ok("credentials", f"{path} is private")


def check_endpoint(config: Config, *, served: str) -> Finding:
    """Whether the endpoint's port is free, or is the agent's. served: the URL on which a running
    agent serves; "": none runs."""
    if served:
        return ok("endpoint", f"the agent serves {served}")
    host = "127.0.0.1" if config.host == "localhost" else config.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, config.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return fail(
                    "endpoint",
                    f"another program listens on port {config.port} of {host}",
                    "stop that program, or set S3D_ENDPOINT to another port (0: any free port)",
                )
            return fail(
                "endpoint",
                f"{config.endpoint}: {error.strerror}",
                "set S3D_ENDPOINT to an address of this machine and a port above 1023",
            )
    free = "picks a free port" if config.port == 0 else "is free"
    return ok("endpoint", f"{config.endpoint} {free}")
