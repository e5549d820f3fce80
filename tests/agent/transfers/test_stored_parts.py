"""A migration of an object in parts goes on after an outage, with the same parts."""

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.large_objects.part_transfers import PartTransfers
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.local import complete
from s3d.agent.transfers.object_copier import CopyResult, ObjectCopier
from s3d.agent.transfers.stored_parts import StoredParts
from tests.agent.large_objects.conftest import (  # noqa: F401 - fixtures
    BUCKET,
    PART,
    SIZE,
    Counting,
    away_at,
    data,
    noted_in,
    store,
)
from tests.agent.large_objects.test_content_proof import put

SIZES = (PART, PART + 1, PART, PART + 2, PART - 3 + 12_345)
"""Parts of different sizes, as only their source knows."""


@pytest.fixture
async def copier(store, data, tmp_path, monkeypatch):  # noqa: F811
    """From a second store, which has the object in parts."""
    from s3d.agent.app.embedded import open_embedded

    monkeypatch.setattr(complete, "MIN_PART", PART)
    near = open_embedded(tmp_path / "near", ephemeral=True)
    source = Counting(near.local)
    await S3Client(source).create_bucket(BUCKET)
    await put(source, data, SIZES)
    yield ObjectCopier(source, store, PartTransfers(S3Client(store), tmp_path / "maps"))
    near.close()


async def test_a_copy_goes_on_after_an_outage(copier, store, tmp_path):  # noqa: F811
    store.fails = away_at("UploadPart", 5)
    with pytest.raises(S3Error):
        await copier.copy(BUCKET, "k")
    noted = noted_in(next((tmp_path / "maps").iterdir()))
    assert noted
    store.take()
    store.fails = lambda request: None
    assert await copier.copy(BUCKET, "k") is CopyResult.COPIED
    assert set(store.take()) <= {1, 2, 3, 4, 5} - set(noted)
    here, there = [await S3Client(each.inner).head(BUCKET, "k") for each in (copier.source, store)]
    assert (here.etag, here.size) == (there.etag, there.size)


async def test_a_source_that_is_replaced_is_not_mixed(copier, store, data):  # noqa: F811
    etag = (await S3Client(copier.source.inner).head(BUCKET, "k")).etag
    parts = StoredParts(copier.source, {"Bucket": BUCKET, "Key": "k"}, etag)
    spans = await parts.spans(5)
    assert [span.size for span in spans] == list(SIZES)
    assert spans[-1].stop == SIZE
    await put(copier.source, data[::-1])
    with pytest.raises(S3Error) as caught:
        await parts.send(S3Client(store), {}, spans[0], lambda size: None)
    assert caught.value.code == "PreconditionFailed"
