"""All notification targets of the configuration: one delivery each, and their status."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from s3d.agent.core.clock import Clock
from s3d.agent.storage.event_rows import waiting_events
from s3d.agent.storage.index import Index
from s3d.shared.config.notification_settings import NotificationTargetConfig
from s3d.shared.control import NotificationTargetStatus

if TYPE_CHECKING:
    import aiohttp

    from s3d.agent.stores.notifications.delivery import Delivery

_CONNECTIONS = 32


class Notifications:
    """run() delivers the events of an index to all targets."""

    def __init__(self, index: Index, targets: Sequence[NotificationTargetConfig]) -> None:
        self._index = index
        self._session: aiohttp.ClientSession | None = None
        self.types = {target.name: target.type for target in targets}
        """Name of a target -> webhook or sqs."""
        self.deliveries = [self._delivery(target) for target in targets]

    def wake(self) -> None:
        """Events were entered."""
        for delivery in self.deliveries:
            delivery.wake()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for delivery in self.deliveries:
                    group.create_task(delivery.run(), name=f"events for {delivery.name}")
        finally:
            if self._session is not None:
                await self._session.close()
                self._session = None

    async def status(self) -> list[NotificationTargetStatus]:
        """Each target of the configuration, then those that were taken out and have events."""
        waiting = await self._index.read_in_thread(waiting_events)
        rows = [
            NotificationTargetStatus(
                name=delivery.name,
                type=self.types[delivery.name],
                waiting=waiting.pop(delivery.name, 0),
                delivered=delivery.delivered,
                dropped=delivery.dropped,
                error=delivery.last_error,
            )
            for delivery in self.deliveries
        ]
        missing = "not in the configuration: add its [[notification_target]] again"
        rows += [
            NotificationTargetStatus(name=name, waiting=count, error=missing)
            for name, count in sorted(waiting.items())
        ]
        return rows

    def _delivery(self, target: NotificationTargetConfig) -> Delivery:
        # Most agents have no targets, and do without the library of an HTTP client.
        from s3d.agent.stores.notifications.delivery import Delivery
        from s3d.agent.stores.notifications.targets import HttpTarget

        return Delivery(self._index, HttpTarget(target, self._open_session), Clock())

    def _open_session(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session
