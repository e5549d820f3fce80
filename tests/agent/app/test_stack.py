import msgspec
import pytest

from s3d.agent.app.stack import build_stack
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.s3.messages import BytesBody
from s3d.shared.config.load import load_config
from s3d.shared.paths import Places, find_places
from tests.agent.app.test_background import names_of


@pytest.fixture
def config():
    return load_config(None, {}, {})


@pytest.fixture
def places(tmp_path, config) -> Places:
    return find_places(msgspec.structs.replace(config, local_dir=tmp_path), {})


async def test_the_status_counts_what_is_stored(config, places):
    stack = await build_stack(config, places, Events())
    objects = S3Client(stack.top)
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
    await S3Client(stack.top).create_bucket("bucket")
    await stack.close()
    stack = await build_stack(config, places, Events())
    assert [bucket.name for bucket in await S3Client(stack.top).buckets()] == ["bucket"]
    await stack.close()


async def test_a_remote_takes_the_place_of_the_embedded_store(config, places):
    config = msgspec.structs.replace(config, remote="http://127.0.0.1:9")
    stack = await build_stack(config, places, Events())
    assert stack.embedded is None
    assert await stack.store_status() is None
    assert await stack.usage("bucket") is None
    assert stack.remote_status().url == "http://127.0.0.1:9"
    assert stack.queue_status().path == str(places.write_queue_dir)
    assert names_of(stack.gateway) == {
        "account",
        "cache",
        "numbers",
        "pins",
        "pusher",
        "sweep",
        "unused caches",
        "migration",
        "probing",
    }
    await stack.close()


async def test_without_a_remote_there_is_nothing_to_say_of_one(config, places):
    stack = await build_stack(config, places, Events())
    assert (stack.remote_status(), stack.queue_status(), stack.warnings()) == (None, None, [])
    await stack.close()


@pytest.mark.finding("D1")
async def test_transfers_of_the_embedded_store_do_not_go_on_with_a_remote(config, places):
    places.state_dir.mkdir(parents=True)
    places.transfers_file.write_text("of a version that knew one place only")
    files = []
    for remote in ("", "http://127.0.0.1:9", ""):
        stack = await build_stack(msgspec.structs.replace(config, remote=remote), places, Events())
        files.append(stack.places(places).transfers_file)
        await stack.close()
    assert files[0] == files[2] != files[1]
    assert (files[0].exists(), files[1].exists()) == (True, False)
