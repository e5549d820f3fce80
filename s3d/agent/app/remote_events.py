"""Construct what reports changes of the remote, from the configuration."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from s3d.agent.app.change_listener import ChangeListener, place_of
from s3d.agent.app.stack import Stack
from s3d.agent.core.client import S3Client
from s3d.agent.core.clock import Clock
from s3d.agent.core.events import Events
from s3d.agent.remote_changes.change_sources import ChangeSources, PrefixState
from s3d.agent.remote_changes.unannounced_writes import UnannouncedWrites
from s3d.agent.remote_changes.write_announcer import WriteAnnouncer
from s3d.agent.stores.read_cache.catalog.last_stop import read_boot_id
from s3d.agent.sync.baseline_file import FAILURE
from s3d.agent.sync.folders import Folders
from s3d.agent.sync.interfaces import Unavailable
from s3d.shared.config.folder_settings import SyncFolderConfig
from s3d.shared.config.remote_events_settings import OFF, QUEUE, RemoteEventsConfig
from s3d.shared.config.schema import Config
from s3d.shared.paths import Places

if TYPE_CHECKING:
    from s3d.agent.remote_changes.sqs_client import SqsClient
    from s3d.agent.stores.remote.credential_provider import CredentialProvider
    from s3d.agent.stores.write_observers import RemoteWrites
    from s3d.agent.sync.folder import SyncFolder

_AWS_QUEUE = re.compile(r"https://(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com")


def open_change_sources(
    stack: Stack, config: Config, *, places: Places, folders: Folders, events: Events,
    closing: AsyncExitStack, clock: Clock | None = None,
) -> ChangeSources | None:  # fmt: skip
    """The sources of a gateway; None without a remote, or when they are off."""
    gateway, settings = stack.gateway, config.remote_events
    if gateway is None or settings.source == OFF:
        return None
    cache = None if gateway.cache is None else gateway.cache.layer
    unannounced = UnannouncedWrites(stack.places(places).unannounced_file, read_boot_id())
    closing.callback(unannounced.close)
    sources = ChangeSources(
        S3Client(gateway.remote),
        ChangeListener(cache, folders, events),
        is_ready=lambda: gateway.account.is_confirmed,
        queue=_open_queue(settings, gateway.keys),
        clock=clock,
        cost_limit=settings.cost_limit,
        announcer=WriteAnnouncer(unannounced),
    )
    folders.on_changed = partial(_use_folders, folders, sources, gateway.writes)
    folders.on_changed()
    return sources


def _use_folders(folders: Folders, sources: ChangeSources, writes: RemoteWrites) -> None:
    """Have the changes of all folders reported, and the writes of this agent announced there."""
    used = folders.by_name.values()
    writes.observer = sources.announcer if used else None
    sources.set_prefixes(
        {place_of(folder.context.config): partial(_count, folder) for folder in used}
    )
    for folder in used:
        config = folder.context.config
        reports = folder.state.reports = partial(sources.state_of, place_of(config))
        if config.interval == SyncFolderConfig().interval:
            folder.schedule.listings.reported_interval = partial(_interval, reports)


def _count(folder: SyncFolder) -> int:
    """Objects of a folder, for the cost of a listing."""
    with suppress(Unavailable, FAILURE):
        return folder.baseline.count()[0]
    return 0


def _interval(state: Callable[[], PrefixState]) -> float:
    return state().interval


def _open_queue(settings: RemoteEventsConfig, keys: CredentialProvider) -> SqsClient | None:
    if not settings.source.startswith(QUEUE):
        return None
    from s3d.agent.remote_changes.sqs_client import SqsClient
    from s3d.agent.stores.remote.credential_provider import CredentialProvider

    url = settings.source.removeprefix(QUEUE)
    if settings.profile:
        keys = CredentialProvider(profile=settings.profile)
    region = settings.region or region_of(url)

    async def find_region() -> str:
        return region or await keys.region()

    return SqsClient(url, key=keys.key, region=find_region, endpoint=settings.endpoint)


def region_of(url: str) -> str:
    """The region in the URL of a queue at AWS; "" for another one."""
    match = _AWS_QUEUE.match(url)
    return (match[1] or match[2]) if match else ""
