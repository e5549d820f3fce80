"""Construct the sync folders from the configuration and the stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from s3d.agent.app.stack import Stack
from s3d.agent.core import metric_table
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.own_mounts import OwnMounts
from s3d.agent.core.supervise import supervise
from s3d.agent.core.telemetry import Labels, Registry
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.s3.listing import BYTES
from s3d.agent.stores.remote.identity import endpoint_of
from s3d.agent.sync.folders import Folders, SyncContext
from s3d.shared.config.schema import Config
from s3d.shared.errors import UsageError
from s3d.shared.paths import Places
from s3d.shared.syncing import FolderStatus

if TYPE_CHECKING:
    from s3d.agent.after_upload.pushed_uploads import Uploads
    from s3d.agent.app.remote_state import RemoteState

EMBEDDED_LEVEL = "A"
"""The embedded store supports all conditional writes."""


def open_folders(
    stack: Stack,
    config: Config,
    places: Places,
    events: Events,
    *,
    umask: int,
    registry: Registry | None = None,
    own_mounts: OwnMounts | None = None,
    uploads: Uploads | None = None,
) -> Folders:
    """Raises UsageError for a folder that cannot be synced."""
    gateway = stack.gateway

    def level_of(bucket: str) -> str:
        if gateway is None:
            return EMBEDDED_LEVEL
        known = gateway.remote.capabilities.known_of(bucket)
        return str(known.level) if known is not None else ""

    def order_of(bucket: str) -> str:
        return BYTES if gateway is None else gateway.listing_order(bucket)

    def pending_of(bucket: str, prefix: str) -> Iterator[str]:
        if gateway is None or gateway.queue is None:
            return
        for write in gateway.queue.journal.pending.under(bucket, prefix.encode()):
            yield write.key

    if gateway is not None:
        _rename_remote(gateway.state, places)
    objects = S3Client(stack.without_events, bypass_cache=True, bypass_queue=True)
    state = places.state_dir / "sync"
    context = SyncContext(
        objects=objects,
        preview_objects=stack.bounded_client(stack.without_events, bypass_cache=True),
        parts=PartTransfers(objects, state / "uploads", config.part_size),
        remote=str(places.store_dir) if gateway is None else gateway.state.identity.id,
        state=state,
        own=(places.config_dir, places.data_dir, places.cache_dir, places.state_dir,
             places.write_queue_dir, places.read_cache_dir),
        events=events,
        umask=umask,
        level_of=level_of,
        order_of=order_of,
        pending_of=pending_of,
        supervise=lambda name, run: supervise(name, run, events),
        fixed=config.fixed_folders,
        registry=registry or Registry(),
        own_mounts=own_mounts or OwnMounts(),
        receipts=None if uploads is None else uploads.writer,
        rules=None if uploads is None else uploads.rules,
        policy=None if gateway is None else gateway.sync_policy,
    )  # fmt: skip
    folders = Folders(context, config.sync_folders)
    _report_folders(context.registry, folders)
    return folders


def _report_folders(registry: Registry, folders: Folders) -> None:
    """Have the state of the folders computed."""

    def each(count: Callable[[FolderStatus], int]) -> dict[Labels, float]:
        return {(status.name,): count(status) for status in folders.status()}

    registry.computed(metric_table.SYNC_FILES, lambda: each(lambda status: status.files))
    registry.computed(metric_table.SYNC_CONFLICTS, lambda: each(lambda status: status.conflicts))
    registry.computed(metric_table.SYNC_BLOCKED, lambda: each(lambda status: status.trouble_count))


def _rename_remote(state: RemoteState, places: Places) -> None:
    """Rename the remote in baselines of s3d 0.1, which named it by its URL as configured.

    The folder itself reports a baseline that cannot be read.
    """
    if state.places.remote_state_dir != places.state_dir:
        return  # another remote was in use then
    from s3d.agent.sync.baseline import Baseline
    from s3d.agent.sync.baseline_file import FAILURE, Damaged

    for file in sorted((places.state_dir / "sync").glob("*.sqlite")):
        with suppress(UsageError, Damaged, FAILURE), closing(Baseline(file)) as baseline:
            url, _, rest = baseline.get_meta("remote").partition(" ")
            if rest and _is_endpoint(url, state.identity.endpoint):
                baseline.set_meta(remote=f"{state.identity.id} {rest}")


def _is_endpoint(url: str, endpoint: str) -> bool:
    try:
        return endpoint_of(url) == endpoint
    except UsageError:
        return False
