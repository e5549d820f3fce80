import json

import msgspec
import pytest

from s3d.shared.control import BucketProperties, BucketProperty

DOCUMENTS = {
    "versioning": {"Status": "Enabled"},
    "policy": {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
             "Resource": "arn:aws:s3:::bucket/*"},
        ],
    },
    "lifecycle": {
        "Rules": [
            {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"},
             "Expiration": {"Days": 3}},
        ]
    },
    "cors": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://a.example"]}]},
}  # fmt: skip


@pytest.fixture
async def bucket(control) -> str:
    await control.objects.create_bucket("bucket")
    return "bucket"


async def shown(http):
    async with http.get("/v1/buckets/bucket/properties") as response:
        assert response.status == 200
        body = await response.read()
    return {each.name: each for each in msgspec.json.decode(body, type=BucketProperties).properties}


async def put(http, name, document):
    body = msgspec.json.encode(BucketProperty(document=document))
    async with http.put(f"/v1/buckets/bucket/properties/{name}", data=body) as response:
        return response.status, await response.text()


async def test_a_new_bucket_has_none(http, bucket):
    found = await shown(http)
    assert list(found) == ["versioning", "policy", "lifecycle", "cors"]
    assert {(each.document, each.error) for each in found.values()} == {("", "")}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_each_is_replaced_shown_and_removed(http, bucket, name):
    assert await put(http, name, json.dumps(DOCUMENTS[name])) == (204, "")
    found = (await shown(http))[name]
    assert json.loads(found.document) == DOCUMENTS[name]
    assert (await put(http, name, found.document))[0] == 204  # as it is shown, it is valid
    async with http.delete(f"/v1/buckets/bucket/properties/{name}") as response:
        assert response.status == (400 if name == "versioning" else 204)
    is_left = name == "versioning"
    assert bool((await shown(http))[name].document) == is_left


@pytest.mark.parametrize(
    ("name", "document", "reason"),
    [
        ("cors", "{", "cors: "),
        ("cors", '{"Rules": []}', "Rules"),
        ("policy", "{}", "MalformedPolicy"),
        ("versioning", '{"Status": "On"}', ""),
        ("website", "{}", "must be one of versioning, policy, lifecycle, cors"),
    ],
)
async def test_a_bad_document_is_refused_with_its_reason(http, bucket, name, document, reason):
    status, text = await put(http, name, document)
    assert status == 400
    assert reason in text


async def test_a_missing_bucket_is_an_error(http):
    async with http.get("/v1/buckets/nobody/properties") as response:
        assert response.status == 404
