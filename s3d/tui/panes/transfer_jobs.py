"""One row a job: an upload together with the pending writes that it has left. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from msgspec import structs

from s3d.shared.transfers import Transfer
from s3d.tui.match import NameFilter

_ORDER = {"running": 0, "failed": 1, "conflict": 1, "waiting": 2, "held": 3, "verifying": 4}
"""State -> its rank in the list; those that have ended are the last."""
_ENDED = 5
_ALWAYS_SHOWN = ("failed", "conflict", "held")
"""States of a write that is shown below its upload although the upload is not expanded."""


class ListedTransfer(NamedTuple):
    """A row of the list."""

    transfer: Transfer
    parts: int = 0
    """Of an upload: the listed writes below it."""
    is_part: bool = False
    """It is one of those."""
    is_expanded: bool = False


def listed_in(
    transfers: Sequence[Transfer], view: str, names: NameFilter, expanded: Collection[str]
) -> list[ListedTransfer]:
    """Jobs; or single transfers when a state ("all": any) or a filter is chosen."""
    if view == "all" and not names.text:
        return listed(transfers, expanded)
    return [
        ListedTransfer(each)
        for each in transfers
        if view in ("all", each.state) and names.matches(filtered_text(each))
    ]


def filtered_text(transfer: Transfer) -> str:
    """What a filter looks at: the key, and the code of the error."""
    code = transfer.error.code if transfer.error is not None else ""
    return f"{transfer.bucket}/{transfer.key} {code}"


def is_possible(transfers: Sequence[Transfer], actions: Collection[str]) -> bool:
    """Whether the agent allows one of these actions for one of the transfers."""
    return any(can(each, action) for each in transfers for action in actions)


def can(transfer: Transfer, action: str) -> bool:
    """Whether the agent allows an action now; one of an older version does not say so."""
    return transfer.actions is None or action in transfer.actions


def listed(transfers: Sequence[Transfer], expanded: Collection[str]) -> list[ListedTransfer]:
    """All transfers, running ones first, writes of an upload below it. expanded: ids of uploads."""
    uploads = {
        (each.bucket, each.key.rstrip("/")): each.id for each in transfers if _has_pending(each)
    }
    parts: dict[str, list[Transfer]] = {id: [] for id in uploads.values()}
    alone = []
    for each in transfers:
        upload = _upload_of(each, uploads) if each.kind == "push" else ""
        parts[upload].append(each) if upload else alone.append(each)
    alone = [to_the_remote(each, parts.get(each.id, [])) for each in alone]
    rows = []
    for each in sorted(alone, key=_rank):
        below, is_expanded = parts.get(each.id, []), each.id in expanded
        rows.append(ListedTransfer(each, len(below), is_expanded=is_expanded))
        rows += [
            ListedTransfer(part, is_part=True)
            for part in sorted(below, key=_rank)
            if is_expanded or part.state in _ALWAYS_SHOWN
        ]
    return rows


def writes_of(transfers: Sequence[Transfer]) -> dict[str, list[Transfer]]:
    """Id of each upload that has ended and only waits for the remote -> its listed writes."""
    waiting = [each for each in transfers if each.state == "done" and _has_pending(each)]
    uploads = {(each.bucket, each.key.rstrip("/")): each.id for each in waiting}
    parts: dict[str, list[Transfer]] = {}
    for each in transfers:
        if each.kind == "push" and (upload := _upload_of(each, uploads)):
            parts.setdefault(upload, []).append(each)
    return parts


def to_the_remote(transfer: Transfer, writes: Iterable[Transfer]) -> Transfer:
    """An upload as the way from the file to the remote: what is still in the queue is not done, but
    what is sent of it. writes: those listed that it has left."""
    pending = transfer.pending
    if not _has_pending(transfer) or pending is None:
        return transfer
    state = "running" if transfer.state == "done" else transfer.state
    sent = sum(min(each.done, each.size) for each in writes if each.state == "running")
    done = max(min(transfer.done, transfer.size) - max(pending.size - sent, 0), 0)
    return structs.replace(transfer, state=state, done=done, remaining=None)


def _has_pending(transfer: Transfer) -> bool:
    return transfer.pending is not None and transfer.pending.files > 0


def _upload_of(write: Transfer, uploads: dict[tuple[str, str], str]) -> str:
    """Id of the upload that has left a write; "" when there is none."""
    if not uploads:
        return ""
    return next(
        (uploads[write.bucket, key] for key in _above(write.key) if (write.bucket, key) in uploads),
        "",
    )


def _above(key: str) -> Iterable[str]:
    """A key and all folders that it is in, the innermost first."""
    yield key
    while "/" in key:
        key = key.rpartition("/")[0]
        yield key
    yield ""


def _rank(transfer: Transfer) -> tuple[int, float]:
    """The latest that has ended is the first of those."""
    return _ORDER.get(transfer.state, _ENDED), -transfer.ended
