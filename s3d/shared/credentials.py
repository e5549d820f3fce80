"""What clients of this agent prove themselves with: the default access key, and the admin token.

Each comes from the configuration, or is generated when it is first needed. A generated one is in a
file with mode 0600, in the state folder with mode 0700. `credentials` has the access keys
(access_key_file.py); `admin-token` has the token in its only line, as Prometheus reads it
(credentials_file).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from s3d.shared.access_key import AccessKey
from s3d.shared.access_key_file import (
    REMAKE,
    WRITABLE,
    configured_key,
    load_keys,
    read_private,
    refused,
)
from s3d.shared.atomic_file import sync_file, sync_folder
from s3d.shared.config.schema import Config
from s3d.shared.config.validators import is_loopback, parse_token
from s3d.shared.config.values import Secret
from s3d.shared.errors import S3dError
from s3d.shared.masking import hide
from s3d.shared.paths import Places

TOKEN_BYTES = 32
"""Random bytes of a generated token."""


def load_or_create(places: Places, config: Config) -> AccessKey:
    """The default key: that of the configuration, or else of the file, which is created if it does
    not exist.

    Raises UsageError when other users can read the file or it is invalid, and S3dError when it
    cannot be written.
    """
    key = configured_key(config)
    return load_keys(places, config)[0] if key is None else key


def is_exposed(config: Config) -> bool:
    """Whether other machines can reach the admin address."""
    return bool(config.admin) and not is_loopback(urlsplit(config.admin).hostname or "")


def uses_token_file(config: Config) -> bool:
    """Whether the token of the admin address is the generated one."""
    return is_exposed(config) and config.admin_token is None


def load_or_create_token(places: Places, config: Config) -> Secret | None:
    """The token that /metrics needs at the admin address; None: it needs none.

    Programs on this machine need none, unless the configuration sets one. The log masks it. Raises
    UsageError and S3dError as load_or_create().
    """
    token = _generated_token(places) if uses_token_file(config) else config.admin_token
    if token is None or not config.admin:
        return None
    hide(token.reveal())
    return token


def _generated_token(places: Places) -> Secret:
    import secrets

    path = places.admin_token_file
    try:
        if not path.exists():
            _create(path, secrets.token_urlsafe(TOKEN_BYTES) + "\n")
        return parse_token(read_private(path).strip())
    except OSError as error:
        raise S3dError("no admin token", f"{path}: {error.strerror}", WRITABLE) from error
    except ValueError as error:
        raise refused(f"{path} has no valid token: {error}", REMAKE) from error


def _create(path: Path, text: str) -> None:
    """Write the file, unless another process does so first. It appears in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-") as file:
        file.write(text)
        file.flush()
        sync_file(file.fileno())
        try:
            os.link(file.name, path)  # like a rename, but it never replaces another's file
        except FileExistsError:
            return
    sync_folder(path.parent)
