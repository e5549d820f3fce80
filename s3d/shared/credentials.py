"""What clients of this agent prove themselves with: the local access key, and the admin token.

Each comes from the configuration, or is generated when it is first needed. A generated one is in a
file with mode 0600, in the state folder with mode 0700. `credentials` is TOML:

    version = 1
    [[key]]
    id = "S3D..."
    secret = "..."

`admin-token` has the token in its only line, as Prometheus reads it (credentials_file).
"""

from __future__ import annotations

import os
import stat
import string
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from s3d.shared.atomic_file import sync_file, sync_folder
from s3d.shared.config.schema import Config
from s3d.shared.config.validators import is_loopback, parse_token
from s3d.shared.config.values import Secret
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.paths import Places

VERSION = 1
DEFAULT_KEY = "default"
"""Name of the key that s3d env prints."""
ID_LENGTH = 20
SECRET_LENGTH = 40
TOKEN_BYTES = 32
"""Random bytes of a generated token."""
_REMAKE = "remove it; the next start generates a new one"
_WRITABLE = "make the folder writable, or set S3D_LOCAL_DIR to a folder of your own"
_ID_ALPHABET = string.ascii_uppercase + string.digits
_SECRET_ALPHABET = string.ascii_letters + string.digits


class AccessKey(msgspec.Struct, frozen=True):
    """A key that clients sign with."""

    access_key_id: str
    secret: Secret
    name: str = DEFAULT_KEY
    owner: str = ""
    """Name of the account; "" is that of the default key."""
    bucket: str = ""
    """The only bucket that it is for; "": all."""
    prefix: str = ""
    """Of the keys in that bucket."""
    read_only: bool = False
    created: float = 0.0
    """Unix seconds; 0.0 for a key of a version that did not note it."""
    expires: float | None = None
    """Unix seconds; None: never."""


def load_or_create(places: Places, config: Config) -> AccessKey:
    """The key of the configuration, or else of the file, which is created if it does not exist.

    Raises UsageError when other users can read the file or it is invalid, and S3dError when it
    cannot be written.
    """
    if config.access_key_id and config.secret_access_key is not None:
        return AccessKey(config.access_key_id, config.secret_access_key)
    path = places.credentials_file
    try:
        if not path.exists():
            _create(path, _new_key())
        return _read_key(path)
    except OSError as error:
        raise S3dError("no access key", f"{path}: {error.strerror}", _WRITABLE) from error


def is_exposed(config: Config) -> bool:
    """Whether other machines can reach the admin address."""
    return bool(config.admin) and not is_loopback(urlsplit(config.admin).hostname or "")


def uses_token_file(config: Config) -> bool:
    """Whether the token of the admin address is the generated one."""
    return is_exposed(config) and config.admin_token is None


def load_or_create_token(places: Places, config: Config) -> Secret | None:
    """The token that /metrics needs at the admin address; None: it needs none.

    Programs on this machine need none, unless the configuration sets one. Raises UsageError and
    S3dError as load_or_create().
    """
    if not uses_token_file(config):
        return config.admin_token if config.admin else None
    import secrets

    path = places.admin_token_file
    try:
        if not path.exists():
            _create(path, secrets.token_urlsafe(TOKEN_BYTES) + "\n")
        return parse_token(_read(path).strip())
    except OSError as error:
        raise S3dError("no admin token", f"{path}: {error.strerror}", _WRITABLE) from error
    except ValueError as error:
        raise _refused(f"{path} has no valid token: {error}", _REMAKE) from error


def _new_key() -> str:
    import secrets

    access_key_id = "S3D" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(ID_LENGTH - 3))
    secret = "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(SECRET_LENGTH))
    return f'version = {VERSION}\n\n[[key]]\nid = "{access_key_id}"\nsecret = "{secret}"\n'


def _read_key(path: Path) -> AccessKey:
    import tomllib

    try:
        content = tomllib.loads(_read(path))
        version, key = content["version"], content["key"][0]
        access_key = AccessKey(str(key["id"]), Secret(str(key["secret"])))
    except (ValueError, LookupError, TypeError) as error:
        raise _refused(f"{path} is not a valid credentials file", _REMAKE) from error
    if version != VERSION:
        raise _refused(f"{path} was written by another version of s3d", "upgrade s3d")
    return access_key


def _read(path: Path) -> str:
    """The text of a file that no other user can read. Raises UsageError, UnicodeDecodeError."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        content = file.read()
    if status.st_uid != os.geteuid():
        raise _refused(f"{path} belongs to another user", f"chown it, or {_REMAKE}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise _refused(f"other users can read {path}", f"chmod 600 {path}")
    return content.decode()


def _refused(detail: str, remedy: str) -> UsageError:
    return UsageError("credentials refused", detail, remedy)


def _create(path: Path, text: str) -> None:
    """Write the file, unless another process does so first. It appears in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-") as file:
        file.write(text)
        file.flush()
        sync_file(file.fileno())
        try:
            os.link(
                file.name, path
            )  # like a rename, but never replaces the file of another process
        except FileExistsError:
            return
    sync_folder(path.parent)
