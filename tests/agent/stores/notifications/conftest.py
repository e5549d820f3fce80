"""An embedded store whose events are delivered to a real HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from s3d.agent.s3.notification_rules import target_arn
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.notifications.service import Notifications
from s3d.shared.config.notification_settings import NotificationTargetConfig
from tests.agent.stores.notifications.receiver import Receiver, receiving
from tests.contract.client import Client


class World(Protocol):
    """A store with a bucket whose events go to one target."""

    s3: Client
    notifications: Notifications


class _World:
    def __init__(self, index: Index, folder: Path, target: NotificationTargetConfig) -> None:
        arn = target_arn(target.type, target.name)
        local = LocalStore(index, Blobs(folder / "blobs", ephemeral=True), target_arns=[arn])
        self.s3 = Client(local)
        self.notifications = Notifications(index, [target])
        local.events.on_recorded = self.notifications.wake

    async def notify(self, *events: str) -> None:
        """Make the bucket, and have its events sent."""
        await self.s3("CreateBucket", Bucket="bucket")
        target = next(iter(self.notifications.deliveries)).name
        kind = self.notifications.types[target]
        one = {"QueueArn": target_arn(kind, target), "Events": list(events)}
        await self.s3(
            "PutBucketNotificationConfiguration",
            Bucket="bucket",
            NotificationConfiguration={"QueueConfigurations": [one]},
        )


class Open(Protocol):
    def __call__(self, target: NotificationTargetConfig) -> AbstractAsyncContextManager[_World]: ...


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Opens the store of the test, again if need be, and delivers its events."""

    @asynccontextmanager
    async def opened(target: NotificationTargetConfig) -> AsyncIterator[_World]:
        index = Index.open(tmp_path / "index.sqlite")
        world = _World(index, tmp_path, target)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(world.notifications.run())
            yield world
            running.cancel()
        index.close()

    return opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver
