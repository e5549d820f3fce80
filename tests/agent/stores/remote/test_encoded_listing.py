from __future__ import annotations

import copy
from typing import Any

import pytest
from botocore import handlers

from s3d.agent.stores.remote.encoded_listing import LISTINGS, decode
from s3d.agent.stores.remote.remote_store import RemoteStore
from tests.contract.client import Client

OUTPUT: dict[str, Any] = {
    "Prefix": "a+b%2F",
    "Delimiter": "%2F",
    "Marker": "m%20",
    "NextMarker": "n%20",
    "StartAfter": "s%20",
    "KeyMarker": "k%20",
    "NextKeyMarker": "l%20",
    "Contents": [{"Key": "a%20b"}],
    "Versions": [{"Key": "v%0A"}],
    "DeleteMarkers": [{"Key": "d%01"}],
    "CommonPrefixes": [{"Prefix": "p%2B"}],
    "EncodingType": "url",
}
ORACLE = {
    "ListObjects": handlers.decode_list_object,
    "ListObjectsV2": handlers.decode_list_object_v2,
    "ListObjectVersions": handlers.decode_list_object_versions,
}


@pytest.mark.parametrize("name", sorted(LISTINGS))
def test_the_names_are_those_of_botocore(name: str) -> None:
    expected, ours = copy.deepcopy(OUTPUT), copy.deepcopy(OUTPUT)
    ORACLE[name](expected, {"encoding_type_auto_set": True})
    del expected["EncodingType"]
    decode(name, ours)
    assert ours == expected


def test_names_of_a_server_that_does_not_encode_stay() -> None:
    output = {"Contents": [{"Key": "a%20b"}]}
    decode("ListObjects", output)
    assert output == {"Contents": [{"Key": "a%20b"}]}


@pytest.mark.slow
async def test_keys_that_no_xml_can_represent_are_listed(
    remote: RemoteStore, new_bucket: str
) -> None:
    s3 = Client(remote)
    keys = ["a b", "a+b", "b\tc"]
    for key in keys:
        await s3.put(new_bucket, key, b"x")
    for name, rows in (("ListObjects", "Contents"), ("ListObjectsV2", "Contents")):
        answer = await s3(name, Bucket=new_bucket)
        assert answer.names(rows, "Key") == keys, name
        assert "EncodingType" not in answer
