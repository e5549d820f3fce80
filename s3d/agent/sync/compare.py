"""The three-way merge of what is here, what is there, and what was agreed on. Pure.

Only differences come out, so a pass over a folder where nothing has changed keeps nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from s3d.agent.sync.state import Base, Local, Remote, is_changed, is_folder, is_other


class _Named(Protocol):
    @property
    def path(self) -> str: ...


N = TypeVar("N", bound=_Named)


def merged(found: Iterable[N], rows: Iterable[Base]) -> Iterator[tuple[Base | None, N | None]]:
    """Each path of either, once. Both in the order of their paths, which is that of the keys."""
    ours = iter(rows)
    base = next(ours, None)
    for item in found:
        while base is not None and base.path < item.path:
            yield base, None
            base = next(ours, None)
        if base is not None and base.path == item.path:
            yield base, item
            base = next(ours, None)
        else:
            yield None, item
    while base is not None:
        yield base, None
        base = next(ours, None)


def local_differences(
    found: Iterable[Local], rows: Iterable[Base]
) -> Iterator[tuple[Base | None, Local | None]]:
    """Where the folder may differ from what was agreed on.

    A folder with something in it needs no marker, so it is no difference.
    """
    for base, local in merged(found, rows):
        if base is not None and local is not None:
            if is_changed(base, local) or local.trouble:
                yield base, local
        elif base is not None or (
            local is not None and (local.is_empty or not is_folder(local.path))
        ):
            yield base, local


def remote_differences(
    found: Iterable[Remote], rows: Iterable[Base]
) -> Iterator[tuple[Base | None, Remote | None]]:
    """Where the bucket differs from what was agreed on."""
    for base, remote in merged(found, rows):
        if is_other(base, remote) or (remote is not None and remote.trouble):
            yield base, remote
