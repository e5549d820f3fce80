"""Local paths of transfers that lie in a mount of this agent: the objects themselves are copied.

The agent must not read or write its own mount: the thread that does so waits for the agent.
"""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath

from msgspec.structs import replace

from s3d.agent.core.client import S3Client
from s3d.agent.core.own_mounts import MountedPlace, OwnMounts
from s3d.agent.s3.errors import S3Error
from s3d.agent.transfers.naming import COPY, DOWNLOAD, MOVE, UPLOAD, parts_of
from s3d.shared.transfers import TransferRequest


async def translate(
    part: TransferRequest, own_mounts: OwnMounts, objects: S3Client
) -> TransferRequest:
    """An upload from a mount and a download into one as copies; any other transfer as it is.

    part: with one source, as parts_of() makes it. Raises S3Error: InvalidArgument.
    """
    paths = {UPLOAD: part.paths, DOWNLOAD: [part.to_path]}.get(part.kind, [])
    if not own_mounts.folders:
        return part
    try:
        places = await asyncio.to_thread(lambda: [own_mounts.locate(path) for path in paths])
    except OSError as error:
        raise S3Error("InvalidArgument", f"{paths[0]}: {error.strerror}.") from error
    if not any(places):
        return part
    place = places[0]
    if place is None or len(places) > 1:  # as_one
        raise S3Error("InvalidArgument", f"{paths[0]} and other paths: copy each on its own.")
    if not place.bucket:
        raise S3Error("InvalidArgument", f"{paths[0]} has all buckets: name one of them.")
    if part.kind == DOWNLOAD:
        copy = copy_of_download(part, place)
    else:
        is_object = bool(place.key) and await objects.head(place.bucket, place.key) is not None
        copy = copy_of_upload(part, place, is_folder=not is_object)
    return parts_of(copy)[0]


def copy_of_download(part: TransferRequest, place: MountedPlace) -> TransferRequest:
    prefix = f"{place.key}/" if place.key else ""
    kind = MOVE if part.delete_source else COPY
    return replace(
        part,
        kind=kind,
        to_path="",
        to_bucket=place.bucket,
        to_prefix=prefix,
        as_key=prefix + part.as_key if part.as_key else "",
        delete_source=False,
    )


def copy_of_upload(
    part: TransferRequest, place: MountedPlace, *, is_folder: bool
) -> TransferRequest:
    """An upload names its objects FOLDER/PATH without its base, or FILE."""
    same = replace(
        part,
        kind=MOVE if part.delete_source else COPY,
        bucket=place.bucket,
        to_bucket=part.bucket,
        paths=[],
        links="report",
        delete_source=False,
    )
    if not is_folder:
        base = place.key[: len(place.key) - len(place.key.rpartition("/")[2])]
        return replace(same, keys=[place.key], base=base)
    prefix = f"{place.key}/" if place.key else ""
    name = f"{PurePosixPath(part.paths[0]).name}/"
    folder = name.removeprefix(part.base) if name.startswith(part.base) else name
    return replace(same, prefixes=[prefix], base=prefix, to_prefix=part.to_prefix + folder)
