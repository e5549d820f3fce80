"""What a copy means: sources, target and options as requests to the agent. The rules are those of
`aws s3 cp`: https://docs.aws.amazon.com/cli/latest/reference/s3/cp.html"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from s3d.cli.copying.copy_location import CopyLocation
from s3d.cli.target import SCHEME
from s3d.cli.target_objects import folder_prefix
from s3d.shared.errors import UsageError
from s3d.shared.object_patterns import KeyGlob, PathRule
from s3d.shared.transfer_options import NewObject
from s3d.shared.transfers import TransferRequest

UPLOAD, DOWNLOAD, COPY, MOVE = "upload", "download", "copy", "move"
MAX_SOURCES = 500
"""Keys or files of one request."""

_LIKE_S3 = re.compile(r"[^/]+/")
"""A path that somebody can have written who meant a place in S3: b/k."""


class CopyOptions(NamedTuple):
    """The options of a copy that the agent has to know."""

    move: bool = False
    recursive: bool = False
    skip_existing: bool = False
    follow_links: bool = True
    rules: Sequence[PathRule] = ()
    new_object: NewObject = NewObject()
    version: str = ""
    if_match: str = ""


class Source(NamedTuple):
    """A source, and the glob that it is, if it is one."""

    place: CopyLocation
    glob: KeyGlob | None = None


def copy_requests(
    sources: Sequence[Source], to: CopyLocation, options: CopyOptions
) -> list[TransferRequest]:
    """The transfers to start. Raises UsageError."""
    several = len(sources) > 1 or sources[0].glob is not None
    if several and to.bucket and not options.recursive and not to.is_folder_name:
        raise UsageError("bad usage", f"{to} is a single key, but there are several sources",
                         "end the prefix with /")  # fmt: skip
    if several and (options.version or options.if_match):
        raise UsageError("bad usage", "--version and --if-match are for a single object")
    if options.if_match and (sources[0].place.bucket or not to.bucket):
        raise UsageError("bad usage", "--if-match is for uploads")
    if options.version and (options.move or not sources[0].place.bucket):
        raise UsageError("bad usage", "--version is for cp of an object")
    single = len(sources) == 1 and sources[0].glob is None
    requests = [_request(source, to, options, single=single) for source in sources]
    return [*_joined(requests)]


def check_locations(sources: Sequence[CopyLocation], to: CopyLocation) -> None:
    """Raises UsageError when no side is in S3."""
    for source in sources:
        if not source.bucket and not to.bucket:
            meant = to if source.exists() else source  # the hint is about what does not exist
            name = meant.key if _LIKE_S3.match(meant.key) else ""
            example = name or "BUCKET/KEY"
            raise UsageError("bad usage", f"neither {source} nor {to} is in S3",
                             f"a place in S3 begins with {SCHEME}: {SCHEME}{example}")  # fmt: skip


def _request(
    source: Source, to: CopyLocation, options: CopyOptions, *, single: bool
) -> TransferRequest:
    place = source.place
    common = TransferRequest(
        kind="",
        bucket=place.bucket or to.bucket,
        existing="skip" if options.skip_existing else "replace",
        rules=[*options.rules],
        new_object=options.new_object,
        version=options.version,
        if_match=options.if_match,
        links="follow" if options.follow_links else "skip",
    )
    if not place.bucket:
        return _upload(common, place, to, options, single=single)
    keyed = _keyed(common, source, recursive=options.recursive)
    single = single and bool(keyed.keys)
    if not to.bucket:
        return _download(keyed, to, options, single=single)
    kind = MOVE if options.move else COPY
    if single and not to.is_folder_name:
        return replace(keyed, kind=kind, to_bucket=to.bucket, as_key=to.key)
    return replace(keyed, kind=kind, to_bucket=to.bucket, to_prefix=folder_prefix(to.key))


def _upload(
    common: TransferRequest,
    source: CopyLocation,
    to: CopyLocation,
    options: CopyOptions,
    *,
    single: bool,
) -> TransferRequest:
    path = source.path
    request = replace(common, kind=UPLOAD, paths=[path], delete_source=options.move)
    if source.is_folder():
        prefix = folder_prefix(to.key)
        return replace(request, base=folder_base(path), to_prefix=prefix)
    if single and not to.is_folder_name and not options.recursive:
        return replace(request, as_key=to.key)
    return replace(request, to_prefix=folder_prefix(to.key))


def folder_base(path: str) -> str:
    """What the names of the files of a folder begin with, and their keys do not."""
    name = os.path.basename(path)
    return f"{name}/" if name else ""


def _keyed(common: TransferRequest, source: Source, *, recursive: bool) -> TransferRequest:
    """With the keys or the prefix that a source in S3 means."""
    key, glob = source.place.key, source.glob
    if glob is not None:
        return replace(common, prefixes=[glob.prefix], base=glob.base, glob=key, is_below=recursive)
    if recursive:
        prefix = folder_prefix(key)
        return replace(common, prefixes=[prefix], base=prefix)
    if source.place.is_folder_name:
        raise UsageError(
            "bad usage", f"{source.place} is a prefix", "add -r to include all its objects"
        )
    return replace(common, keys=[key], base=key[: key.rfind("/") + 1])


def _download(
    request: TransferRequest, to: CopyLocation, options: CopyOptions, *, single: bool
) -> TransferRequest:
    request = replace(request, kind=DOWNLOAD, delete_source=options.move)
    if not single or to.is_folder_name or to.is_folder():
        return replace(request, to_path=to.path)
    folder, name = os.path.split(to.path)
    return replace(request, to_path=folder, as_key=name)


def _joined(requests: Sequence[TransferRequest]) -> Iterator[TransferRequest]:
    """Join requests that differ in their keys or files only, in batches."""
    joined: list[TransferRequest] = []
    for request in requests:
        last = joined[-1] if joined else None
        if last is None or not _can_join(last, request):
            joined.append(request)
        else:
            joined[-1] = replace(
                last,
                keys=[*last.keys, *request.keys],
                paths=[*last.paths, *request.paths],
                as_one=True,
            )
    yield from joined


def _can_join(one: TransferRequest, other: TransferRequest) -> bool:
    if one.prefixes or other.prefixes or one.as_key or other.as_key:
        return False
    if len(one.keys) + len(one.paths) >= MAX_SOURCES:
        return False
    return replace(one, keys=[], paths=[], as_one=False) == replace(other, keys=[], paths=[])
