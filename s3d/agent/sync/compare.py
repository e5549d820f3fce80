"""The three-way merge of what is here, what is there, and what was agreed on. Pure.

Only differences come out, so a pass over a folder where nothing has changed keeps nothing; and
only for these the whole of what was agreed on is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from s3d.agent.sync.path_state import BaselineEntry, LocalEntry, RemoteEntry, is_folder

Known = Iterable[tuple[object, ...]]
"""Rows of what was agreed on: the path, and then what tells whether it is the same still. In the
order of the paths, which is that of the keys."""
BaseOf = Callable[[str], BaselineEntry | None]


class _Named(Protocol):
    @property
    def path(self) -> str: ...


N = TypeVar("N", bound=_Named)


def merged(
    entries: Iterable[N], known: Known, identity: Callable[[N], tuple[object, ...]]
) -> Iterator[tuple[str, bool, N | None]]:
    """Each path that is on one side only, or not the same: whether it was agreed on, what is found.

    Both in the order of their paths. identity: what a row has after its path.
    """
    rows = iter(known)
    row = next(rows, None)
    for item in entries:
        path = item.path
        while row is not None and row[0] < path:  # type: ignore[operator]
            yield str(row[0]), True, None
            row = next(rows, None)
        if row is None or row[0] != path:
            yield path, False, item
            continue
        if row[1:] != identity(item):
            yield path, True, item
        row = next(rows, None)
    while row is not None:
        yield str(row[0]), True, None
        row = next(rows, None)


def local_differences(
    entries: Iterable[LocalEntry], known: Known, base_of: BaseOf
) -> Iterator[tuple[BaselineEntry | None, LocalEntry | None]]:
    """Where the folder may differ from what was agreed on.

    A folder with something in it needs no marker, so it is no difference.
    """
    for path, agreed, local in merged(entries, known, _signature):
        if local is not None and not agreed and is_folder(path) and not local.is_empty:
            if local.trouble:
                yield None, local
            continue
        yield base_of(path) if agreed else None, local


def remote_differences(
    entries: Iterable[RemoteEntry], known: Known, base_of: BaseOf
) -> Iterator[tuple[BaselineEntry | None, RemoteEntry | None]]:
    """Where the bucket differs from what was agreed on."""
    for path, agreed, remote in merged(entries, known, _object):
        yield base_of(path) if agreed else None, remote


def _signature(local: LocalEntry) -> tuple[object, ...]:
    """What cannot be synced is always told."""
    return local.signature if not local.trouble else ()


def _object(remote: RemoteEntry) -> tuple[object, ...]:
    return (remote.etag, remote.size) if not remote.trouble else ()
