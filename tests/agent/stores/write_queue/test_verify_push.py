from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3.checksums import hasher, multipart_etag
from s3d.agent.s3.messages import Body, BytesBody, Members, StreamBody
from s3d.agent.storage.records import (
    Checksum,
    Description,
    Extent,
    Layout,
    ObjectRecord,
    PartSize,
    Stored,
)
from s3d.agent.stores.write_queue.verify_push import (
    IntegrityCheck,
    etag_of,
    is_ours,
    judge,
    prove,
    same_etag,
)
from tests.agent.stores.write_queue.rig import Rig, open_rig
from tests.contract.client import chunks

VALUE = b"value"
PLACE = {"Bucket": "bbb", "Key": "k"}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with open_rig(tmp_path) as opened:
        yield opened


def crc(data: bytes) -> str:
    running = hasher("CRC32")
    running.update(data)
    return running.b64()


def stored(**record: Any) -> Stored:
    given = {"key": "k", "size": 5, "etag": f'"{hashlib.md5(VALUE).hexdigest()}"', **record}
    return Stored(ObjectRecord(**given), Layout((Extent(1, 0, 5),)))


def value(layout: Layout) -> Body:
    return BytesBody(VALUE)


@pytest.mark.parametrize(
    ("answer", "proof"),
    [
        ({"ETag": f'"{hashlib.md5(VALUE).hexdigest()}"'}, IntegrityCheck.SAME),
        ({"ETag": hashlib.md5(VALUE).hexdigest()}, IntegrityCheck.SAME),
        ({"ETag": '"opaque"'}, IntegrityCheck.OPEN),
        ({}, IntegrityCheck.OPEN),
        ({"ETag": '"opaque"', "ContentLength": 4}, IntegrityCheck.OTHER),
        ({"ETag": '"opaque"', "ChecksumCRC32": crc(VALUE)}, IntegrityCheck.SAME),
        ({"ETag": '"opaque"', "ChecksumCRC32": crc(b"other")}, IntegrityCheck.OTHER),
        ({"ChecksumCRC32": crc(VALUE), "ChecksumType": "COMPOSITE"}, IntegrityCheck.OPEN),
        ({"ChecksumCRC32C": "another algorithm"}, IntegrityCheck.OPEN),
    ],
)
def test_what_an_answer_proves(answer: Members, proof: IntegrityCheck) -> None:
    assert judge(stored(checksum=Checksum("CRC32", crc(VALUE))).record, answer) is proof


def test_no_etag_is_the_same_as_no_other() -> None:
    assert not same_etag("", "")


@pytest.mark.parametrize(("there", "same"), [(VALUE, True), (b"other", False), (b"longer", False)])
@pytest.mark.parametrize("checksum", ["", "CRC32", "SHA256"])
async def test_an_opaque_etag_is_looked_behind(
    rig: Rig, there: bytes, same: bool, checksum: str
) -> None:
    more = {"ChecksumAlgorithm": checksum} if checksum else {}
    await rig.there.put("bbb", "k", there, **more)
    rig.remote.edit = lambda name, answer: (
        answer | {"ETag": '"opaque"'} if "ETag" in answer else answer
    )
    assert await prove(rig.remote, value, PLACE, stored()) == (same, '"opaque"')
    reads = rig.remote.names().count("GetObject")
    assert reads == (0 if checksum or len(there) != len(VALUE) else 1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 12))
async def test_the_etag_of_parts_however_the_bytes_come(sizes: list[int], step: int) -> None:
    parts = [bytes([number]) * size for number, size in enumerate(sizes)]
    whole = b"".join(parts)
    layout = Layout(parts=tuple(PartSize(n, size) for n, size in enumerate(sizes, 1)))
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]
    wanted = multipart_etag([hashlib.md5(part).digest() for part in parts])
    given = Stored(ObjectRecord("k", size=len(whole)), layout)
    assert await etag_of(StreamBody(chunks(*pieces)), given) == wanted
    assert await etag_of(BytesBody(whole + b"more"), given) != wanted


HEAD = {
    "LastModified": datetime.fromtimestamp(stored().record.modified, UTC),
    "ETag": stored().record.etag,
    "ContentLength": 5,
    "ContentType": "a",
    "Metadata": {"m": "1"},
}


@pytest.mark.parametrize(
    ("about", "ours"),
    [
        (Description({"ContentType": "a"}, {"m": "1"}), True),
        (Description({"ContentType": "b"}, {"m": "1"}), False),
        (Description({"ContentType": "a"}, {}), False),
        (Description({"ContentType": "a"}, {"m": "1"}, {"tag": "1"}), False),
        (Description({"ContentType": "a"}, {"m": "1"}, acl={}), False),
    ],
)
def test_our_own_write_is_known_by_content_and_description(about: Description, ours: bool) -> None:
    assert is_ours(stored(about=about), HEAD) is ours
    assert not is_ours(stored(about=about), HEAD | {"ETag": '"other"'})
    assert not is_ours(stored(about=about), HEAD | {"ContentLength": 6})


@pytest.mark.parametrize(
    "older",
    [
        {"CacheControl": "max-age=1"},
        {"ContentEncoding": "gzip"},
        {"WebsiteRedirectLocation": "/"},
        {"TagCount": 1},
        {"StorageClass": "GLACIER"},
        {"LastModified": HEAD["LastModified"] - timedelta(seconds=3)},
    ],
)
def test_the_same_bytes_under_another_description_are_another_write(older: Members) -> None:
    ours = stored(about=Description({"ContentType": "a"}, {"m": "1"}))
    assert is_ours(ours, HEAD)
    assert not is_ours(ours, HEAD | older)
