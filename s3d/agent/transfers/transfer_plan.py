"""What a transfer would do, without doing it: --dry-run, s3d diff and the questions before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from s3d.agent.core.client import S3Client
from s3d.agent.transfers.comparison import Outcome, changed_items
from s3d.agent.transfers.items import Item, items_of
from s3d.agent.transfers.naming import DELETE, DOWNLOAD, UPLOAD, local_name, target_of
from s3d.shared.text import printable_path
from s3d.shared.transfer_options import PlannedTransfer
from s3d.shared.transfers import TransferRequest

FAILED = "failed"
MOVE = "move"


async def plan_of(request: TransferRequest, objects: S3Client) -> AsyncIterator[PlannedTransfer]:
    """One row for each object; the last one counts those that are the same at the target.

    Raises S3Error, OSError.
    """
    outcome = Outcome()
    if request.sync is None:
        items = items_of(request, objects)
    else:
        items = changed_items(request, objects, outcome)
    async for item in items:
        if not _is_marker_of_download(request, item):
            yield planned(request, item)
    for item in outcome.extra:
        yield planned(request, item)
    if request.sync is not None and (why := outcome.why_not_delete(request.sync)):
        yield PlannedTransfer(FAILED, reason=why, code="NotTransferable")
    yield PlannedTransfer("", size=outcome.unchanged)


async def each_of(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Items as for_each takes them."""
    for item in items:
        yield item


def planned(request: TransferRequest, item: Item) -> PlannedTransfer:
    """One row of the plan."""
    if item.is_extra:
        bucket, _ = target_of(request, "")
        at = printable_path(item.path) if request.kind == DOWNLOAD else f"s3://{bucket}/{item.key}"
        return PlannedTransfer("delete", "", at, item.size, item.reason)
    source = f"s3://{request.bucket}/{item.key}"
    if request.kind == UPLOAD:
        source = printable_path(item.path)
    if item.trouble:
        return PlannedTransfer(FAILED, source, "", item.size, item.trouble, "NotTransferable")
    action = MOVE if request.delete_source else request.kind
    return PlannedTransfer(action, source, _target(request, item), item.size, item.reason)


def _target(request: TransferRequest, item: Item) -> str:
    if request.kind == DELETE:
        return ""
    if request.kind == DOWNLOAD:
        return printable_path(f"{request.to_path}/{local_name(request, item.key)}")
    bucket, key = target_of(request, item.key)
    return f"s3://{bucket}/{key}"


def _is_marker_of_download(request: TransferRequest, item: Item) -> bool:
    name = local_name(request, item.key)
    return request.kind == DOWNLOAD and not item.size and (not name or name.endswith("/"))
