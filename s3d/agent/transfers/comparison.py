"""What a one-shot sync has to transfer: source and target are compared name by name.

Both sides are read in the order of their keys at the same time, so memory stays small whatever
their size. A pair is compared by its listed facts first; only what they leave open costs a read of
the file or a HEAD request.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from enum import Enum, auto
from typing import NamedTuple

from s3d.agent.core.client import S3Client
from s3d.agent.core.path_names import is_reserved
from s3d.agent.s3.errors import S3Error
from s3d.agent.sync.mass_deletion import is_mass_deletion
from s3d.agent.transfers.items import Item, below, item_of_file, items_of
from s3d.agent.transfers.local_files import is_part
from s3d.agent.transfers.local_walk import SKIP, walk
from s3d.agent.transfers.naming import DOWNLOAD, UPLOAD, name_of, target_of
from s3d.shared.object_patterns import inclusion
from s3d.shared.transfer_options import SyncRules
from s3d.shared.transfers import TransferRequest

_MD5 = re.compile('"?([0-9a-f]{32})"?')
_KEYED = ("aws:kms", "aws:kms:dsse")
"""Encryptions whose ETag is not the MD5 of the data:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html"""
_TICK = 0.001
"""Seconds by which a time may differ after it was stored as a number."""


class Verdict(Enum):
    SAME = auto()
    SIZE = auto()
    NEWER = auto()
    CONTENTS = auto()
    """The bytes are different."""
    UNKNOWN = auto()
    """The bytes have to be compared."""


class Outcome:
    """What a comparison has found, complete at its end."""

    def __init__(self) -> None:
        self.unchanged = 0
        self.targets = 0
        """Objects or files at the target."""
        self.sources = 0
        self.troubles = 0
        self.extra: list[Item] = []
        """What only the target has, when that is to be deleted."""

    def why_not_delete(self, rules: SyncRules) -> str:
        """Why the extra ones stay; "" when they may be deleted."""
        number = len(self.extra)
        if not number:
            return ""
        if self.troubles:
            return f"{number} were not deleted, because a part of the source could not be read"
        if rules.approved:
            return ""
        if not self.sources:
            return f"the source is empty: s3d sync --yes deletes all {number} of the target"
        if is_mass_deletion(number, self.targets):
            return f"{number} of {self.targets} would be deleted: s3d sync --yes deletes them"
        return ""


def compare(kind: str, source: Item, target: Item, how: str) -> Verdict:
    """Compare by what the listings say. kind, how: of the request and its SyncRules."""
    if source.size != target.size:
        return Verdict.SIZE
    if how == "size":
        return Verdict.SAME
    if how == "exact" and kind == DOWNLOAD and abs(source.modified - target.modified) > _TICK:
        return Verdict.NEWER
    if not (source.path or target.path) and source.etag == target.etag:
        return Verdict.SAME
    digests = [md5_of_etag(side.etag) for side in (source, target) if not side.path]
    return Verdict.UNKNOWN if all(digests) else by_time(source, target)


def by_time(source: Item, target: Item) -> Verdict:
    """For contents that cannot be compared."""
    return Verdict.NEWER if source.modified > target.modified + _TICK else Verdict.SAME


def md5_of_etag(etag: str) -> str:
    """The MD5 of the data, if the ETag can be one."""
    match = _MD5.fullmatch(etag)
    return match[1] if match else ""


class Named(NamedTuple):
    """An item with its name relative to its side's root, by which the sides are compared."""

    name: str
    item: Item


async def changed_items(
    request: TransferRequest, objects: S3Client, outcome: Outcome
) -> AsyncIterator[Item]:
    """The sources that are new or different; the outcome is complete after the last one.

    Raises S3Error, OSError, and InternalError for a listing that is not in the order of its keys.
    """
    rules = request.sync or SyncRules()
    async for source, target in pairs(_sources(request, objects), _targets(request, objects)):
        outcome.targets += target is not None
        if source is None:
            if rules.delete and target is not None:
                outcome.extra.append(target._replace(is_extra=True, reason="extra"))
            continue
        outcome.sources += 1
        outcome.troubles += bool(source.trouble)
        if source.trouble or target is None:
            yield source._replace(reason="new")
            continue
        verdict = compare(request.kind, source, target, rules.compare)
        if verdict is Verdict.UNKNOWN:
            verdict = await _compare_contents(request, objects, source, target)
        if verdict is Verdict.SAME:
            outcome.unchanged += 1
        else:
            yield source._replace(reason=verdict.name.lower())


async def _sources(request: TransferRequest, objects: S3Client) -> AsyncIterator[Named]:
    async for item in items_of(request, objects):
        name = name_of(request, item.key)
        if not _has_no_counterpart(name, item):
            yield Named(name, item)


async def _targets(request: TransferRequest, objects: S3Client) -> AsyncIterator[Named]:
    """What is at the target, under the same rules as the source. key: the name, or S3 key."""
    is_included = inclusion(request.rules)
    if request.kind == DOWNLOAD:
        rows = _local_targets(request.to_path)
    else:
        bucket, prefix = target_of(request, request.base)
        rows = _named(below(objects, bucket, prefix), prefix)
    async for row in rows:
        if is_included(row.name) and not _has_no_counterpart(row.name, row.item):
            yield row


async def _named(items: AsyncIterator[Item], prefix: str) -> AsyncIterator[Named]:
    async for item in items:
        yield Named(item.key.removeprefix(prefix), item)


async def _local_targets(folder: str) -> AsyncIterator[Named]:
    root = f"{os.path.basename(folder)}/"
    if not await asyncio.to_thread(os.path.isdir, folder):
        return
    async for file in walk(folder, links=SKIP):
        item = item_of_file(file)
        if not item.trouble and not is_part(item.key):
            yield Named(item.key.removeprefix(root), item)


def _has_no_counterpart(name: str, item: Item) -> bool:
    """What some programs put in place of a folder; and what is s3d's own, of which each side has
    its own."""
    return is_reserved(name) or ((not name or name.endswith("/")) and not item.size)


async def pairs(
    sources: AsyncIterator[Named], targets: AsyncIterator[Named]
) -> AsyncIterator[tuple[Item | None, Item | None]]:
    """Join both sides by name."""
    async with aclosing(_ordered(sources)) as left, aclosing(_ordered(targets)) as right:
        source, target = await anext(left, None), await anext(right, None)
        while source is not None or target is not None:
            if source is not None and source.item.trouble:
                yield source.item, None
                source = await anext(left, None)
            elif target is None or (source is not None and _order(source) < _order(target)):
                assert source is not None
                yield source.item, None
                source = await anext(left, None)
            elif source is None or _order(target) < _order(source):
                yield None, target.item
                target = await anext(right, None)
            else:
                yield source.item, target.item
                source, target = await anext(left, None), await anext(right, None)


async def _ordered(rows: AsyncIterator[Named]) -> AsyncGenerator[Named]:
    """Check the order: in another one, an object would seem to be missing."""
    last = b""
    async for row in rows:
        if not row.item.trouble:
            if _order(row) < last:
                message = "The listing is not in the order of its keys, so nothing can be compared."
                raise S3Error("InternalError", message)
            last = _order(row)
        yield row


def _order(row: Named) -> bytes:
    return row.name.encode()


async def _compare_contents(
    request: TransferRequest, objects: S3Client, source: Item, target: Item
) -> Verdict:
    """Compare the bytes: by the MD5 that an ETag is, unless the object is encrypted with a key."""
    if request.kind in (UPLOAD, DOWNLOAD):
        file, stored = (source, target) if request.kind == UPLOAD else (target, source)
        if await asyncio.to_thread(md5_of_file, file.path) == md5_of_etag(stored.etag):
            return Verdict.SAME
    source_bucket, target_bucket = request.bucket, target_of(request, "")[0]
    if request.kind != UPLOAD and await _has_keyed_etag(objects, source_bucket, source.key):
        return by_time(source, target)
    if request.kind != DOWNLOAD and await _has_keyed_etag(objects, target_bucket, target.key):
        return by_time(source, target)
    return Verdict.CONTENTS


async def _has_keyed_etag(objects: S3Client, bucket: str, key: str) -> bool:
    output = await objects.output("HeadObject", {"Bucket": bucket, "Key": key})
    return output.get("ServerSideEncryption") in _KEYED or "SSECustomerAlgorithm" in output


def md5_of_file(path: str, block: int = 1 << 20) -> str:
    """Raises OSError. For a thread."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb", buffering=0) as file:
        while data := file.read(block):
            digest.update(data)
    return digest.hexdigest()
