import shutil
from types import SimpleNamespace

import msgspec
import pytest

from s3d.agent.events import Events
from s3d.agent.s3.messages import BytesBody
from s3d.agent.stack import build_stack
from s3d.agent.store.objects import Objects
from s3d.shared.config import load_config
from s3d.shared.errors import FullError, S3dError
from s3d.shared.paths import Places, find_places


@pytest.fixture
def config():
    return load_config(None, {}, {})


@pytest.fixture
def places(tmp_path, config) -> Places:
    return find_places(msgspec.structs.replace(config, local_dir=tmp_path), {})


async def test_the_status_counts_what_is_stored(config, places):
    stack = await build_stack(config, places, Events())
    objects = Objects(stack.top)
    for bucket in ("one", "two"):
        await objects.create_bucket(bucket)
    await objects.put("one", "k", BytesBody(b"12345"))
    assert await stack.usage("one") == (1, 5)
    assert await stack.usage("two") == (0, 0)
    status = await stack.store_status()
    assert (status.buckets, status.objects, status.size) == (2, 1, 5)
    assert status.path == str(places.store_dir)
    assert status.free > 0
    await stack.close()


async def test_what_was_stored_is_there_when_it_is_opened_again(config, places):
    stack = await build_stack(config, places, Events())
    await Objects(stack.top).create_bucket("bucket")
    await stack.close()
    stack = await build_stack(config, places, Events())
    assert [bucket.name for bucket in await Objects(stack.top).buckets()] == ["bucket"]
    await stack.close()


async def test_files_that_a_crash_left_are_removed(config, places, caplog):
    caplog.set_level("INFO")
    await (await build_stack(config, places, Events())).close()
    left = places.store_dir / "blobs" / "000" / "7"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    stack = await build_stack(config, places, Events())
    await stack.parts()["sweep"]()
    await stack.close()
    assert not left.exists()
    assert "files=1" in caplog.text


@pytest.mark.parametrize(("free", "kind"), [(1 << 30, S3dError), (4096, FullError)])
async def test_a_store_that_cannot_be_opened_is_broken_or_has_no_room(
    config, places, monkeypatch, free, kind
):
    places.store_dir.mkdir(parents=True)
    (places.store_dir / "index.sqlite").write_bytes(b"no database" * 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    with pytest.raises(S3dError) as caught:
        await build_stack(config, places, Events())
    assert type(caught.value) is kind
    assert caught.value.remedy
