import json

import msgspec
import pytest

from s3d.agent.s3.refused_headers import OptionalGroup
from s3d.agent.stores.remote.capabilities import RemoteQuirks
from s3d.agent.stores.remote.capability_file import CapabilityFile, RemoteRecord, decode_records

QUIRKS = RemoteQuirks({OptionalGroup.CHECKSUMS}, "other", False)


async def test_the_quirks_keep_their_name_in_the_file(tmp_path):
    path = tmp_path / "capabilities.json"
    await CapabilityFile("http://a", path).save(RemoteRecord("http://a", quirks=QUIRKS))
    (remote,) = json.loads(path.read_bytes())["remotes"]
    assert remote["traits"]["listing_order"] == "other"
    assert CapabilityFile("http://a", path).load()[0].quirks == QUIRKS


async def test_records_of_other_remotes_stay(tmp_path):
    path = tmp_path / "capabilities.json"
    for endpoint in ("http://a", "http://b", "http://a"):
        record = RemoteRecord(endpoint, unfinished=[("bucket", "key")])
        await CapabilityFile(endpoint, path).save(record)
    records = decode_records(path.read_bytes())
    assert [record.endpoint for record in records] == ["http://b", "http://a"]


async def test_an_empty_record_is_not_written(tmp_path):
    path = tmp_path / "capabilities.json"
    await CapabilityFile("http://a", path).save(RemoteRecord("http://a"))
    assert not path.exists()


def test_a_file_of_a_newer_version_is_not_read():
    with pytest.raises(msgspec.DecodeError):
        decode_records(b'{"version": 3, "remotes": []}')
