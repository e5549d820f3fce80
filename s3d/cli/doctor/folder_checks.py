"""Checks of what s3d has on the disk, and of the address of its endpoint."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError
from s3d.shared.findings import Finding, fail, ok, warn
from s3d.shared.key_file import WRITABLE, read_private
from s3d.shared.paths import Places
from s3d.shared.text import size

FULL = 64 << 20
"""Bytes below which writes are refused soon."""
SCARCE = 1 << 30


def check_folders(places: Places) -> Iterator[Finding]:
    """Whether the agent can write where its files are, and how much room there is."""
    for name, folder in (("data", places.data_dir), ("state", places.state_dir)):
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        if _is_read_only(existing):
            yield fail("folders", f"the file system of {folder} is read-only", WRITABLE)
        elif not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            yield fail("folders", f"the {name} folder {folder} cannot be written", WRITABLE)
        else:
            yield _room(name, folder, shutil.disk_usage(existing).free)


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _room(name: str, folder: Path, free: int) -> Finding:
    text = f"{size(free)} free for the {name} folder {folder}"
    remedy = "free some space, or set S3D_LOCAL_DIR to a folder on another disk"
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
    return ok("endpoint", f"{config.endpoint} is free")
