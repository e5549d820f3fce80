"""Which folders hold the state of a remote: each base folder has one for every remote it has seen.

A base is the write queue's folder, the read cache's or the state folder. The base itself belongs to
the remote that used it first; any other remote has BASE/remotes/ID. The file remote.json in a
folder names its remote (see stores/remote/identity.py). So the state that s3d 0.1 wrote, which knew
one remote only, is adopted by one small file that is replaced atomically: there is no moment at
which a crash loses anything, and nothing is moved.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from s3d.agent.app.process import private_folder
from s3d.agent.core import failpoint
from s3d.agent.stores.remote.identity import VERSION, RemoteIdentity
from s3d.shared.atomic_file import sync_folder, write_atomically
from s3d.shared.errors import S3dError, UsageError

FILE = "remote.json"
SUBFOLDER = "remotes"


class DamagedIdentity(S3dError):
    """An identity file that cannot be decoded."""

    def __init__(self, file: Path, why: Exception) -> None:
        super().__init__(
            "cannot read which remote a folder belongs to",
            f"{file}: {why}",
            "restore the file from a copy; without it, the remote of the next start takes over "
            "the folder",
        )
        self.file = file


class RemoteFolder(NamedTuple):
    """A folder, and the remote that it belongs to."""

    path: Path
    identity: RemoteIdentity


def folders_of(base: Path) -> list[RemoteFolder]:
    """The folders below a base folder, the most recently used first.

    Raises UsageError for a file of a newer s3d, S3dError for one that cannot be read; OSError.
    """
    paths = [base]
    with suppress(FileNotFoundError):
        paths += sorted((base / SUBFOLDER).iterdir())
    found = [(path, identity) for path in paths if (identity := read_identity(path)) is not None]
    found.sort(key=lambda each: (each[0] / FILE).stat().st_mtime_ns, reverse=True)
    return [RemoteFolder(*each) for each in found]


def read_identity(folder: Path) -> RemoteIdentity | None:
    """The identity in a folder; None: it has no owner yet. Raises like folders_of."""
    file = folder / FILE
    try:
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        identity = msgspec.json.decode(data, type=RemoteIdentity)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedIdentity(file, error) from error
    if identity.version > VERSION:
        raise UsageError(
            "the state was written by a newer s3d",
            f"{file} has format {identity.version}, this s3d supports formats up to {VERSION}",
            "install that newer version",
        )
    return identity


def write_identity(folder: Path, identity: RemoteIdentity) -> None:
    """Replace the identity file, durably and atomically. Raises OSError."""
    write_atomically(
        folder / FILE,
        msgspec.json.format(msgspec.json.encode(identity), indent=2) + b"\n",
        durable=True,
        before_rename=partial(failpoint.hit, f"remote.written.{folder.name}"),
    )
    failpoint.hit(f"remote.named.{folder.name}")


def claim(base: Path, identity: RemoteIdentity) -> Path:
    """The folder of a remote in a base, made when it has none. Raises OSError, S3dError.

    identity: also replaces the one in the folder. The base itself is taken when it belongs to no
    remote yet.
    """
    private_folder(base)
    own = {each.identity.id: each for each in folders_of(base)}
    known = own.get(identity.id)
    if known is not None:
        folder = known.path
        if known.identity == identity:
            os.utime(folder / FILE)
            return folder
    elif read_identity(base) is None:
        folder = base
    else:
        private_folder(base / SUBFOLDER)
        folder = base / SUBFOLDER / identity.id
        private_folder(folder)
        sync_folder(base / SUBFOLDER)
        sync_folder(base)
    write_identity(folder, identity)
    return folder
