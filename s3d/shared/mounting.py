"""The control API's types for mounts: buckets as folders of a file system.

The version and the compatibility rules of control.py hold for them too.
"""

from __future__ import annotations

import msgspec

FILE_SYSTEM = "fuse.s3d"
"""The type of a mount in the kernel's table of mounts."""


class MountSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/mounts: a mount, as in the configuration file."""

    dir: str
    """An absolute path."""
    bucket: str = ""
    """"": all buckets."""
    prefix: str = ""
    read_only: bool = False
    allow_other: bool = False


class UnmountRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/mounts:unmount."""

    dir: str = ""
    """"": all mounts."""
    force: bool = False
    """Even if programs use it: what they have written is saved, then they get errors."""


class MountStatus(msgspec.Struct, frozen=True):
    """One mount; GET /v1/mounts."""

    dir: str
    bucket: str = ""
    prefix: str = ""
    read_only: bool = False
    allow_other: bool = False
    state: str = "mounted"
    """mounted; failed; or unmounted, by another program than s3d."""
    reason: str = ""
    """Why it failed, and what to do."""
    open_files: int = 0
    pending: int = 0
    """Writes below it that are not pushed yet, without those that are held or have failed."""
    held: int = 0
    failed: int = 0
    """Writes that the remote refuses. s3d queue ls lists them."""
    conflicts: int = 0
    """Versions that were parked because another client has changed the object too."""
    from_file: bool = False
    """Whether it is in the configuration file, and so mounted again at the next start."""


class MountList(msgspec.Struct, frozen=True):
    """GET /v1/mounts, and POST /v1/mounts:unmount with the mounts that are gone."""

    mounts: list[MountStatus]


class LocateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /v1/mounts:locate."""

    paths: list[str]


class ObjectPlace(msgspec.Struct, frozen=True):
    """What a path of a mount stands for. key "": the bucket; bucket "": all buckets."""

    bucket: str
    key: str


class PlaceList(msgspec.Struct, frozen=True):
    """The place of each path, in order; None: the path is in no mount of this agent."""

    places: list[ObjectPlace | None]


_REMEDIES = {
    "failed": " (s3d queue ls --state failed)",
    "in conflict": " (s3d queue ls --state conflict)",
}


def counts(status: MountStatus) -> list[str]:
    """What is open and what waits below a mount, with the command that helps."""
    numbers = {
        "open": status.open_files,
        "pending": status.pending,
        "held": status.held,
        "failed": status.failed,
        "in conflict": status.conflicts,
    }
    return [
        f"{number} {name}{_REMEDIES.get(name, '')}" for name, number in numbers.items() if number
    ]


def mount_text(status: MountStatus) -> str:
    """A mount in one line, with what needs attention, and the command that helps."""
    parts = [shown_part(status), *counts(status)]
    if status.read_only:
        parts.insert(1, "read-only")
    if status.state != "mounted":
        parts.append(f"{status.state}: {status.reason}".removesuffix(": "))
    return f"{status.dir}  {', '.join(parts)}"


def shown_part(status: MountStatus) -> str:
    """What a mount shows."""
    return f"{status.bucket}/{status.prefix}".rstrip("/") or "all buckets"
