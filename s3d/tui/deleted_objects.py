"""The deleted objects of a versioned bucket, as rows of a listing. Pure.

A delete without a version adds a delete marker; the versions before it stay:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from s3d.shared.control import ObjectInfo
from s3d.tui.places import PrefixName

STATE = "deleted"
"""The state of a key that only a delete marker is left of, beside those of queue and cache."""


@dataclass
class DeletedObjects:
    """versions: key -> the version that was the latest before its deletion."""

    objects: list[ObjectInfo] = field(default_factory=list)
    """Of the level itself, with the size of that version and the time of the deletion."""
    prefixes: list[str] = field(default_factory=list)
    """With deleted objects below them."""
    versions: dict[str, str] = field(default_factory=dict)

    def below(self, ids: Iterable[str]) -> list[tuple[str, str]]:
        """Keys and versions of what rows stand for: objects, and all below prefixes."""
        wanted = tuple(ids)
        return [
            (key, version)
            for key, version in self.versions.items()
            if any(key == id or (id.endswith("/") and key.startswith(id)) for id in wanted)
        ]


def deleted_in(versions: Iterable[ObjectInfo], place: PrefixName, *, deep: bool) -> DeletedObjects:
    """versions: those and the delete markers of all keys below a place, in any order of the keys,
    but the versions of each key from the newest on. deep: without prefixes."""
    found, prefix = DeletedObjects(), place[1]
    markers: dict[str, ObjectInfo] = {}
    newest: dict[str, ObjectInfo] = {}
    for info in versions:
        if info.etag:
            newest.setdefault(info.key, info)
        elif info.is_latest:
            markers[info.key] = info
    for key in sorted(markers.keys() & newest.keys()):
        info, deleted_at = newest[key], markers[key].last_modified
        found.versions[key] = info.version_id or "null"
        below, slash, _ = key[len(prefix) :].partition("/")
        if not slash or deep:
            found.objects.append(msgspec.structs.replace(info, last_modified=deleted_at))
        elif f"{prefix}{below}/" not in found.prefixes[-1:]:
            found.prefixes.append(f"{prefix}{below}/")
    return found
