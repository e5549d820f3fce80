"""Damaged state files: how they are found, rebuilt or reported.

pins.json and transfers.json are renamed and the agent continues without them; as long as the
renamed file is there, its owner may want its content, so the status and s3d check name it. A
remote.json is written again from its copies in the other folders, but only when they leave no
doubt: a wrong guess would push the writes of one remote to another."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from s3d.agent.app.remote_folders import (
    FILE,
    SUBFOLDER,
    DamagedIdentity,
    read_identity,
    write_identity,
)
from s3d.agent.stores.remote.identity import RemoteIdentity
from s3d.shared.diagnostics import Damage
from s3d.shared.errors import S3dError
from s3d.shared.paths import Places

logger = logging.getLogger(__name__)


def damaged_identities(base: Path) -> list[DamagedIdentity]:
    """The remote.json files of a base that cannot be decoded. Blocks."""
    found = []
    for folder in _folders(base):
        try:
            read_identity(folder)
        except DamagedIdentity as error:
            found.append(error)
        except (OSError, S3dError):
            continue
    return found


def rebuild_identities(base: Path, others: Iterable[Path]) -> None:
    """Rewrite the damaged remote.json files of a base. others: the other bases.

    The caller holds the lock of the base. The damaged file is kept as remote.json.damaged. Blocks.
    Raises OSError.
    """
    damaged = damaged_identities(base)
    if not damaged:
        return
    elsewhere: dict[str, list[RemoteIdentity]] = {}
    for other in others:
        for folder in _folders(other):
            with suppress(OSError, S3dError):
                if (identity := read_identity(folder)) is not None:
                    elsewhere.setdefault(identity.id, []).append(identity)
    for error in damaged:
        folder = error.file.parent
        identity = _identity_of(folder, base, elsewhere)
        if identity is None:
            continue
        aside = error.file.with_name(f"{FILE}.damaged")
        shutil.copyfile(error.file, aside)
        write_identity(folder, identity)
        logger.warning(
            "%s was damaged and has been rewritten for %s; the old file is %s",
            error.file, identity.url, aside.name,
        )  # fmt: skip


def _identity_of(
    folder: Path, base: Path, elsewhere: dict[str, list[RemoteIdentity]]
) -> RemoteIdentity | None:
    """The identity of a folder; None when it is uncertain."""
    if folder != base:
        possible = [folder.name]  # named by the id
    else:  # of the one remote that has no folder below
        own = {each.name for each in _folders(base)[1:]}
        possible = [id for id in elsewhere if id not in own]
    if len(possible) != 1 or possible[0] not in elsewhere:
        return None
    found = elsewhere[possible[0]]
    if any(each.take_over is not None for each in found):
        return None  # only the damaged file knows which writes are another account's
    return max(found, key=lambda each: (bool(each.owner), len(each.keys)))


def _folders(base: Path) -> list[Path]:
    """The base, and the folders of the remotes that came after its first one."""
    folders = [base]
    with suppress(FileNotFoundError, NotADirectoryError):
        folders += sorted((base / SUBFOLDER).iterdir())
    return folders


_FORGOTTEN = {"pins.broken": "pins", "transfers.bad": "unfinished transfers"}
"""Name of a file that was renamed because it is unreadable -> its content."""
_REMEDY = "create them again, then move or remove this file"
_IDENTITY = "the next start with a remote rewrites it, or reports why it cannot"


def unreadable_state_warnings(folder: Path) -> list[str]:
    """A warning for each such file in a folder."""
    return [
        f"the {what} could not be read and have been reset: see {file}, {_REMEDY}"
        for name, what in _FORGOTTEN.items()
        if (file := folder / name).exists()
    ]


def damaged_state(places: Places) -> list[Damage]:
    """All damaged state files, for s3d check. Blocks."""
    bases = (places.state_dir, places.write_queue_dir, places.read_cache_dir)
    return [
        *_files(places.state_dir),
        *(
            Damage("state", str(error.file), "the file cannot be parsed", remedy=_IDENTITY)
            for base in bases
            for error in damaged_identities(base)
        ),
    ]


def _files(state: Path) -> Iterator[Damage]:
    for name, what in _FORGOTTEN.items():
        for file in sorted(state.rglob(name)):
            problem = f"the {what} could not be read and have been reset"
            yield Damage("state", str(file), problem, remedy=_REMEDY)
