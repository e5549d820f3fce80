"""The stack of stores that the configuration asks for: the only place that knows their order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from s3d.agent.app.embedded import Embedded, open_embedded
from s3d.agent.app.process import private_folder
from s3d.agent.core.events import Events
from s3d.agent.core.store import ObjectStore
from s3d.agent.storage.records import Totals
from s3d.agent.stores.change_events import ChangeEvents
from s3d.agent.stores.read_cache.cache_status import cache_status
from s3d.agent.stores.write_queue.queue_status import queue_status
from s3d.shared.caching import CacheStatus
from s3d.shared.config.schema import Config
from s3d.shared.control import StoreStatus
from s3d.shared.paths import Places
from s3d.shared.transfers import QueueStatus, RemoteStatus, WaitingRemote

if TYPE_CHECKING:
    from s3d.agent.app.gateway import Gateway
    from s3d.agent.app.waiting_writes import WaitingWrites


EMBEDDED = "embedded"
"""Subfolder of the state folder."""
REMOTE_FILE = "remote.json"
"""In the state folder: a remote has taken what was there."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The stores. Front doors only ever call the top. Either embedded or gateway is there."""

    top: ObjectStore
    embedded: Embedded | None
    gateway: Gateway | None
    waiting: WaitingWrites | None = None
    """What waits for remotes that are not in use."""

    @property
    def silent(self) -> ObjectStore:
        """The top for those who tell of their changes themselves."""
        if self.gateway is not None:
            return self.gateway.top
        return self.top if self.embedded is None else self.embedded.local

    def parts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What runs as long as the agent does, by name."""
        if self.gateway is not None:
            return self.gateway.parts()
        return {} if self.embedded is None else {"sweep": self.embedded.sweep}

    def places(self, base: Places) -> Places:
        """Where the state of the remote in use lies, or of the embedded store. Raises OSError."""
        return _of_embedded(base) if self.gateway is None else self.gateway.state.places

    async def usage(self, bucket: str) -> Totals | None:
        """Objects and bytes of one bucket; None: only the remote knows."""
        return None if self.embedded is None else await self.embedded.usage(bucket)

    async def store_status(self) -> StoreStatus | None:
        return None if self.embedded is None else await self.embedded.status()

    def remote_status(self) -> RemoteStatus | None:
        return None if self.gateway is None else self.gateway.status()

    def queue_status(self) -> QueueStatus | None:
        queue = None if self.gateway is None else self.gateway.queue
        return None if queue is None else queue_status(queue)

    def cache_status(self) -> CacheStatus | None:
        cache = None if self.gateway is None else self.gateway.cache
        return None if cache is None else cache_status(cache)

    def waiting_remotes(self) -> list[WaitingRemote]:
        return [] if self.waiting is None else self.waiting.status()

    def warnings(self) -> list[str]:
        """What a person should know."""
        if self.embedded is not None:
            return self.embedded.warnings()
        return [] if self.gateway is None else self.gateway.warnings

    async def close(self) -> None:
        """Finish what was asked for and close the files."""
        if self.embedded is not None:
            self.embedded.close()
        if self.gateway is not None:
            await self.gateway.close()


async def build_stack(config: Config, places: Places, events: Events) -> Stack:
    """Open the stores. Raises S3dError for what cannot be opened, OSError for the disk's errors."""
    if not config.remote:
        embedded = open_embedded(places.store_dir, ephemeral=config.ephemeral)
        waiting = _waiting(config, places)
        return Stack(ChangeEvents(embedded.local, events), embedded, None, waiting)
    from s3d.agent.app.gateway import (
        open_gateway,  # the libraries of a client, which most starts spare
    )

    gateway = await open_gateway(config, places, events)
    return Stack(ChangeEvents(gateway.top, events), None, gateway, gateway.waiting)


def _waiting(config: Config, places: Places) -> WaitingWrites | None:
    """Without a remote the queue's folder is locked only where it lies in the data folder."""
    folder = places.write_queue_dir
    if not folder.is_relative_to(places.data_dir) or not folder.exists():
        return None
    from s3d.agent.app.rebuild_identities import rebuild_identities
    from s3d.agent.app.waiting_writes import WaitingWrites

    rebuild_identities(folder, [places.state_dir, places.read_cache_dir])
    return WaitingWrites(folder, None, None)


def _of_embedded(places: Places) -> Places:
    """Transfers of the embedded store must not go on with a remote, so they have a folder too.

    A file that a version without such folders has left belongs to whoever is started first.
    """
    own = msgspec.structs.replace(places, remote_state_dir=places.state_dir / EMBEDDED)
    private_folder(places.state_dir / EMBEDDED)
    is_nobodys = not (places.state_dir / REMOTE_FILE).exists()
    if is_nobodys and places.transfers_file.exists() and not own.transfers_file.exists():
        places.transfers_file.rename(own.transfers_file)
    return own
