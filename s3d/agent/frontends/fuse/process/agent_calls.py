"""What the agent and the process of the mounts tell and ask each other besides the stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from s3d.agent.frontends.fuse.hand_over import ObjectName
from s3d.agent.frontends.fuse.process.channel import Channel, Handler, Message
from s3d.agent.frontends.fuse.xattrs import AgentState


class MountSettings(msgspec.Struct, frozen=True):
    """Of all mounts."""

    staging_folder: str
    """Of the files that are being written, on the file system of the store's blobs."""
    metadata_file: str
    symlinks: bool
    local_names: tuple[str, ...]
    """Patterns of names that stay on this machine."""
    listing_ttl: float
    """Seconds that a listing is believed."""
    checksum: str | None
    """See WrittenFiles."""
    syncs_later: bool
    """Whether the store commits small writes before they are on the disk."""
    has_size: bool
    """Whether df shows the disk of the staging folder; else it shows a remote, without a limit."""


class MountRequest(msgspec.Struct, frozen=True):
    """One mount, as in MountConfig."""

    folder: str
    bucket: str = ""
    prefix: str = ""
    read_only: bool = False
    allow_other: bool = False


class MountReport(msgspec.Struct, frozen=True):
    """What the process reports of a mount."""

    is_mounted: bool = False
    folder: str = ""
    """Without symbolic links."""
    open_files: int = 0
    io_errors: int = 0
    counts: Mapping[str, int] = {}
    """How often the kernel has called each operation."""


class MountServices(Protocol):
    """What the agent knows, and the mounts do not. Belongs to the loop of the agent."""

    def is_local(self, bucket: str, key: str, size: int) -> bool:
        """Whether an object of this size can be opened as a whole without a request."""

    def may_patch(self, place: ObjectName, tags: Mapping[str, str]) -> bool:
        """As MayPatch."""

    def state_of(self, bucket: str, key: str) -> AgentState: ...

    async def set_pinned(self, bucket: str, key: str, *, pinned: bool) -> None:
        """Raises S3Error when nothing can be pinned."""

    async def pending_below(self, bucket: str, prefix: str, limit: int) -> Mapping[str, bool]:
        """As Pending."""

    async def sync_store(self) -> None:
        """Return when a power cut can undo no write that was answered. Raises S3Error."""


def handlers(services: MountServices) -> Mapping[str, Handler]:
    """Answers the calls of AgentCalls. In the agent."""

    async def is_local(message: Message) -> bool:
        return services.is_local(*message.value)

    async def may_patch(message: Message) -> bool:
        place, tags = message.value
        return services.may_patch(ObjectName(*place), tags)

    async def state_of(message: Message) -> AgentState:
        return services.state_of(*message.value)

    async def set_pinned(message: Message) -> None:
        bucket, key, pinned = message.value
        await services.set_pinned(bucket, key, pinned=pinned)

    async def pending_below(message: Message) -> Mapping[str, bool]:
        return await services.pending_below(*message.value)

    async def sync_store(message: Message) -> None:
        await services.sync_store()

    return {
        "is_local": is_local,
        "may_patch": may_patch,
        "state_of": state_of,
        "set_pinned": set_pinned,
        "pending_below": pending_below,
        "sync_store": sync_store,
    }


class AgentCalls:
    """Asks the agent. In the process of the mounts; it is a StateSource and a StoreLog, too."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def is_local(self, bucket: str, key: str, size: int) -> bool:
        return bool((await self._channel.call("is_local", [bucket, key, size])).value)

    async def may_patch(self, place: ObjectName, tags: Mapping[str, str]) -> bool:
        return bool((await self._channel.call("may_patch", [place, tags])).value)

    async def state_of(self, bucket: str, key: str) -> AgentState:
        return AgentState(*(await self._channel.call("state_of", [bucket, key])).value)

    async def set_pinned(self, bucket: str, key: str, *, pinned: bool) -> None:
        await self._channel.call("set_pinned", [bucket, key, pinned])

    async def pending_below(self, bucket: str, prefix: str, limit: int) -> Mapping[str, bool]:
        found: Mapping[str, bool] = (
            await self._channel.call("pending_below", [bucket, prefix, limit])
        ).value
        return found

    @property
    def is_behind(self) -> bool:
        """The agent knows, and returns at once if it is not."""
        return True

    async def sync(self) -> None:
        await self._channel.call("sync_store")
