"""A change of the keys is on the disk, in use and masked in the log, in this order."""

import asyncio
import logging

import pytest

from s3d.agent.app.access_key_manager import KeyManager
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.log_buffer import LogBuffer
from s3d.shared.access_key_changes import KeyRequest, RotateRequest
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError
from s3d.shared.local_access_keys import LocalKeys
from s3d.shared.paths import find_places


@pytest.fixture
def stored(tmp_path):
    config = Config(local_dir=tmp_path)
    return LocalKeys(find_places(config, {}), config)


async def test_changes_at_the_same_time_are_all_in_use(stored):
    keys = AccessKeys(stored.load())
    manager = KeyManager(stored, keys)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(manager.create(KeyRequest())) for _ in range(10)]
    for task in tasks:
        new = task.result()
        assert keys.secret_of(new.access_key_id) == new.secret_access_key
    assert len((await manager.list_keys()).keys) == 11


async def test_the_secrets_of_new_and_old_keys_are_masked(stored):
    log_buffer = LogBuffer()
    manager = KeyManager(stored, AccessKeys(stored.load()))
    secrets = [stored.load()[0].secret.reveal()]
    secrets.append((await manager.create(KeyRequest("ci"))).secret_access_key)
    secrets.append((await manager.rotate("ci", RotateRequest(grace=0.0))).secret_access_key)
    await manager.revoke("ci")
    record = {"name": "x", "msg": " ".join(secrets), "levelno": logging.INFO, "levelname": "INFO"}
    log_buffer.emit(logging.makeLogRecord(record))
    (line,) = log_buffer.after(0, 10)
    assert not any(secret in line.message for secret in secrets)


async def test_a_refused_change_leaves_the_keys_in_use(stored):
    keys = AccessKeys(stored.load())
    manager = KeyManager(stored, keys)
    with pytest.raises(S3dError):
        await manager.revoke("default")
    assert keys.secret_of(keys.default.access_key_id)
