"""Validation of a sync folder while its form is edited: a verdict per field, and a filter preview.

It runs while the user types, so it reads only a part of the folder and caches requests to the
bucket. An invalid value is a verdict, not an error.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from msgspec.structs import asdict, replace

from s3d.agent.core.client import S3Client
from s3d.agent.core.path_names import RESERVED
from s3d.agent.core.ttl_cache import TTLCache
from s3d.agent.s3.errors import S3Error
from s3d.agent.sync.folders import Folders
from s3d.agent.sync.ignore_files import IGNORE_FILE, Ignore
from s3d.shared.config.folder_settings import SyncFolderConfig
from s3d.shared.config.load import folder_of
from s3d.shared.config.rules import ConfigError
from s3d.shared.filters.expression import Filter, Verdict
from s3d.shared.filters.terms import FilterSubject
from s3d.shared.syncing import FieldVerdict, FilterRow, FolderCheck, FolderDraft, FolderSpec
from s3d.shared.text import count

LOOKED = 2_000
"""Paths of the folder that are looked at."""
SHOWN = 200
PATIENCE = 1.0
"""Timeout of a request to the bucket in seconds."""
BUCKET_TTL = 10.0
"""Seconds for which the check of a bucket is cached."""
FIELDS = ("path", "bucket", "prefix", "mode", "filter", "interval", "max_size", "max_files")


class DraftValidator:
    """folders: the existing ones, with which a draft must not overlap."""

    def __init__(
        self, folders: Folders, objects: S3Client, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._folders, self._objects = folders, objects
        self._buckets: TTLCache[str, str] = TTLCache(100, steady)
        """Bucket -> when it was checked, and why it cannot be used."""

    async def check(self, draft: FolderDraft) -> FolderCheck:
        wrong = _misread(draft)
        texts = dict.fromkeys(FIELDS, "")
        config = _readable(draft, wrong)
        if not draft.path:
            wrong.setdefault("path", "Enter a folder")
        if not draft.bucket:
            wrong.setdefault("bucket", "Enter a bucket")
        if config.path is not None and "path" not in wrong:
            wrong |= self._overlaps(config)
            texts["path"] = await asyncio.to_thread(_describe_path, config.path)
        if config.bucket and "bucket" not in wrong:
            why = await self._bucket(config.bucket)
            if why:
                wrong["bucket"] = why
            texts["bucket"] = "reachable"
        rows, is_partial = await asyncio.to_thread(_rows, config)
        kept = sum(row.included for row in rows)
        fields = [
            FieldVerdict(field, field not in wrong, wrong.get(field) or texts[field])
            for field in FIELDS
        ]
        return FolderCheck(
            fields, _spread(rows), kept, len(rows) - kept, len(rows), is_partial, not wrong
        )

    def _overlaps(self, config: SyncFolderConfig) -> dict[str, str]:
        """Field -> the folder that it overlaps with."""
        why = self._folders.check_path(config)
        found = {"path": why} if why else {}
        other = self._folders.same_place(config)
        if other:
            found["prefix"] = f"folder {other} already syncs this bucket and prefix"
        return found

    async def _bucket(self, bucket: str) -> str:
        """Why the bucket cannot be used; "" when it can. An unreachable remote is no reason."""
        cached = self._buckets.get(bucket)
        if cached is not None:
            return cached
        try:
            async with asyncio.timeout(PATIENCE):
                await self._objects.page(bucket, limit=1)
            why = ""
        except S3Error as error:
            why = "" if error.status >= 500 else f"{error.code}: {error.message.rstrip('.')}"
        except TimeoutError:
            why = ""
        self._buckets.put(bucket, why, BUCKET_TTL)
        return why


def _misread(draft: FolderDraft) -> dict[str, str]:
    """Field -> why its text is not valid."""
    try:
        folder_of(_spec(draft))
    except ConfigError as error:
        return {problem.setting.rpartition(".")[2]: problem.message for problem in error.problems}
    return {}


def _readable(draft: FolderDraft, wrong: dict[str, str]) -> SyncFolderConfig:
    """The draft without its invalid fields."""
    values = asdict(_spec(draft)) | dict.fromkeys(wrong, "")
    values["mode"] = values["mode"] or "two-way"
    return replace(folder_of(FolderSpec(**values)), name=draft.name)


def _spec(draft: FolderDraft) -> FolderSpec:
    values = asdict(draft)
    del values["name"]
    return FolderSpec(**values)


def _describe_path(path: Path) -> str:
    """The description of a local folder for the user."""
    if not path.exists():
        return "Will be created"
    if not os.access(path, os.R_OK | os.X_OK):
        return "exists, but cannot be read"
    files = list(islice(_paths(path), LOOKED + 1))
    many = f"more than {LOOKED:,} files" if len(files) > LOOKED else count(len(files), "file")
    return f"exists, {'writable' if os.access(path, os.W_OK) else 'not writable'}, {many}"


def _rows(config: SyncFolderConfig) -> tuple[list[FilterRow], bool]:
    """The filter's decisions on the first paths, and whether there are more."""
    if config.path is None or not config.path.is_dir():
        return [], False
    ignore = Ignore(config.path)
    ignore.refresh()
    paths = list(islice(_paths(config.path), LOOKED + 1))
    judge = _judge(config, ignore)
    return [judge(path) for path in paths[:LOOKED]], len(paths) > LOOKED


def _judge(config: SyncFolderConfig, ignore: Ignore) -> Callable[[str], FilterRow]:
    filter: Filter = config.filter
    terms = [str(term) for term in filter.terms]

    def judge(path: str) -> FilterRow:
        if ignore.matches(path):
            return FilterRow(path, False, 0, IGNORE_FILE)
        key = config.prefix + path
        decision = filter.explain(FilterSubject(bucket=config.bucket, key=key, path=path))
        number = decision.term or 0
        is_kept = decision.verdict is not Verdict.EXCLUDE
        return FilterRow(path, is_kept, number, terms[number - 1] if number else decision.why)

    return judge


def _paths(root: Path) -> Iterator[str]:
    """The paths of files, level by level, without following links."""
    waiting = [""]
    for above in waiting:
        try:
            with os.scandir(root / above) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            path = above + entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name != RESERVED:
                    waiting.append(f"{path}/")
            elif entry.is_file(follow_symlinks=False):
                yield path


def _spread(rows: list[FilterRow]) -> list[FilterRow]:
    """A sample of included and excluded rows, in their order."""
    left_out = [row for row in rows if not row.included][: SHOWN // 2]
    kept = [row for row in rows if row.included][: SHOWN - len(left_out)]
    chosen = {row.path for row in (*kept, *left_out)}
    return [row for row in rows if row.path in chosen]
