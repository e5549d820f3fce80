import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from s3d.agent.app.embedded import open_embedded
from s3d.agent.core.client import S3Client
from s3d.agent.s3.messages import BytesBody
from s3d.agent.storage.records import Extent, Layout
from s3d.shared.errors import FullError, S3dError
from tests.contract.client import Client


async def test_the_status_counts_what_is_stored(tmp_path):
    store = open_embedded(tmp_path)
    objects = S3Client(store.local)
    for bucket in ("one", "two"):
        await objects.create_bucket(bucket)
    await objects.put("one", "k", BytesBody(b"12345"))
    assert await store.usage("one") == (1, 5)
    assert await store.usage("two") == (0, 0)
    status = await store.status()
    assert (status.buckets, status.objects, status.size) == (2, 1, 5)
    assert (status.path, status.free > 0) == (str(tmp_path), True)
    store.close()


async def test_files_that_a_crash_left_are_removed(tmp_path, caplog):
    caplog.set_level("INFO")
    open_embedded(tmp_path).close()
    left = tmp_path / "blobs" / "000" / "7"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    store = open_embedded(tmp_path)
    await store.sweep()
    store.close()
    assert not left.exists()
    assert "files=1" in caplog.text


@pytest.mark.parametrize(("free", "kind"), [(1 << 30, S3dError), (4096, FullError)])
def test_a_store_that_cannot_be_opened_is_broken_or_has_no_room(tmp_path, monkeypatch, free, kind):
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    with pytest.raises(S3dError) as caught:
        open_embedded(tmp_path)
    assert type(caught.value) is kind
    assert caught.value.remedy


@pytest.mark.parametrize("size", [0, 5, 300 << 10])
async def test_the_bytes_of_a_layout_are_had_wherever_they_lie(tmp_path, size):
    store = open_embedded(tmp_path, ephemeral=True)
    objects = S3Client(store.local)
    await objects.create_bucket("bucket")
    await objects.put("bucket", "k", BytesBody(b"x" * size))
    stored = store.index.look(lambda reader: reader.object("bucket", b"k"))
    full = await store.index.read(lambda reader: reader.current("bucket", b"k"))
    assert stored is not None
    body = store.body_of(full.layout)
    assert b"".join([chunk async for chunk in body]) == b"x" * size
    await body.aclose()
    store.close()


async def test_the_whole_bytes_of_a_layout_are_one_row_or_one_file(tmp_path):
    store = open_embedded(tmp_path / "store", ephemeral=True)
    client = Client(store.local)
    await client("CreateBucket", Bucket="bbb")
    for key, data in (("empty", b""), ("small", b"12345"), ("large", bytes(100_000))):
        await client.put("bbb", key, data)
        layout = store.index.look(
            lambda reader, key=key: reader.current("bbb", key.encode()).layout
        )
        whole = store.whole(layout)
        assert (whole.read_bytes() if isinstance(whole, Path) else whole) == data
    extent = layout.extents[0]
    pieces = Layout((extent, extent))
    assert store.whole(pieces) is None
    assert store.whole(Layout((Extent(extent.blob, 0, 5),))) is None
    store.blobs.path(extent.blob).unlink()
    assert store.whole(layout) is None
    store.close()
