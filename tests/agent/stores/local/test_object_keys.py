"""Encrypted objects in the embedded store: what is on the disk, and who gets it back."""

import asyncio
import base64
import hashlib
import os
import re
import shutil
import time

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.s3.principal import ANONYMOUS
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.blocks import BlockSums
from s3d.agent.storage.encrypted_blocks import BLOCK, TAG
from s3d.agent.storage.index import Index
from s3d.agent.storage.key_ring import KeyRing
from s3d.agent.storage.records import Layout
from s3d.agent.storage.store_check import StoreCheck
from s3d.agent.stores.local.object_keys import ObjectKeys
from s3d.agent.stores.local.store import LocalStore
from tests.agent.storage.files import files, left
from tests.agent.stores.local.keys import KEY_A, KEY_B, SOURCE, customer, keys_in
from tests.contract.client import Client, read

SMALL, LARGE = os.urandom(1_000), os.urandom(5 * BLOCK + 77)
PART = os.urandom(5 << 20)
S3, KMS = {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms"}
WAYS = {
    "sse-c": (customer(), customer()),
    "sse-s3": (S3, {}),
    "sse-kms": ({**KMS, "SSEKMSKeyId": "testkey-1"}, {}),
    "dsse-kms": ({"ServerSideEncryption": "aws:kms:dsse"}, {}),
}
"""Name -> members of the write, and of the read."""


@pytest.fixture
def open_store(tmp_path):
    """Opens the store, and closes it before it is opened again."""
    opened = []

    def reopen(default=""):
        while opened:
            opened.pop().close()
        index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
        opened.append(index)
        blobs = Blobs(tmp_path / "blobs", ephemeral=True)
        store = LocalStore(index, blobs, keys=keys_in(index, tmp_path, default))
        return Client(store)

    yield reopen
    for index in opened:
        index.close()


@pytest.fixture
async def s3(open_store):
    s3 = open_store()
    await s3("CreateBucket", Bucket="bucket")
    return s3


def stored_bytes(folder):
    """Everything that the store has written to the disk."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.rule("REST-4")
@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("way", WAYS)
async def test_what_is_stored_cannot_be_read_without_the_key(s3, tmp_path, way, data):
    write, read = WAYS[way]
    put = await s3.put("bucket", "k", data, **write)
    assert data[100:200] not in stored_bytes(tmp_path)
    assert KEY_A not in stored_bytes(tmp_path)
    got = await s3("GetObject", Bucket="bucket", Key="k", **read)
    assert got.body == data
    head = await s3("HeadObject", Bucket="bucket", Key="k", **read)
    assert head["ContentLength"] == len(data)
    for answer in (put, got, head):
        for name, value in write.items():
            assert name in ("SSECustomerKey",) or answer[name] == value
    is_md5 = put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert is_md5 is (way == "sse-s3")
    assert re.fullmatch('"[0-9a-f]{32}"', put["ETag"])


@pytest.mark.parametrize("way", WAYS)
async def test_an_object_without_bytes_keeps_its_encryption(s3, way):
    write, read = WAYS[way]
    await s3.put("bucket", "k", b"", **write)
    assert await s3.read("bucket", "k", **read) == b""
    if way == "sse-c":
        await s3.refused("InvalidRequest", "GetObject", Bucket="bucket", Key="k")


async def test_without_a_request_nothing_is_encrypted_and_no_header_is_sent(s3, tmp_path):
    put = await s3.put("bucket", "k", LARGE)
    head = await s3("HeadObject", Bucket="bucket", Key="k")
    assert LARGE in stored_bytes(tmp_path)
    for answer in (put, head):
        assert not {name for name in answer.output if "SSE" in name or "Encryption" in name}
    assert not (tmp_path / "keyring").exists()


async def test_the_setting_encrypts_every_object(open_store, tmp_path):
    s3 = open_store("SSE-S3")
    await s3("CreateBucket", Bucket="bucket")
    put = await s3.put("bucket", "k", LARGE)
    assert put["ServerSideEncryption"] == "AES256"
    assert LARGE[:100] not in stored_bytes(tmp_path)
    upload = await s3("CreateMultipartUpload", Bucket="bucket", Key="m")
    assert upload["ServerSideEncryption"] == "AES256"
    got = await s3("GetBucketEncryption", Bucket="bucket")
    (rule,) = got["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


# Customer keys


@pytest.mark.rule("REST-4")
@pytest.mark.parametrize("operation", ["GetObject", "HeadObject", "GetObjectAttributes"])
async def test_reads_need_the_customers_key(s3, operation):
    await s3.put("bucket", "k", SMALL, **customer())
    await s3.put("bucket", "plain", SMALL)
    members = {"Bucket": "bucket", "Key": "k"}
    if operation == "GetObjectAttributes":
        members["ObjectAttributes"] = ["ETag", "ObjectSize"]
    error = await s3.refused("InvalidRequest", operation, **members)
    assert error.status == 400
    assert "was stored using a form of Server Side Encryption" in error.message
    error = await s3.refused("AccessDenied", operation, **members, **customer(KEY_B))
    assert error.status == 403
    assert "must provide the correct secret key" in error.message
    await s3.refused("AccessDenied", operation, **members, **customer(b"short"))
    await s3.refused(
        "InvalidArgument", operation, **members, **{**customer(), "SSECustomerKeyMD5": "AAAA"}
    )
    answer = await s3(operation, **members, **customer())
    assert answer.status == 200
    members["Key"] = "plain"
    error = await s3.refused("InvalidRequest", operation, **members, **customer())
    assert "not applicable to this object" in error.message


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject"])
async def test_a_read_does_not_choose_the_encryption(s3, operation):
    """sse s3 default method head, sse kms method head, sse kms read declare."""
    for key, write in (("plain", {}), ("s3", S3)):
        await s3.put("bucket", key, SMALL, **write)
        error = await s3.refused("InvalidArgument", operation, Bucket="bucket", Key=key, **S3)
        assert error.status == 400
        assert "header is not supported for this operation" in error.message


async def test_each_version_has_a_key_of_its_own(s3):
    enabled = {"Status": "Enabled"}
    await s3("PutBucketVersioning", Bucket="bucket", VersioningConfiguration=enabled)
    one = (await s3.put("bucket", "k", b"one", **customer()))["VersionId"]
    two = (await s3.put("bucket", "k", b"two", **customer(KEY_B)))["VersionId"]
    assert await s3.read("bucket", "k", **customer(KEY_B)) == b"two"
    assert await s3.read("bucket", "k", VersionId=one, **customer()) == b"one"
    place = {"Bucket": "bucket", "Key": "k"}
    await s3.refused("AccessDenied", "GetObject", **place, VersionId=two, **customer())
    await s3("DeleteObject", **place, VersionId=two)
    assert await s3.read("bucket", "k", **customer()) == b"one"


async def test_deleting_needs_no_key(s3, tmp_path):
    await s3.put("bucket", "k", LARGE, **customer())
    await s3("DeleteObject", Bucket="bucket", Key="k")
    assert await left(tmp_path, 0)


@pytest.mark.parametrize("operation", ["PutObject", "CopyObject", "CreateMultipartUpload"])
async def test_a_bucket_that_blocks_customer_keys(s3, operation):
    await s3.put("bucket", "old", SMALL, **customer())
    await s3.put("bucket", "plain", SMALL)
    blocked = {"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}]}
    await encrypt_bucket(s3, blocked)
    members = {"CopySource": "bucket/plain"} if operation == "CopyObject" else {}
    error = await s3.refused(
        "AccessDenied", operation, Bucket="bucket", Key="k", **members, **customer()
    )
    assert error.status == 403
    assert f"s3:{operation}" in error.message
    assert "arn:aws:s3:::bucket/k" in error.message
    assert await s3.read("bucket", "old", **customer()) == SMALL
    allowed = {"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]}
    await encrypt_bucket(s3, allowed)
    await s3(operation, Bucket="bucket", Key="k", **members, **customer())


async def encrypt_bucket(s3, configuration):
    await s3(
        "PutBucketEncryption", Bucket="bucket", ServerSideEncryptionConfiguration=configuration
    )


def default(**apply):
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": apply, "BucketKeyEnabled": True}]}


async def test_the_default_of_the_bucket_counts_from_its_change_on(s3):
    await s3.put("bucket", "before", SMALL)
    await encrypt_bucket(s3, default(SSEAlgorithm="aws:kms", KMSMasterKeyID="testkey-1"))
    put = await s3.put("bucket", "k", SMALL)
    shown = {
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "testkey-1",
        "BucketKeyEnabled": True,
    }
    got = await s3("GetObject", Bucket="bucket", Key="k")
    assert got.body == SMALL
    assert shown.items() <= put.output.items()
    assert shown.items() <= got.output.items()
    await encrypt_bucket(s3, default(SSEAlgorithm="AES256"))
    put = await s3.put("bucket", "k", SMALL)
    assert put["ServerSideEncryption"] == "AES256"
    assert "BucketKeyEnabled" not in put
    await s3("DeleteBucketEncryption", Bucket="bucket")
    assert "ServerSideEncryption" not in await s3.put("bucket", "k", SMALL)
    assert await s3.read("bucket", "before") == SMALL


# Ranges


BORDERS = sorted({max(0, at * BLOCK + step) for at in range(6) for step in (-1, 0, 1)})


@given(
    st.sampled_from(["small", "large", "parts"]),
    st.sampled_from(BORDERS) | st.integers(0, len(LARGE)),
    st.sampled_from(BORDERS) | st.integers(0, len(LARGE)),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_every_range_is_that_of_a_plain_copy(ranges, key, one, other):
    first, last = sorted((one, other))
    wanted = {"Bucket": "bucket", "Range": f"bytes={first}-{last}"}
    plain = await ranges.code("GetObject", Key=f"plain-{key}", **wanted)
    assert await ranges.code("GetObject", Key=key, **wanted, **customer()) == plain
    if not plain:
        one = await ranges("GetObject", Key=f"plain-{key}", **wanted)
        other = await ranges("GetObject", Key=key, **wanted, **customer())
        assert one.body == other.body
        assert one["ContentRange"] == other["ContentRange"]


@pytest.fixture
async def ranges(s3):
    """Objects with a customer key, and plain ones of the same bytes."""
    for key, data in {"small": SMALL, "large": LARGE}.items():
        await s3.put("bucket", key, data, **customer())
        await s3.put("bucket", f"plain-{key}", data)
    for key, members in {"parts": customer(), "plain-parts": {}}.items():
        await multipart(s3, key, [LARGE], members, members)
    return s3


async def multipart(s3, key, parts, create, each):
    upload = (await s3("CreateMultipartUpload", Bucket="bucket", Key=key, **create))["UploadId"]
    place = {"Bucket": "bucket", "Key": key, "UploadId": upload}
    listed = []
    for number, data in enumerate(parts, 1):
        part = await s3("UploadPart", **place, PartNumber=number, Body=data, **each)
        listed.append({"PartNumber": number, "ETag": part["ETag"]})
    return await s3("CompleteMultipartUpload", **place, MultipartUpload={"Parts": listed})


# Multipart uploads


@pytest.mark.parametrize("way", WAYS)
async def test_a_multipart_object_of_unaligned_parts(s3, tmp_path, way):
    create, read = WAYS[way]
    each = create if way == "sse-c" else {}
    parts = [PART + b"x", PART + b"yz", LARGE]
    done = await multipart(s3, "k", parts, create, each)
    assert done["ETag"].endswith('-3"')
    assert PART[:100] not in stored_bytes(tmp_path)
    whole = b"".join(parts)
    assert await s3.read("bucket", "k", **read) == whole
    for number, part in enumerate(parts, 1):
        assert await s3.read("bucket", "k", PartNumber=number, **read) == part
    border = len(parts[0])
    wanted = f"bytes={border - 3}-{border + BLOCK}"
    assert await s3.read("bucket", "k", Range=wanted, **read) == whole[border - 3 :][: BLOCK + 4]
    (row,) = (await s3("ListObjectsV2", Bucket="bucket"))["Contents"]
    assert row["Size"] == len(whole)


async def test_every_part_needs_the_key_of_the_upload(s3):
    place = {"Bucket": "bucket", "Key": "k"}
    made = await s3("CreateMultipartUpload", **place, **customer())
    assert made["SSECustomerKeyMD5"] == customer()["SSECustomerKeyMD5"]
    upload = place | {"UploadId": made["UploadId"], "PartNumber": 1}
    error = await s3.refused("InvalidRequest", "UploadPart", **upload, Body=b"x")
    assert "upload initiate requested encryption" in error.message
    error = await s3.refused("InvalidRequest", "UploadPart", **upload, Body=b"", **customer(KEY_B))
    assert "did not match the ones used originally" in error.message
    wrong = {**customer(), "SSECustomerKeyMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    await s3.refused("InvalidArgument", "UploadPart", **upload, Body=b"x", **wrong)
    await s3.refused("InvalidArgument", "UploadPart", **upload, Body=b"x", **S3)
    part = await s3("UploadPart", **upload, Body=b"x", **customer())
    assert part["SSECustomerAlgorithm"] == "AES256"
    plain = await s3("CreateMultipartUpload", **place)
    upload["UploadId"] = plain["UploadId"]
    await s3.refused("InvalidRequest", "UploadPart", **upload, Body=b"x", **customer())


async def test_the_end_of_an_upload_needs_the_key_when_parts_have_checksums(s3):
    place = {"Bucket": "bucket", "Key": "k"}
    made = await s3("CreateMultipartUpload", **place, ChecksumAlgorithm="CRC32", **customer())
    upload = place | {"UploadId": made["UploadId"]}
    sent = {"PartNumber": 1, "Body": b"x", "ChecksumAlgorithm": "CRC32"}
    part = await s3("UploadPart", **upload, **sent, **customer())
    entry = {name: part[name] for name in ("ETag", "ChecksumCRC32")}
    listed = {"Parts": [{"PartNumber": 1, **entry}]}
    end = upload | {"MultipartUpload": listed}
    await s3.refused("InvalidArgument", "CompleteMultipartUpload", **end)
    await s3.refused("InvalidRequest", "CompleteMultipartUpload", **end, **customer(KEY_B))
    await s3("CompleteMultipartUpload", **end, **customer())
    assert await s3.read("bucket", "k", **customer()) == b"x"


async def test_an_aborted_upload_leaves_nothing(s3, tmp_path):
    place = {"Bucket": "bucket", "Key": "k"}
    upload = place | {
        "UploadId": (await s3("CreateMultipartUpload", **place, **customer()))["UploadId"]
    }
    await s3("UploadPart", **upload, PartNumber=1, Body=LARGE, **customer())
    assert len(files(tmp_path)) == 1
    await s3("AbortMultipartUpload", **upload)
    assert await left(tmp_path, 0)


# Copies

TARGETS = {"plain": ({}, {}), **WAYS}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", TARGETS)
async def test_a_copy_has_the_encryption_that_was_asked_for(local, s3, tmp_path, source, target):
    """copy enc[...], copy part enc[...]: a client's copy, not one that the agent makes itself."""
    s3 = Client(local, ANONYMOUS)
    write, _ = TARGETS[source]
    asked, read = TARGETS[target]
    of_source = customer(prefix=SOURCE) if source == "sse-c" else {}
    for size, data in {"small": SMALL, "large": LARGE}.items():
        await s3.put("bucket", size, data, **write)
        place = {"Bucket": "bucket", "CopySource": f"bucket/{size}"}
        copied = await s3("CopyObject", Key="copy", **place, **of_source, **asked)
        assert await s3.read("bucket", "copy", **read) == data
        head = await s3("HeadObject", Bucket="bucket", Key="copy", **read)
        for name in ("ServerSideEncryption", "SSEKMSKeyId", "SSECustomerKeyMD5"):
            expected = asked.get(name) or (
                "alias/aws/s3" if target == "dsse-kms" and name == "SSEKMSKeyId" else None
            )
            assert head.get(name) == copied.get(name) == expected
        is_md5 = head["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
        assert is_md5 is (target in ("plain", "sse-s3"))
        upload = (await s3("CreateMultipartUpload", Bucket="bucket", Key="parts", **asked))[
            "UploadId"
        ]
        each = asked if target == "sse-c" else {}
        part = place | {"Key": "parts", "UploadId": upload, "PartNumber": 1}
        done = await s3("UploadPartCopy", **part, **of_source, **each)
        listed = {"Parts": [{"PartNumber": 1, "ETag": done["CopyPartResult"]["ETag"]}]}
        end = {"Bucket": "bucket", "Key": "parts", "UploadId": upload, "MultipartUpload": listed}
        await s3("CompleteMultipartUpload", **end)
        assert await s3.read("bucket", "parts", **read) == data
    if target != "plain" and source != "plain":
        assert LARGE[:100] not in stored_bytes(tmp_path)


@pytest.mark.parametrize("way", ["sse-s3", "sse-kms"])
async def test_a_copy_with_the_same_key_has_no_bytes_of_its_own(s3, tmp_path, way):
    await s3.put("bucket", "k", LARGE, **WAYS[way][0])
    before = files(tmp_path)
    place = {"Bucket": "bucket", "CopySource": "bucket/k"}
    await s3("CopyObject", Key="copy", **place, **WAYS[way][0])
    assert files(tmp_path) == before
    upload = (await s3("CreateMultipartUpload", Bucket="bucket", Key="m", **WAYS[way][0]))[
        "UploadId"
    ]
    span = f"bytes={BLOCK - 1}-{3 * BLOCK}"
    part = place | {"Key": "m", "UploadId": upload, "PartNumber": 7, "CopySourceRange": span}
    done = await s3("UploadPartCopy", **part)
    assert files(tmp_path) == before
    listed = {"Parts": [{"PartNumber": 7, "ETag": done["CopyPartResult"]["ETag"]}]}
    end = {"Bucket": "bucket", "Key": "m", "UploadId": upload, "MultipartUpload": listed}
    await s3("CompleteMultipartUpload", **end)
    await s3("DeleteObject", Bucket="bucket", Key="k")
    assert await s3.read("bucket", "copy") == LARGE
    assert await s3.read("bucket", "m") == LARGE[BLOCK - 1 : 3 * BLOCK + 1]


@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy"])
async def test_a_copy_needs_the_key_of_its_source(s3, operation):
    await s3.put("bucket", "k", LARGE, **customer())
    await s3.put("bucket", "plain", LARGE)
    copy = {"Bucket": "bucket", "Key": "copy", "CopySource": "bucket/k"}
    if operation == "UploadPartCopy":
        made = await s3("CreateMultipartUpload", Bucket="bucket", Key="copy")
        copy |= {"UploadId": made["UploadId"], "PartNumber": 1}
    await s3.refused("InvalidRequest", operation, **copy)
    await s3.refused("AccessDenied", operation, **copy, **customer(KEY_B, SOURCE))
    copy["CopySource"] = "bucket/plain"
    await s3.refused("InvalidRequest", operation, **copy, **customer(prefix=SOURCE))


async def test_an_object_is_encrypted_in_place_by_a_copy_onto_itself(s3, tmp_path):
    await s3.put("bucket", "k", LARGE, Metadata={"a": "b"})
    copy = {"Bucket": "bucket", "Key": "k", "CopySource": "bucket/k"}
    await s3("CopyObject", **copy, **customer())
    assert await left(tmp_path, 1)
    got = await s3("GetObject", Bucket="bucket", Key="k", **customer())
    assert got.body == LARGE
    assert got["Metadata"] == {"a": "b"}
    await s3("CopyObject", **copy, **customer(prefix=SOURCE), **customer(KEY_B))
    assert await s3.read("bucket", "k", **customer(KEY_B)) == LARGE
    await s3("CopyObject", **copy, **customer(KEY_B, SOURCE))
    assert await s3.read("bucket", "k") == LARGE


# The key ring, and damage on the disk


async def put_all(s3):
    await s3.put("bucket", "small", SMALL, **S3)
    await s3.put("bucket", "large", LARGE, **WAYS["sse-kms"][0])
    await s3.put("bucket", "own", LARGE, **customer())


async def test_a_restart_reads_everything(s3, open_store):
    await put_all(s3)
    s3 = open_store()
    assert await s3.read("bucket", "small") == SMALL
    assert await s3.read("bucket", "large") == LARGE
    assert await s3.read("bucket", "own", **customer()) == LARGE


async def test_a_key_is_made_once_for_all_forms_of_its_id(s3, tmp_path):
    arn = "arn:aws:kms:us-east-1:000000000000:key/testkey-1"
    async with asyncio.TaskGroup() as group:
        for number, id in enumerate([arn, "testkey-1"] * 4):
            group.create_task(s3.put("bucket", str(number), SMALL, **KMS, SSEKMSKeyId=id))
    assert len(list((tmp_path / "keyring").iterdir())) == 1
    for number in range(8):
        assert await s3.read("bucket", str(number)) == SMALL


async def test_a_key_that_cannot_be_stored_encrypts_nothing(s3, tmp_path):
    (tmp_path / "keyring").write_text("no folder")
    error = await s3.refused("SlowDown", "PutObject", Bucket="bucket", Key="k", **S3)
    assert error.status == 503
    assert await s3.keys("bucket") == []


def with_ring(s3, tmp_path):
    """The same store with the key ring as it is now, and what is said of the ring at the start."""
    keys = ObjectKeys(s3.store._index, KeyRing(tmp_path / "keyring", time.time, ephemeral=True))
    problems = keys.load()
    blobs = Blobs(tmp_path / "blobs", ephemeral=True)
    return Client(LocalStore(s3.store._index, blobs, keys=keys)), problems


@pytest.mark.rule("REST-4")
async def test_without_the_key_ring_no_byte_is_sent(s3, tmp_path, caplog):
    await put_all(s3)
    shutil.move(tmp_path / "keyring", tmp_path / "elsewhere")
    without, problems = with_ring(s3, tmp_path)
    assert len(problems) == 2
    for key in ("small", "large"):
        error = await without.refused("InternalError", "GetObject", Bucket="bucket", Key=key)
        assert "missing from the key ring" in error.message
        copy = {"Bucket": "bucket", "Key": "copy", "CopySource": f"bucket/{key}"}
        await without.refused("InternalError", "CopyObject", **copy)
        await without("HeadObject", Bucket="bucket", Key=key)
    assert "key ring lacks" in caplog.text
    assert await without.read("bucket", "own", **customer()) == LARGE
    await without.put("bucket", "new", LARGE, **S3)
    for path in (tmp_path / "elsewhere").iterdir():
        shutil.move(path, tmp_path / "keyring" / path.name)
    again, problems = with_ring(s3, tmp_path)
    assert problems == []
    for key, data in {"small": SMALL, "large": LARGE, "new": LARGE}.items():
        assert await again.read("bucket", key) == data


async def test_a_changed_key_ring_sends_no_byte(s3, tmp_path):
    await put_all(s3)
    for path in (tmp_path / "keyring").iterdir():
        file = msgspec.json.decode(path.read_bytes())
        changed = {**file, "key": base64.b64encode(os.urandom(32)).decode()}
        path.write_bytes(msgspec.json.encode(changed))
    changed, problems = with_ring(s3, tmp_path)
    assert len(problems) == 2
    assert all("another key" in problem for problem in problems)
    for key in ("small", "large"):
        await changed.refused("InternalError", "GetObject", Bucket="bucket", Key=key)
    await changed.put("bucket", "new", SMALL, **S3)
    assert await changed.read("bucket", "new") == SMALL


async def corrupt(s3, tmp_path, key, change):
    """Change the file of an object, and its block checksums, as somebody could who may write."""
    index = s3.store._index
    stored = index.read_inline(lambda reader: reader.current("bucket", key.encode()))
    (extent,) = stored.layout.extents
    path = s3.store._blobs.path(extent.blob)
    data = change(path.read_bytes())
    path.write_bytes(data)
    sums = BlockSums()
    sums.update(data)
    layout = Layout((replace(extent, sums=sums.digest()),), parts=stored.layout.parts)

    def put(tx):
        tx.put_current("bucket", type(stored)(stored.record, layout), stored.record)

    await index.write(put)


SIZE = BLOCK + TAG


@pytest.mark.rule("REST-4")
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[SIZE : 2 * SIZE] + data[:SIZE] + data[2 * SIZE :],
        lambda data: data[:SIZE] * 2 + data[2 * SIZE :],
        lambda data: data[: -77 - TAG],
        lambda data: data[:-1],
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: b"",
    ],
    ids=["swapped", "repeated", "without the last block", "cut", "flipped", "empty"],
)
@pytest.mark.parametrize("way", ["sse-c", "sse-kms"])
async def test_changed_blocks_are_damage(s3, tmp_path, way, change):
    write, read = WAYS[way]
    await s3.put("bucket", "k", LARGE, **write)
    await corrupt(s3, tmp_path, "k", change)
    assert await s3.code("GetObject", Bucket="bucket", Key="k", **read) == "InternalError"
    assert "bucket/k" in s3.store._blobs.damage


async def test_parts_cannot_change_places(s3, tmp_path):
    await s3.put("bucket", "one", LARGE, **S3)
    await s3.put("bucket", "two", LARGE[::-1], **S3)
    other = s3.store._index.read_inline(lambda reader: reader.current("bucket", b"two"))
    data = s3.store._blobs.path(other.layout.extents[0].blob).read_bytes()
    await corrupt(s3, tmp_path, "one", lambda _: data)
    assert await s3.code("GetObject", Bucket="bucket", Key="one") == "InternalError"


async def test_a_check_needs_no_keys(s3, tmp_path):
    await put_all(s3)
    await multipart(s3, "parts", [PART, LARGE], customer(), customer())
    assert [row async for row in check(s3) if row.problem] == []
    stored = s3.store._index.read_inline(lambda reader: reader.current("bucket", b"large"))
    path = s3.store._blobs.path(stored.layout.extents[0].blob)
    data = path.read_bytes()
    path.write_bytes(data[:SIZE] + bytes([data[SIZE] ^ 1]) + data[SIZE + 1 :])
    (row,) = [row async for row in check(s3) if row.problem]
    assert row.name == "bucket/large"


def check(s3):
    return StoreCheck(s3.store._index, s3.store._blobs, repair=False).rows()


async def test_a_staging_area_encrypts_nothing_and_keeps_the_members(index, tmp_path):
    s3 = Client(LocalStore(index, Blobs(tmp_path / "blobs", ephemeral=True)))
    await s3("CreateBucket", Bucket="bucket")
    members = {**KMS, "SSEKMSKeyId": "theirs", "BucketKeyEnabled": True}
    await s3.put("bucket", "k", LARGE, **members)
    head = await s3("HeadObject", Bucket="bucket", Key="k")
    assert members.items() <= head.output.items()
    assert LARGE in stored_bytes(tmp_path)
    assert not (tmp_path / "keyring").exists()
    await s3.refused("NotImplemented", "PutObject", Bucket="bucket", Key="c", **customer())


async def test_a_body_is_decrypted_in_pieces(s3):
    await s3.put("bucket", "k", PART, **S3)
    op = operations()["GetObject"]
    answer = await s3.store.call(S3Request(op, {"Bucket": "bucket", "Key": "k"}))
    assert not hasattr(answer.body, "pieces")
    sizes = [len(chunk) async for chunk in answer.body]
    await answer.body.aclose()
    assert sum(sizes) == len(PART)
    assert max(sizes) <= 1 << 20
    answer = await s3.store.call(S3Request(op, {"Bucket": "bucket", "Key": "k"}))
    assert await read(answer.body) == PART
