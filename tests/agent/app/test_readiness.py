import asyncio

import pytest

from s3d.agent.app.readiness import session_readiness
from s3d.shared.config.folder_settings import SyncFolderConfig
from s3d.shared.diagnostics import NOT_READY, READY
from tests.agent.app.test_open_session import session

__all__ = ["session"]


@pytest.fixture
def checks(session):
    return lambda: {check.name: check for check in session_readiness(session).checks}


async def test_a_session_with_the_embedded_store_is_ready(session, checks):
    assert session_readiness(session).status == READY
    assert checks().keys() == {"endpoint", "store"}


async def test_it_is_not_ready_when_its_endpoint_is_closed(session, checks):
    await session.endpoint.stop()
    assert session_readiness(session).status == NOT_READY
    assert checks()["endpoint"].reason == "the agent changes to the state of another account"


async def test_a_sync_folder_counts_until_it_is_open_or_refused(session, checks, tmp_path):
    folder = SyncFolderConfig(path=tmp_path / "folder", bucket="first", name="mine")
    opened = await session.folders.save(folder)
    assert session_readiness(session).status == NOT_READY
    assert checks()["sync folder mine"].reason == "the folder is being opened"
    async with asyncio.TaskGroup() as group:
        running = group.create_task(opened.run())
        await opened.opened()
        assert session_readiness(session).status == READY
        running.cancel()
    opened.state.stop("the marker is missing", "root")
    assert session_readiness(session).status == READY
    assert checks()["sync folder mine"].reason == "the marker is missing"
