"""Mounts over the stack: a file system for each, and the files that are open for writing in them.

1. open_mounts() connects Mounts (frontends/fuse) with the stores of a session.
2. MountedBuckets.new_mount() makes one mount, whose file system is in the process of the mounts
   (frontends/fuse/process). That asks MountedBuckets for what only the agent knows.
3. The files that are written belong to all mounts. What an earlier run has left is handed to the
   stores at the start, whether anything is mounted or not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from s3d.agent.app.stack import Stack
from s3d.agent.core.events import Events
from s3d.agent.core.own_mounts import OwnMounts
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.fuse.mounts import Mounts, RunningMount
from s3d.agent.s3 import checksums
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.index import Index
from s3d.agent.stores.read_cache.cache_status import cache_state
from s3d.agent.stores.write_queue.journal.pending_write import Kind, PendingState
from s3d.agent.sync.folders import Folders
from s3d.shared.caching import Pin
from s3d.shared.config.mount_settings import FuseConfig, MountConfig, mount_of_fuse
from s3d.shared.config.schema import Config
from s3d.shared.control import Event
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.paths import Places

if TYPE_CHECKING:
    from s3d.agent.frontends.fuse.process.mount_process import MountProcess
    from s3d.agent.frontends.fuse.xattrs import AgentState

logger = logging.getLogger(__name__)

STAGING = "mount"
"""Subfolder of the files that are being written, beside the blobs that they become."""
_STATES = {PendingState.FAILED: "failed", PendingState.HELD: "held"}
_TTL_OF_REMOTE, _TTL_OF_STORE = 1.0, 60.0
"""Seconds that a listing is believed. All writes to the embedded store pass this agent, but for
those of lifecycle rules."""
_PAGE = 1_000
"""Writes that are looked at before others get the loop."""
_MAX_COUNTED = 10_000
"""Writes that are counted for one mount."""


class MountedBuckets:
    """Makes mounts, and answers what the process of the mounts asks. Belongs to the loop."""

    def __init__(self, stack: Stack, places: Places, events: Events, settings: FuseConfig) -> None:
        """settings: of all mounts."""
        here = stack.places(places)
        base = here.store_dir if stack.gateway is None else here.write_queue_dir
        self._folder = base / STAGING
        self._stack = stack
        self._settings = settings
        self._metadata_file = here.mount_metadata_file
        self._process: MountProcess | None = None
        self._events = events

    async def recover(self) -> None:
        """Hand over what an earlier run has left. What cannot be read stays where it is: no mount
        can be made then, and the agent does everything else. Raises UsageError for files of a newer
        s3d."""
        if not self._folder.is_dir():  # nothing was ever mounted
            return
        from s3d.agent.frontends.fuse.staging_journal import has_leftovers

        if not await asyncio.to_thread(has_leftovers, self._folder):
            return
        try:
            await self._opened().start()
        except UsageError:
            raise
        except S3dError as error:
            logger.error(
                "what programs have written to mounts is not in the buckets yet "
                "folder=%s reason=%s remedy=%s", self._folder, error, error.remedy,
            )  # fmt: skip

    def new_mount(self, config: MountConfig) -> RunningMount:
        """A mount that is not started yet."""
        from s3d.agent.frontends.fuse.process.mount_process import ProcessMount

        return ProcessMount(self._opened(), config)

    async def close(self) -> None:
        """Hand over what is not in the stores yet. Mounts are stopped before."""
        process, self._process = self._process, None
        if process is not None:
            self._events.taps.remove(self._note_change)
            await process.close()

    def _opened(self) -> MountProcess:
        # Imported here because most agents mount nothing.
        from s3d.agent.frontends.fuse.process.agent_calls import MountSettings
        from s3d.agent.frontends.fuse.process.mount_process import MountProcess

        if self._process is None:
            is_gateway = self._stack.gateway is not None
            settings = MountSettings(
                staging_folder=str(self._folder),
                metadata_file=str(self._metadata_file),
                symlinks=self._settings.symlinks,
                local_names=self._settings.local_names,
                listing_ttl=_TTL_OF_REMOTE if is_gateway else _TTL_OF_STORE,
                checksum=self._checksum,
                syncs_later=self._log is not None,
                has_size=not is_gateway,
            )
            self._process = MountProcess(self._stack.top, self, settings)
            self._events.taps.append(self._note_change)
        return self._process

    async def sync_store(self) -> None:
        """Return when a power cut can undo no write that was answered. Raises S3Error."""
        log = self._log
        if log is not None and log.is_behind:
            await log.sync()

    def state_of(self, bucket: str, key: str) -> AgentState:
        """The state of one object, for its extended attributes."""
        from s3d.agent.frontends.fuse.xattrs import AgentState

        gateway = self._stack.gateway
        if gateway is None:
            return AgentState("clean", "cached", is_pinned=False)
        writes = [] if gateway.queue is None else gateway.queue.journal.pending.of_key(bucket, key)
        state = _STATES.get(writes[0].state, "pending") if writes else "clean"
        if gateway.queue is not None and any(
            (one.write.bucket, one.write.key) == (bucket, key)
            for one in gateway.queue.journal.conflicts
        ):
            state = "conflict"
        cached = cache_state(gateway.cache, bucket, key)
        is_whole = cached is not None and 0 < cached.held >= cached.size
        is_partial = cached is not None and cached.held > 0
        shown = "cached" if is_whole else "partial" if is_partial else "none"
        return AgentState(state, shown, is_pinned=cached is not None and cached.pinned)

    async def set_pinned(self, bucket: str, key: str, *, pinned: bool) -> None:
        """Keep an object, or what is in a folder, in the read cache, or no longer. Raises
        S3Error."""
        cache = None if self._stack.gateway is None else self._stack.gateway.cache
        if cache is None or cache.pin_manager is None:
            raise S3Error("NotImplemented", "there is no read cache that could keep the object")
        pins = cache.pin_manager.pins
        pin = Pin(bucket, prefix=key) if key.endswith("/") else Pin(bucket, key)
        try:
            (pins.add if pinned else pins.remove)(pin)
        except OSError as error:
            raise S3Error("SlowDown", "the pins cannot be saved") from error

    async def pending_below(self, bucket: str, prefix: str, limit: int) -> Mapping[str, bool]:
        """The keys below a prefix of which writes are pending, and whether these leave an object.

        With more keys than the limit, some of them are missing, and the result exceeds it."""
        gateway = self._stack.gateway
        found: dict[str, bool] = {}
        if gateway is None or gateway.queue is None:
            return found
        pending, after = gateway.queue.journal.pending, b""
        while len(found) <= limit:
            part = list(islice(pending.under(bucket, prefix.encode(), after), _PAGE))
            if not part:
                break
            found |= {write.key: write.kind is not Kind.DELETE for write in part}
            after = part[-1].key.encode()
            await asyncio.sleep(0)  # others want the loop, too
        return found

    def count_writes(self, bucket: str, prefix: str) -> Mapping[str, int]:
        """The counts of a MountStatus."""
        gateway = self._stack.gateway
        if gateway is None or gateway.queue is None:
            return {}
        journal = gateway.queue.journal
        if not bucket:
            held, failed = (
                journal.pending.usage(state).files
                for state in (PendingState.HELD, PendingState.FAILED)
            )
            return {
                "pending": len(journal.pending) - held - failed,
                "held": held,
                "failed": failed,
                "conflicts": journal.conflicts.usage.files,
            }
        counts = dict.fromkeys(("pending", "held", "failed"), 0)
        for write in islice(journal.pending.under(bucket, prefix.encode()), _MAX_COUNTED):
            counts[_STATES.get(write.state, "pending")] += 1
        conflicts = sum(
            one.write.bucket == bucket and one.write.key.startswith(prefix)
            for one in journal.conflicts
        )
        return {**counts, "conflicts": conflicts}

    @property
    def _log(self) -> Index | None:
        """Where small files are committed; None: at the remote, without a queue."""
        gateway = self._stack.gateway
        store = self._stack.embedded if gateway is None else gateway.staging
        return None if store is None else store.index

    @property
    def _checksum(self) -> str | None:
        """See WrittenFiles; the store is that of _log."""
        if self._stack.gateway is None:
            return checksums.DEFAULT
        return None if self._stack.gateway.staging is None else ""

    def is_local(self, bucket: str, key: str, size: int) -> bool:
        """Whether an object of this size can be opened as a whole without a request."""
        gateway = self._stack.gateway
        if gateway is None:
            return True
        if gateway.queue is not None and gateway.queue.journal.pending.of_key(bucket, key):
            return True
        cached = cache_state(gateway.cache, bucket, key)
        return cached is not None and cached.held >= size

    def may_patch(self, place: tuple[str, str], tags: Mapping[str, str]) -> bool:
        """Whether a changed object may go past the write queue: what the queue would hold, or has
        not pushed yet, goes through it."""
        gateway = self._stack.gateway
        if gateway is None or gateway.queue is None:
            return True
        journal = gateway.queue.journal
        is_pushed = gateway.push_policy.includes_all(tags) and not journal.paused
        return is_pushed and not journal.pending.of_key(*place)

    def _note_change(self, event: Event) -> None:
        if event.kind == "store.changed":
            bucket, _, key = event.subject.partition("/")
            is_removal = str(event.data["operation"]).startswith("Delete")
            if self._process is not None:
                self._process.note_change(bucket, key, is_removal=is_removal)


def open_mounts(
    buckets: MountedBuckets,
    own: OwnMounts,
    config: Config,
    places: Places,
    *,
    folders: Folders,
    registry: Registry,
) -> Mounts:
    """The mounts of the configuration; nothing is mounted yet."""
    unsaved = mount_of_fuse(config.fuse)
    mounts = Mounts(
        buckets.new_mount,
        config.mounts,
        own,
        why_not=partial(why_no_mount, own_folders=_own_folders(places), folders=folders),
        count_writes=buckets.count_writes,
    )
    mounts.note_saved(each.dir for each in config.mounts if each not in unsaved)
    mounts.report(registry)
    return mounts


def why_no_mount(folder: Path, *, own_folders: tuple[Path, ...], folders: Folders) -> str:
    """Why a folder cannot be a mount; "" when it can."""
    for own in own_folders:
        if _overlap(folder, own):
            return f"s3d stores its own files in {own}"
    for synced in folders.by_name.values():
        if _overlap(folder, synced.path):
            return f"{synced.path} is a sync folder, and one is inside the other"
    return ""


def _own_folders(places: Places) -> tuple[Path, ...]:
    return (
        places.config_dir, places.data_dir, places.cache_dir, places.state_dir,
        places.write_queue_dir, places.read_cache_dir,
    )  # fmt: skip


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
