"""Paths in a mount of the agent, as arguments of cp, mv, sync and diff: the objects that they show.

So that the agent copies objects, and never reads its own mount.
"""

from __future__ import annotations

from collections.abc import Sequence

from s3d.cli.client.mount_client import is_in_a_mount
from s3d.cli.copying.place import Place
from s3d.cli.session import Session
from s3d.shared.errors import UsageError
from s3d.shared.mounting import ObjectPlace


def as_objects(session: Session, places: Sequence[Place]) -> list[Place]:
    """The same places, where those in a mount are in S3. Raises UsageError for a mount of all
    buckets itself."""
    mounted = [
        one for one in places if not one.bucket and not one.is_stream and is_in_a_mount(one.path)
    ]
    if not mounted:
        return list(places)
    shown = session.mounts().locate([one.path for one in mounted])
    objects = dict(zip(mounted, shown, strict=True))
    return [_object(one, objects.get(one)) for one in places]


def _object(place: Place, shown: ObjectPlace | None) -> Place:
    """shown: what it is; None: it is in no mount of this agent."""
    if shown is None:
        return place
    if not shown.bucket:
        raise UsageError("bad usage", f"{place} has all buckets", "name one of them")
    is_folder = place.is_folder_name or place.is_folder()
    return Place(shown.bucket, f"{shown.key}/" if shown.key and is_folder else shown.key)
