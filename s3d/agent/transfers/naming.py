"""Splits a request into one transfer per source, and derives the target names. Pure."""

from __future__ import annotations

import os.path

from msgspec.structs import replace

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.named_objects import check_bucket_name
from s3d.agent.s3.routing import check_key
from s3d.shared.object_patterns import KeyGlob, has_wildcards
from s3d.shared.transfer_options import COMPARISONS, LINKS, SyncRules
from s3d.shared.transfers import TransferRequest

UPLOAD, DOWNLOAD, COPY, MOVE, DELETE = KINDS = ("upload", "download", "copy", "move", "delete")
EXISTING = ("replace", "skip")


def parts_of(request: TransferRequest) -> list[TransferRequest]:
    """One for each key, prefix and path, with absolute paths; or one for all of them together.

    Raises InvalidArgument.
    """
    _check(request)
    if request.kind == DELETE or request.as_one:
        return [_with_absolute_paths(request)]
    alone = replace(request, keys=[], prefixes=[], paths=[])
    parts = [replace(alone, keys=[key]) for key in request.keys]
    parts += [replace(alone, prefixes=[prefix]) for prefix in request.prefixes]
    parts += [replace(alone, paths=[path]) for path in request.paths]
    return [_with_absolute_paths(part) for part in parts]


def _with_absolute_paths(request: TransferRequest) -> TransferRequest:
    to_path = _absolute(request.to_path) if request.to_path else ""
    return replace(request, to_path=to_path, paths=[_absolute(path) for path in request.paths])


def name_of(request: TransferRequest, key: str) -> str:
    """What is left of a key where it goes."""
    return key.removeprefix(request.base)


def target_of(request: TransferRequest, key: str) -> tuple[str, str]:
    """Bucket and key that an upload, copy or move of a key gets."""
    bucket = request.bucket if request.kind == UPLOAD else request.to_bucket
    return bucket, request.as_key or request.to_prefix + name_of(request, key)


def local_name(request: TransferRequest, key: str) -> str:
    """The name below to_path that a download of a key gets."""
    return request.as_key or name_of(request, key)


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
    _check_options(request)
    if request.kind in (COPY, MOVE):
        _check_copy(request)


def _check_options(request: TransferRequest) -> None:
    is_single = len(request.keys) + len(request.paths) == 1 and not request.prefixes
    for name in ("as_key", "version", "if_match"):
        if getattr(request, name) and not is_single:
            raise _wrong(f"{name} is for one key or file")
    if request.as_key and request.kind == UPLOAD:
        check_key(request.as_key)
    if request.if_match and request.kind != UPLOAD:
        raise _wrong("if_match is for an upload")
    if request.version and (request.kind not in (COPY, DOWNLOAD) or request.delete_source):
        raise _wrong("version is for a copy or download")
    if request.links not in LINKS:
        raise _wrong(f"links must be one of {', '.join(LINKS)}")
    if request.delete_source and request.kind not in (UPLOAD, DOWNLOAD):
        raise _wrong("delete_source is for an upload or download")
    if request.glob:
        _check_glob(request.glob)
    if request.sync is not None:
        _check_sync(request, request.sync)


def _check_glob(glob: str) -> None:
    if not has_wildcards(glob):
        raise _wrong("glob has no wildcard")
    try:
        KeyGlob(glob)
    except ValueError as error:
        raise _wrong(str(error)) from error


def _check_sync(request: TransferRequest, sync: SyncRules) -> None:
    if request.kind not in (UPLOAD, DOWNLOAD, COPY) or request.keys or request.delete_source:
        raise _wrong("sync is for an upload, download or copy of a folder or prefix")
    if sync.compare not in COMPARISONS:
        raise _wrong(f"compare must be one of {', '.join(COMPARISONS)}")
    is_within = request.kind == COPY and request.bucket == request.to_bucket
    if sync.delete and is_within and request.base.startswith(request.to_prefix):
        raise _wrong("the source is below the target, where everything else would be deleted")


def _check_copy(request: TransferRequest) -> None:
    check_bucket_name(request.to_bucket)
    for key in request.keys:
        bucket, target = target_of(request, key)
        check_key(target)
        is_same = (bucket, target) == (request.bucket, key)
        if is_same and not request.version and request.new_object.is_empty:
            raise _wrong(f"{bucket}/{key} would be copied onto itself")
    for prefix in request.prefixes:
        bucket, target = target_of(request, prefix)
        if bucket == request.bucket and target.startswith(prefix):
            raise _wrong(f"{bucket}/{prefix} would be copied into itself")


def _absolute(path: str) -> str:
    """~ is the home folder. Raises InvalidArgument."""
    found = os.path.expanduser(path)
    if not os.path.isabs(found) or "\0" in found:
        raise _wrong(f"{path} is not an absolute path")
    return os.path.normpath(found)


def _wrong(why: str) -> S3Error:
    return S3Error("InvalidArgument", f"{why}.")
