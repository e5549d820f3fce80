"""Splits a request into one transfer per source, and derives the target names. Pure."""

from __future__ import annotations

import os.path

from msgspec.structs import replace

from s3d.agent.s3.address import check_bucket_name, check_key
from s3d.agent.s3.errors import S3Error
from s3d.shared.transfers import TransferRequest

UPLOAD, DOWNLOAD, COPY, MOVE, DELETE = KINDS = ("upload", "download", "copy", "move", "delete")
EXISTING = ("replace", "skip")


def parts_of(request: TransferRequest) -> list[TransferRequest]:
    """One for each key, prefix and path, absolute ones; what is deleted goes in one. Raises
    InvalidArgument."""
    _check(request)
    if request.kind == DELETE:
        return [request]
    alone = replace(request, keys=[], prefixes=[], paths=[])
    parts = [replace(alone, keys=[key]) for key in request.keys]
    parts += [replace(alone, prefixes=[prefix]) for prefix in request.prefixes]
    parts += [replace(alone, paths=[_absolute(path)]) for path in request.paths]
    if request.to_path:
        folder = _absolute(request.to_path)
        parts = [replace(part, to_path=folder) for part in parts]
    return parts


def name_of(request: TransferRequest, key: str) -> str:
    """What is left of a key where it goes."""
    return key.removeprefix(request.base)


def target_of(request: TransferRequest, key: str) -> tuple[str, str]:
    """Bucket and key that a copy or move of a key gets."""
    return request.to_bucket, request.as_key or request.to_prefix + name_of(request, key)


def _check(request: TransferRequest) -> None:
    check_bucket_name(request.bucket)
    if request.kind not in KINDS:
        raise _wrong(f"kind must be one of {', '.join(KINDS)}")
    if request.existing not in EXISTING:
        raise _wrong(f"existing must be one of {', '.join(EXISTING)}")
    for key in request.keys:
        check_key(key)
    is_upload = request.kind == UPLOAD
    if not (request.paths if is_upload else [*request.keys, *request.prefixes]):
        raise _wrong("paths is empty" if is_upload else "keys and prefixes are both empty")
    if is_upload and (request.keys or request.prefixes):
        raise _wrong("an upload takes paths instead of keys and prefixes")
    if not is_upload and request.paths:
        raise _wrong("only an upload has paths")
    if request.kind == DOWNLOAD and not request.to_path:
        raise _wrong("to_path is missing: the folder that a download goes to")
    if request.kind in (COPY, MOVE):
        _check_copy(request)


def _check_copy(request: TransferRequest) -> None:
    check_bucket_name(request.to_bucket)
    if request.as_key and (len(request.keys) != 1 or request.prefixes):
        raise _wrong("as_key is for one key")
    for key in request.keys:
        bucket, target = target_of(request, key)
        check_key(target)
        if (bucket, target) == (request.bucket, key):
            raise _wrong(f"{key} would be copied onto itself")
    for prefix in request.prefixes:
        bucket, target = target_of(request, prefix)
        if bucket == request.bucket and target.startswith(prefix):
            raise _wrong(f"{prefix} would be copied into itself")


def _absolute(path: str) -> str:
    """~ is the home folder. Raises InvalidArgument."""
    found = os.path.expanduser(path)
    if not os.path.isabs(found) or "\0" in found:
        raise _wrong(f"{path} is not an absolute path")
    return os.path.normpath(found)


def _wrong(why: str) -> S3Error:
    return S3Error("InvalidArgument", f"{why}.")
