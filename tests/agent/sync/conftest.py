"""A folder over an embedded store: all real, and in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.sync import user_actions
from s3d.agent.sync.folder import SyncFolder
from s3d.agent.sync.open_folder import FolderContext
from s3d.shared.config.folder_settings import SyncFolderConfig
from tests.agent.manual_clock import ManualClock

BUCKET = "bucket"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[S3Client]:
    """Of an embedded store with a bucket."""
    store = open_embedded(tmp_path / "store")
    found = S3Client(store.local, bypass_cache=True)
    await found.create_bucket(BUCKET)
    yield found
    store.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "files" / "tree"


@pytest.fixture
def context(tmp_path: Path, root: Path, objects: S3Client) -> Callable[..., FolderContext]:
    """values: of the folder's configuration."""

    def make(**values: Any) -> FolderContext:
        config = SyncFolderConfig(path=root, bucket=BUCKET, interval=3600.0, **values)
        file = tmp_path / "baseline.sqlite"
        return FolderContext(config, objects, "store", file, Events(), 0o022, "host")

    return make


Running = Callable[..., AbstractAsyncContextManager[SyncFolder]]


@pytest.fixture
def running(context: Callable[..., FolderContext]) -> Running:
    @asynccontextmanager
    async def run(**values: Any) -> AsyncIterator[SyncFolder]:
        folder = SyncFolder(context(**values))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(folder.run())
            try:
                yield folder
            finally:
                task.cancel()
        folder.close()

    return run


@pytest.fixture
async def passes(running, root):
    """Of a folder that makes none by itself."""
    async with running() as folder:
        here = await folder.opened()
        await user_actions.sync_now(folder)
        await user_actions.pause(folder)
        here.passes.is_stopped = lambda: False
        yield here.passes
