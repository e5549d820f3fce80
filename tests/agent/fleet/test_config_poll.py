"""Polls of a real object: what is new and good is applied once, what is bad changes nothing."""

import base64

import pytest

from s3d.agent.core.object_info import ObjectAttributes
from s3d.agent.fleet.config_poll import SIGNATURE, ConfigPoll
from s3d.agent.fleet.saved_document import NAME, with_saved_document
from s3d.agent.receipts.device_key import load_or_create
from s3d.agent.s3.messages import BytesBody
from s3d.shared.config.load import load_config
from tests.agent.fleet.conftest import URL

GOOD = b'log_level = "debug"\n'


class Device:
    """A device that polls; applied: the levels of the log that were applied."""

    def __init__(self, remote, folder, **env) -> None:
        self.remote, self.folder = remote, folder
        settings = {"S3D_REMOTE": "http://127.0.0.1:9", "S3D_CONFIG_URL": URL, **env}
        self.config = load_config(None, settings, {})
        self.applied: list[str] = []
        self.poll = ConfigPoll(self.config, remote, folder, self.apply)

    async def apply(self, config) -> None:
        self.applied.append(config.log_level)

    async def publish(self, data: bytes, **metadata: str) -> None:
        attributes = ObjectAttributes(metadata=metadata)
        await self.remote.put("fleet", "conf/s3d.toml", BytesBody(data), attributes)


@pytest.fixture
def device(remote, tmp_path) -> Device:
    return Device(remote, tmp_path)


async def test_a_new_document_is_applied_once(device):
    await device.publish(GOOD)
    for _ in range(3):
        await device.poll.poll()
    assert device.applied == ["debug"]
    assert device.poll.problem == ""
    await device.publish(b'log_level = "error"\n')
    await device.poll.poll()
    assert device.applied == ["debug", "error"]


async def test_a_bad_document_changes_nothing_and_is_named(device):
    await device.publish(GOOD)
    await device.poll.poll()
    etag = device.poll.etag
    for bad, why in (
        (b'endpoint = "http://0.0.0.0:1"\n', "endpoint"),
        (b"\xff", "not UTF-8"),
        (b"#" * (1 << 20) + b"#", "larger than"),
    ):
        await device.publish(bad)
        await device.poll.poll()
        assert why in device.poll.problem
        assert "last good configuration stays" in device.poll.problem
        await device.poll.poll()  # it stays named
        assert why in device.poll.problem
    assert (device.applied, device.poll.etag) == (["debug"], etag)
    assert with_saved_document(device.config, device.folder).log_level == "debug"
    await device.publish(GOOD)
    await device.poll.poll()
    assert device.poll.problem == ""


async def test_a_document_that_is_missing_is_named(device):
    await device.poll.poll()
    assert "NoSuchKey" in device.poll.problem
    await device.publish(GOOD)
    await device.poll.poll()
    assert device.poll.problem == ""


async def test_a_device_starts_with_the_last_good_document(device, remote, tmp_path):
    await device.publish(GOOD)
    await device.poll.poll()
    again = Device(remote, tmp_path)
    assert with_saved_document(again.config, tmp_path).log_level == "debug"
    await again.poll.poll()
    assert again.applied == []  # it is the same document
    moved = Device(remote, tmp_path, S3D_CONFIG_URL="s3://fleet/other.toml")
    assert with_saved_document(moved.config, tmp_path).log_level == "info"


async def test_a_damaged_file_of_the_last_document_is_ignored(device, caplog):
    (device.folder / NAME).write_text("damaged")
    assert with_saved_document(device.config, device.folder) is device.config
    assert "cannot read the last configuration" in caplog.text


async def test_only_a_signed_document_is_used(remote, tmp_path):
    key = load_or_create(tmp_path)
    pem = tmp_path / "pub.pem"
    pem.write_bytes(key.public.pem)
    device = Device(remote, tmp_path, S3D_CONFIG_PUBLIC_KEY=str(pem))

    def signed(data: bytes) -> dict[str, str]:
        return {SIGNATURE: base64.b64encode(key.sign(data)).decode()}

    await device.publish(GOOD)
    await device.poll.poll()
    assert "no signature" in device.poll.problem
    await device.publish(GOOD, **signed(b"another"))
    await device.poll.poll()
    assert "is not that of S3D_CONFIG_PUBLIC_KEY" in device.poll.problem
    await device.publish(GOOD, **{SIGNATURE: "*"})
    await device.poll.poll()
    assert "refused" in device.poll.problem
    assert device.applied == []
    await device.publish(GOOD, **signed(GOOD))
    await device.poll.poll()
    assert (device.applied, device.poll.problem) == (["debug"], "")
