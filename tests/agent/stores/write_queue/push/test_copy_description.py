"""What is known of the source of a copy, when it is accepted or when it is pushed."""

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.records import ELSEWHERE, Description, ObjectRecord, Stored
from s3d.agent.stores.write_queue.journal.pending_write import CopySource, StagedWrite
from s3d.agent.stores.write_queue.push.copy_description import describe_source, described
from tests.contract.client import Client
from tests.contract.conftest import local

OBJECT = {"Metadata": {"a": "b"}, "Tagging": "t=u", "StorageClass": "GLACIER_IR"}


@pytest.fixture
async def remote(tmp_path):
    async with local(tmp_path) as remote:
        await Client(remote)("CreateBucket", Bucket="bbb")
        await Client(remote).put("bbb", "old", b"data", **OBJECT)
        yield S3Client(remote)


def row(**further):
    own = Description(metadata={"own": "1"}, tags={"own": "2"})
    stored = Stored(ObjectRecord("new", size=4, description=own), ELSEWHERE)
    return StagedWrite(stored, None, source=CopySource("old", "etag", **further))


async def test_the_source_is_described_without_its_bytes(remote):
    (record, layout), etag = await describe_source(remote, "bbb", "old")
    assert (record.size, record.etag, layout) == (4, etag, ELSEWHERE)
    assert (record.storage_class, record.description.metadata) == ("GLACIER_IR", {"a": "b"})
    with pytest.raises(S3Error, match="key"):
        await describe_source(remote, "bbb", "none")


async def test_what_was_only_listed_is_described_at_the_push(remote):
    pushed = (await described(remote, "bbb", row(is_listed=True))).stored.record
    assert (pushed.key, pushed.storage_class) == ("new", "GLACIER_IR")
    assert (pushed.description.metadata, pushed.description.tags) == ({"a": "b"}, {"t": "u"})


async def test_tags_that_the_copy_has_of_its_own_stay(remote):
    pushed = (await described(remote, "bbb", row(is_listed=True, replaces_tags=True))).stored.record
    assert (pushed.description.metadata, pushed.description.tags) == ({"a": "b"}, {"own": "2"})


@pytest.mark.parametrize("further", [{}, {"is_listed": True, "replaces_metadata": True}])
async def test_what_is_known_is_not_asked_for(remote, further):
    known = row(**further)
    assert await described(S3Client(None), "bbb", known) is known
