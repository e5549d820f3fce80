"""The file of the local access keys: read, created at the first start, and changed.

It is a TOML file with mode 0600, in the state folder with mode 0700:

    version = 2
    [[key]]
    id = "S3D..."
    secret = "..."
    name = "default"

Version 1 had one key, the default one, without a name.
"""

from __future__ import annotations

import fcntl
import math
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from s3d.shared.access_key import (
    DEFAULT_KEY,
    AccessKey,
    check_name,
    check_scope,
    new_id,
    new_secret,
)
from s3d.shared.atomic_file import write_atomically
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.paths import Places

VERSION = 2
REMAKE = "remove it; the next start generates a new one"
WRITABLE = "make the folder writable, or set S3D_LOCAL_DIR to a folder of your own"

Keys = Sequence[AccessKey]
T = TypeVar("T")


def load_keys(places: Places, config: Config) -> list[AccessKey]:
    """All keys, the default one first. A configured key takes the place of the file's default one.

    The file is created, or the default key added, if it is missing.

    Raises UsageError when other users can read the file or it is invalid, and S3dError when it
    cannot be written.
    """
    key, path = configured_key(config), places.credentials_file
    with _file_errors(path):
        keys = read_keys(path)
        if key is not None:
            others = (k for k in keys if k.name != DEFAULT_KEY)
            return [key, *(k for k in others if k.access_key_id != key.access_key_id)]
        if not any(map(_is_default, keys)):
            keys = change_keys(path, _with_default)[0]
    return sorted(keys, key=lambda k: not _is_default(k))


def change_keys(
    path: Path, change: Callable[[list[AccessKey]], tuple[list[AccessKey], T]]
) -> tuple[list[AccessKey], T]:
    """Change the keys of the file in one durable step; what change() returns.

    change: keys -> (all keys that the file then has, a result). It runs while no other process can
    change the file. Raises UsageError, S3dError, and what change() raises.
    """
    with _file_errors(path, "cannot change the access keys"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path.parent):
            before = read_keys(path)
            after, result = change(list(before))
            if after != before:
                write_atomically(path, _text(after).encode(), durable=True)
    return after, result


def read_keys(path: Path) -> list[AccessKey]:
    """The keys of the file in its order; none without a file. Raises UsageError, OSError."""
    try:
        text = read_private(path)
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise _invalid(path) from error
    return _parse(path, text)


def read_private(path: Path) -> str:
    """The text of a file that no other user can read. Raises UsageError, UnicodeDecodeError."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        content = file.read()
    if status.st_uid != os.geteuid():
        raise refused(f"{path} belongs to another user", f"chown it, or {REMAKE}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise refused(f"other users can read {path}", f"chmod 600 {path}")
    return content.decode()


def _parse(path: Path, text: str) -> list[AccessKey]:
    import tomllib

    try:
        content = tomllib.loads(text)
        version, rows = content["version"], content["key"]
        if type(version) is not int:
            raise ValueError(version)
        if version > VERSION:
            raise refused(f"{path} was written by a newer s3d", "upgrade s3d")
        keys = [_key(row) for row in rows]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _invalid(path) from error
    is_known = (version == 1 and len(keys) == 1) or version == VERSION
    if not is_known or len({key.access_key_id for key in keys}) < len(keys):
        raise _invalid(path)
    return keys


def _key(row: dict[str, Any]) -> AccessKey:
    """A row of the file. A wrong value must not widen what the key may do, so it is refused."""
    given = {name: row[name] for name in row.keys() - {"id", "secret"}}
    for name, value in given.items():
        kinds = _KINDS.get(name)
        is_bool = isinstance(value, bool)
        if kinds is None or not isinstance(value, kinds) or is_bool != (kinds is bool):
            raise ValueError(name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(name)
    key = AccessKey(_string(row["id"]), Secret(_string(row["secret"])), **given)
    try:
        check_name("key", key.name)
        check_name("owner", key.owner)
        check_scope(key.bucket, key.prefix)
    except UsageError as error:
        raise ValueError(key.name) from error
    return key


_KINDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "owner": str,
    "bucket": str,
    "prefix": str,
    "read_only": bool,
    "created": (int, float),
    "expires": (int, float),
    "replaced": bool,
}
"""Member of AccessKey -> its types in the file."""


def _string(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _text(keys: Keys) -> str:
    """The content of the file. Default values are left out."""
    import tomli_w

    rows = [
        {"id": key.access_key_id, "secret": key.secret.reveal(), "name": key.name}
        | {name: value for name in _KINDS if (value := getattr(key, name)) != _defaults()[name]}
        for key in keys
    ]
    return tomli_w.dumps({"version": VERSION, "key": rows})


def _defaults() -> dict[str, Any]:
    empty = AccessKey("", Secret(""))
    return {name: getattr(empty, name) for name in _KINDS}


def configured_key(config: Config) -> AccessKey | None:
    """The default key, when the configuration sets it."""
    if config.access_key_id and config.secret_access_key is not None:
        return AccessKey(config.access_key_id, config.secret_access_key)
    return None


def _is_default(key: AccessKey) -> bool:
    return key.name == DEFAULT_KEY and not key.replaced


def _with_default(keys: list[AccessKey]) -> tuple[list[AccessKey], None]:
    """The keys with a default one; another process may have made it meanwhile."""
    if any(map(_is_default, keys)):
        return keys, None
    return [AccessKey(new_id(), new_secret()), *keys], None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder, which needs no file that would lie about."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def _file_errors(path: Path, title: str = "no access key") -> Iterator[None]:
    """Turn errors of the disk into what a person can act on."""
    try:
        yield
    except OSError as error:
        raise S3dError(
            title,
            f"{path}: {error.strerror}",
            WRITABLE,
        ) from error


def _invalid(path: Path) -> UsageError:
    return refused(f"{path} is not a valid credentials file", REMAKE)


def refused(detail: str, remedy: str) -> UsageError:
    return UsageError("credentials refused", detail, remedy)
