"""The queue's files as a gateway opens them; nothing is asked of a remote."""

import pytest

from s3d.agent.app.gateway import open_gateway
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.s3.messages import BytesBody
from s3d.shared.errors import AlreadyRunningError
from tests.agent.app.test_gateway import NOWHERE, settings

ELSEWHERE = "http://127.0.0.1:19"


async def test_the_limits_are_those_of_the_settings(tmp_path):
    env = {
        "S3D_WRITE_QUEUE_MAX_FILES": "7",
        "S3D_WRITE_QUEUE_WHEN_FULL": "reject",
        "S3D_WRITE_QUEUE_BANDWIDTH": "2MiB",
    }
    gateway = await open_gateway(*settings(tmp_path, **env), Events())
    limits = gateway.queue.admission.limits
    assert (limits.max_files, limits.wait, gateway.queue.throttle.rate) == (7, 0.0, 2 << 20)
    await gateway.close()


async def test_a_folder_of_its_own_has_a_lock_of_its_own(tmp_path):
    folder = str(tmp_path / "elsewhere")
    config, places = settings(tmp_path / "one", S3D_WRITE_QUEUE_DIR=folder)
    gateway = await open_gateway(config, places, Events())
    config, places = settings(tmp_path / "two", S3D_WRITE_QUEUE_DIR=folder)
    with pytest.raises(AlreadyRunningError):
        await open_gateway(config, places, Events())
    await gateway.close()


@pytest.mark.finding("D1")
async def test_a_folder_that_several_agents_use_says_for_whom_its_writes_are(tmp_path, monkeypatch):
    """Another home has another state folder, so the queue's folder has to know it by itself."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    folder = str(tmp_path / "elsewhere")
    left = []
    for home, remote in (("one", NOWHERE), ("two", ELSEWHERE), ("three", NOWHERE)):
        env = {"S3D_WRITE_QUEUE_DIR": folder, "S3D_REMOTE": remote}
        gateway = await open_gateway(*settings(tmp_path / home, **env), Events())
        if home == "one":
            await S3Client(gateway.top).put("bucket", "k", BytesBody(b"12345"))
        waiting = sum(each.writes.files for each in gateway.waiting.status())
        left.append((gateway.queue.journal.totals().files, waiting))
        await gateway.close()
    assert left == [(1, 0), (0, 1), (1, 0)]
