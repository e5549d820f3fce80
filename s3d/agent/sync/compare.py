"""Comparison of a sorted listing with the baseline. Pure.

Only differences are yielded, so that a pass over an unchanged folder takes no memory. The complete
agreement is read for differences only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from s3d.agent.sync.path_state import BaselineEntry, LocalEntry, RemoteEntry, is_folder

Known = Iterable[tuple[object, ...]]
"""Rows of the baseline: the path, followed by the values that identify its version. In the order of
the paths, which is that of the keys."""
BaseOf = Callable[[str], BaselineEntry | None]


class _Named(Protocol):
    @property
    def path(self) -> str: ...


N = TypeVar("N", bound=_Named)


def merged(
    entries: Iterable[N], known: Known, identity: Callable[[N], tuple[object, ...]]
) -> Iterator[tuple[str, bool, N | None]]:
    """Yield each path that differs: (path, whether the baseline has it, the entry or None).

    Both inputs are in the order of their paths. identity: the values of a row after its path.
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
    """Where the folder may differ from the baseline.

    A folder that is not empty needs no marker object, so it is no difference.
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
    """Where the bucket differs from the baseline."""
    for path, agreed, remote in merged(entries, known, _object):
        yield base_of(path) if agreed else None, remote


def _signature(local: LocalEntry) -> tuple[object, ...]:
    """An entry that cannot be synced always counts as different."""
    return local.signature if not local.trouble else ()


def _object(remote: RemoteEntry) -> tuple[object, ...]:
    return (remote.etag, remote.size) if not remote.trouble else ()
