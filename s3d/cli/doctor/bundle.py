"""The file of `s3d doctor --bundle`: what somebody who helps needs to see, without secrets."""

from __future__ import annotations

import io
import os
import platform
import tarfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import msgspec

from s3d.cli.log_reader import LogFile
from s3d.cli.session import Session
from s3d.shared.config.rules import settings_of
from s3d.shared.config.schema import Config, json_value
from s3d.shared.errors import S3dError
from s3d.shared.findings import Finding
from s3d.shared.masking import mask, mask_credentials

LOG_LINES = 2_000


def write_bundle(path: Path, session: Session, findings: Sequence[Finding]) -> None:
    """A tar file, compressed, that only the user can read. Raises OSError, FileExistsError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as bundle:
        for name, text in _files(session, findings):
            content = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"s3d-doctor/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
            bundle.addfile(entry, io.BytesIO(content))


def _files(session: Session, findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    yield "findings.json", _json(findings)
    yield "versions.txt", "\n".join(_versions()) + "\n"
    try:
        config, places = session.load()
    except S3dError as error:
        yield "settings.txt", f"{_masked(str(error))}\n"
        return
    settings = {name: json_value(config, name) for name in settings_of(Config)}
    yield "settings.json", _json({"values": settings, "origins": config.origin})
    try:
        yield "status.json", _json(session.client().status())
    except S3dError as error:
        yield "status.txt", f"{_masked(str(error))}\n"
    try:
        lines = LogFile(places.log_file, level="debug", source="").last(LOG_LINES)
    except OSError as error:
        yield "log.txt", f"{error}\n"
    else:
        yield "log.json", "".join(f"{_encode(line).decode()}\n" for line in lines)


def _versions() -> Iterator[str]:
    yield f"{platform.platform()}, Python {platform.python_version()}"
    found = {each.metadata["Name"]: each.version for each in distributions()}
    yield from (f"{name} {found[name]}" for name in sorted(found))


def _json(value: object) -> str:
    return msgspec.json.format(_encode(value)).decode() + "\n"


def _encode(value: object) -> bytes:
    """As JSON, with each text in it masked: the JSON as a whole would be broken by that."""
    return msgspec.json.encode(_without_secrets(msgspec.to_builtins(value)))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    return _masked(value) if isinstance(value, str) else value


def _masked(text: str) -> str:
    return mask_credentials(mask(text))
