"""Fills an empty store from a folder at the start: its folders are buckets, their files objects.

A seed is stored completely or not at all: before the first bucket is made, a row of the index says
that everything in the store comes from a seed that has not ended. The row is removed after the last
object, before any front end starts. A start that finds the row empties the store. So a kill leaves
nothing half done, whatever the options of the next start are. A store that has buckets is never
seeded.
"""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from s3d.agent.app.start_checks import create_buckets
from s3d.agent.core import failpoint
from s3d.agent.core.client import S3Client
from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import StreamBody
from s3d.agent.s3.named_objects import check_bucket_name
from s3d.agent.s3.part_sizes import MAX_OBJECT, MAX_SINGLE
from s3d.agent.s3.routing import check_key
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.shared.config.schema import Config
from s3d.shared.errors import FullError, UsageError

E = TypeVar("E", bound=BaseException)

logger = logging.getLogger(__name__)

IGNORED = frozenset({".gitkeep", ".DS_Store"})
"""Files that are there for other programs."""
_ROW = ("", "seed.begun")
"""Bucket and name of the setting."""
_AT_ONCE = 16
"""Objects that are stored at the same time."""
_BLOCK = 1 << 20


class SeedFile(NamedTuple):
    """A file that becomes an object."""

    bucket: str
    key: str
    path: Path
    size: int


class Seed(NamedTuple):
    """The content of a folder."""

    buckets: list[str]
    files: list[SeedFile]


async def prepare_store(index: Index, client: S3Client, config: Config) -> None:
    """Make the buckets that the configuration names or declares, and seed an empty store.

    Declared settings are made first, so a seeded object is versioned or encrypted like any.
    Raises S3dError, OSError.
    """
    await undo_unfinished_seed(index)
    seed = None if config.seed is None else await begin_seed(index, config.seed)
    await create_buckets(client, config.buckets)
    if config.declared_buckets:
        from s3d.agent.app.declared_buckets import declare_buckets  # most starts need none

        await declare_buckets(client, config.declared_buckets)
    if seed is not None:
        await store_seed(index, client, seed)


async def undo_unfinished_seed(index: Index) -> None:
    """Empty the store if everything in it comes from a seed that did not end."""
    if index.read_inline(lambda reader: reader.setting(*_ROW)) is None:
        return
    from s3d.agent.storage import snapshots  # hardly any start needs it

    def undo(tx: Transaction) -> None:
        snapshots.reset(tx, index.forget_all)
        tx.put_setting(*_ROW, None)

    await index.write(undo, frees=True)
    logger.warning("removed the buckets and objects of a seed that was interrupted")


async def begin_seed(index: Index, folder: Path) -> Seed | None:
    """Read the folder, and record that a seed begins; None: the store has buckets.

    Raises UsageError for a folder that cannot be a seed.
    """
    if index.read_inline(Reader.buckets):
        logger.info("the store has buckets, so it is not seeded from %s", folder)
        return None
    seed = await asyncio.to_thread(read_seed, folder)
    await index.write(lambda tx: tx.put_setting(*_ROW, b"1"))
    return seed


async def store_seed(index: Index, client: S3Client, seed: Seed) -> None:
    """Store what begin_seed() has read, and record the end. Raises S3dError, OSError."""
    there = {bucket.name for bucket in await client.buckets()}
    files = iter(seed.files)
    try:
        for bucket in seed.buckets:
            if bucket not in there:
                await client.create_bucket(bucket)
        async with asyncio.TaskGroup() as group:
            for number in range(_AT_ONCE):
                group.create_task(_store(client, files), name=f"seed {number}")
    except* S3Error as group_of:
        error = _first(group_of)
        kind = FullError if error.code == "SlowDown" else UsageError
        raise kind("the store cannot be seeded", error.message) from error
    except* OSError as group_of:
        raise UsageError("the store cannot be seeded", str(_first(group_of))) from group_of
    failpoint.hit("seed.stored")
    await index.write(lambda tx: tx.put_setting(*_ROW, None))
    logger.info("seeded buckets=%d objects=%d", len(seed.buckets), len(seed.files))


async def _store(client: S3Client, files: Iterator[SeedFile]) -> None:
    for file in files:
        attributes = ObjectAttributes(content_type=content_type_of(file.key))
        if file.size > MAX_SINGLE:
            await _store_parts(client, file, attributes)
        else:
            body = StreamBody(_blocks(file.path), file.size)
            await client.store(file.bucket, file.key, body, attributes)
        failpoint.hit("seed.object")


async def _store_parts(client: S3Client, file: SeedFile, attributes: ObjectAttributes) -> None:
    """Store a file that is too large for one PutObject. A seed that is interrupted starts over, so
    the part map is a temporary file."""
    from s3d.agent.large_objects.file_source import FileSource  # hardly any start needs it
    from s3d.agent.large_objects.part_transfers import PartTransfers
    from s3d.agent.large_objects.part_upload import SourceChanged, UploadPlan

    place = {"Bucket": file.bucket, "Key": file.key}
    with tempfile.TemporaryDirectory() as folder:
        transfers = PartTransfers(client, Path(folder))
        parts = transfers.plan(file.size)
        plan = UploadPlan(place, attributes.members(), {}, parts, "seed")
        opened = await asyncio.to_thread(file.path.open, "rb")
        with opened:
            source = FileSource(opened.fileno(), parts)
            try:
                await transfers.upload("seed", plan, source, lambda size: None)
            except SourceChanged as error:
                raise S3Error("IncompleteBody", f"{file.path} has changed.") from error


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while block := await asyncio.to_thread(partial(file.read, _BLOCK)):
            yield block


def content_type_of(key: str) -> str | None:
    """The content type for a name; for compressed files, that of the compression."""
    kind, encoding = mimetypes.guess_type(key, strict=False)
    return f"application/{encoding}" if encoding else kind


def read_seed(folder: Path) -> Seed:
    """The content of a folder. In a thread. Raises UsageError."""
    seed = Seed([], [])
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise _seed_error(folder, error.strerror or str(error)) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if not entry.is_dir():
            raise _seed_error(path, "it lies in no folder, which would be its bucket")
        try:
            check_bucket_name(entry.name)
        except S3Error as error:
            raise _seed_error(path, f"no name of a bucket: {error.message}") from error
        seed.buckets.append(entry.name)
        seed.files.extend(_files_of(entry.name, path))
    return seed


def _files_of(bucket: str, root: Path) -> Iterator[SeedFile]:
    for parent, folders, names in os.walk(root, onerror=_raise):
        folders.sort()
        for name in folders:
            if (path := Path(parent, name)).is_symlink():
                raise _seed_error(path, "a symbolic link to a folder, which could lead anywhere")
        for name in sorted(names):
            if name not in IGNORED:
                yield _file(bucket, root, Path(parent, name))


def _file(bucket: str, root: Path, path: Path) -> SeedFile:
    key = path.relative_to(root).as_posix()
    try:
        key.encode()
        check_key(key)
        size = path.stat().st_size
    except UnicodeEncodeError as error:
        raise _seed_error(path, "its name is not UTF-8") from error
    except S3Error as error:
        raise _seed_error(path, f"no key of an object: {error.message}") from error
    except OSError as error:
        raise _seed_error(path, error.strerror or str(error)) from error
    if not path.is_file():
        raise _seed_error(path, "neither a file nor a folder")
    if size > MAX_OBJECT:
        raise _seed_error(path, "larger than the 48.8 TiB that S3 allows")
    return SeedFile(bucket, key, path, size)


def _raise(error: OSError) -> None:
    raise _seed_error(Path(error.filename), error.strerror or str(error)) from error


def _seed_error(path: Path, why: str) -> UsageError:
    return UsageError(
        "the store cannot be seeded", f"{path}: {why}", "the folders in S3D_SEED are buckets"
    )


def _first(group: BaseExceptionGroup[E]) -> E:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
