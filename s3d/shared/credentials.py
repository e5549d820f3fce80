"""The local access key: from the configuration, or made at the first start and kept in a file.

The file is TOML, 0600, below the state folder (0700), with a version number:

    version = 1
    [[key]]
    id = "S3D..."
    secret = "..."
"""

from __future__ import annotations

import os
import stat
import string
import tempfile
from pathlib import Path

import msgspec

from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.paths import Places

VERSION = 1
ID_LENGTH = 20
SECRET_LENGTH = 40
_REMAKE = "remove it: the next start makes a new one"
_ID_ALPHABET = string.ascii_uppercase + string.digits
_SECRET_ALPHABET = string.ascii_letters + string.digits


class AccessKey(msgspec.Struct, frozen=True):
    """What a client signs with."""

    access_key_id: str
    secret: Secret


def load_or_create(places: Places, config: Config) -> AccessKey:
    """The key of the configuration, else of the file, which is made when it is not there.

    Raises UsageError when others may read the file or it is not understood, S3dError when it
    cannot be written.
    """
    if config.access_key_id and config.secret_access_key is not None:
        return AccessKey(config.access_key_id, config.secret_access_key)
    path = places.credentials_file
    try:
        if not path.exists():
            _create(path)
        return _read(path)
    except OSError as error:
        raise S3dError(
            "no access key",
            f"{path}: {error.strerror}",
            "make the folder writable, or set S3D_LOCAL_DIR to a folder of your own",
        ) from error


def _read(path: Path) -> AccessKey:
    import tomllib

    with path.open("rb") as file:
        facts = os.fstat(file.fileno())
        text = file.read()
    if facts.st_uid != os.geteuid():
        raise _refused(f"{path} belongs to another user", f"chown it, or {_REMAKE}")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise _refused(f"other users may read {path}", f"chmod 600 {path}")
    try:
        content = tomllib.loads(text.decode())
        version, key = content["version"], content["key"][0]
        found = AccessKey(str(key["id"]), Secret(str(key["secret"])))
    except (ValueError, LookupError, TypeError) as error:
        raise _refused(f"{path} is not understood", _REMAKE) from error
    if version != VERSION:
        raise _refused(f"{path} is of another version of s3d", "upgrade s3d")
    return found


def _refused(detail: str, remedy: str) -> UsageError:
    return UsageError("credentials refused", detail, remedy)


def _create(path: Path) -> None:
    """Write a new key, unless another process was first: a whole file appears, or none."""
    import secrets

    access_key_id = "S3D" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(ID_LENGTH - 3))
    secret = "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(SECRET_LENGTH))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".credentials-") as file:
        file.write(f'version = {VERSION}\n\n[[key]]\nid = "{access_key_id}"\nsecret = "{secret}"\n')
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)  # as a rename, but never over the key of another process
        except FileExistsError:
            return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
