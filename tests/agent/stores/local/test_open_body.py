from types import SimpleNamespace

import pytest

from s3d.agent.stores.local.open_body import look_and_open
from tests.contract.client import read

BIG = bytes(range(256)) * 1_000


def whole(bucket, key):
    def find(reader):
        stored = reader.current(bucket, key)
        return SimpleNamespace(stored=stored, span=(0, stored.record.size))

    return find


async def test_a_record_that_a_commit_overtook_is_looked_up_again(index, local, s3, bucket):
    await s3.put(bucket, "k", b"old")
    index.read_inline(lambda reader: reader.current(bucket, b"k"))  # now it is remembered
    remembered = index._cache.objects.get((bucket, b"k"))
    await s3.put(bucket, "k", b"new")
    # As if the news of the commit were still on its way to the loop.
    index._cache.objects.put((bucket, b"k"), remembered)
    found, body = look_and_open(index, local._blobs, whole(bucket, b"k"))
    assert await read(body) == b"new"
    assert found.stored.record.seq > remembered.record.seq


async def test_without_a_span_there_is_no_body(index, local):
    _, body = look_and_open(index, local._blobs, lambda reader: SimpleNamespace(span=None))
    assert body is None


@pytest.mark.parametrize("data", [b"", b"0123456789", BIG])
async def test_a_span_is_cut_out_of_the_bytes(index, local, s3, bucket, data):
    await s3.put(bucket, "k", data)

    def find(reader):
        return SimpleNamespace(stored=reader.current(bucket, b"k"), span=(2, max(0, len(data) - 5)))

    _, body = look_and_open(index, local._blobs, find)
    assert await read(body) == data[2:-3]
