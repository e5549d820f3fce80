"""LocalStore against a model of what S3 promises: a bucket is a list of versions for each key."""

import asyncio
import hashlib
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from s3d.agent.storage.blobs import INLINE, Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader, highest_blob
from s3d.agent.stores.local.store import LocalStore
from tests.contract.client import Client

KEYS = st.sampled_from(["a", "a/", "a/b", "a0", "ä\n"])
SIZES = st.sampled_from([0, 1, 4_096, INLINE, INLINE + 1, 200_000])
MARKER = None


def content(seed: int, size: int) -> bytes:
    return hashlib.shake_128(seed.to_bytes(4)).digest(size)


class Versioned(RuleBasedStateMachine):
    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.runner.run(self._open())
        self.seed = 0
        self.status = ""
        self.model: dict[str, list[tuple[str, bytes | None]]] = {}
        self.parts: dict[str, dict[int, tuple[str, bytes]]] = {}

    async def _open(self) -> None:
        path = Path(self.folder.name)
        self.index = Index.open(path / "index.sqlite", ephemeral=True)
        self.blobs = Blobs(path / "blobs", ephemeral=True)
        self.s3 = Client(LocalStore(self.index, self.blobs))
        await self.s3("CreateBucket", Bucket="bucket")

    def ask(self, name, **members):
        return self.runner.run(self.s3(name, Bucket="bucket", **members))

    def data(self, size: int) -> bytes:
        self.seed += 1
        return content(self.seed, size)

    def stored(self, key: str, version_id: str | None, data: bytes | None) -> None:
        """What S3 says of a new version: its place in the model."""
        versions = self.model.setdefault(key, [])
        if self.status == "Enabled":
            assert version_id not in (None, "null")
        else:
            versions[:] = [entry for entry in versions if entry[0] != "null"]
        versions.insert(0, (version_id or "null", data))

    @rule(status=st.sampled_from(["Enabled", "Suspended"]))
    def set_versioning(self, status):
        self.ask("PutBucketVersioning", VersioningConfiguration={"Status": status})
        self.status = status

    @rule(key=KEYS, size=SIZES)
    def put(self, key, size):
        data = self.data(size)
        self.stored(key, self.ask("PutObject", Key=key, Body=data).get("VersionId"), data)

    @rule(key=KEYS, source=KEYS, data=st.data())
    def copy(self, key, source, data):
        objects = [entry for entry in self.model.get(source, []) if entry[1] is not MARKER]
        if not objects:
            return
        version_id, copied = data.draw(st.sampled_from(objects))
        answer = self.ask(
            "CopyObject",
            Key=key,
            CopySource=f"bucket/{quote(source)}?versionId={version_id}",
            MetadataDirective="REPLACE",
        )
        self.stored(key, answer.get("VersionId"), copied)

    @rule(key=KEYS)
    def delete(self, key):
        version_id = self.ask("DeleteObject", Key=key).get("VersionId")
        if self.status:
            self.stored(key, version_id, MARKER)
        else:
            self.model.pop(key, None)

    @rule(key=KEYS, data=st.data())
    def delete_version(self, key, data):
        versions = self.model.get(key)
        if not versions:
            return
        entry = data.draw(st.sampled_from(versions))
        self.ask("DeleteObject", Key=key, VersionId=entry[0])
        versions.remove(entry)

    @rule(target=uploads, key=KEYS)
    def begin(self, key):
        upload = self.ask("CreateMultipartUpload", Key=key)["UploadId"]
        self.parts[upload] = {}
        return key, upload

    @rule(upload=uploads, number=st.integers(1, 3), size=SIZES)
    def upload_part(self, upload, number, size):
        key, id = upload
        data = self.data(size)
        part = self.ask("UploadPart", Key=key, UploadId=id, PartNumber=number, Body=data)
        self.parts[id][number] = part["ETag"], data

    @rule(upload=uploads, number=st.integers(1, 3), source=KEYS, data=st.data())
    def copy_part(self, upload, number, source, data):
        versions = self.model.get(source)
        if not versions or not versions[0][1]:
            return
        whole = versions[0][1]
        first = data.draw(st.integers(0, len(whole) - 1))
        last = data.draw(st.integers(first, len(whole) - 1))
        part = self.ask(
            "UploadPartCopy",
            Key=upload[0],
            UploadId=upload[1],
            PartNumber=number,
            CopySource=f"bucket/{quote(source)}",
            CopySourceRange=f"bytes={first}-{last}",
        )["CopyPartResult"]
        self.parts[upload[1]][number] = part["ETag"], whole[first : last + 1]

    @rule(upload=consumes(uploads))
    def complete(self, upload):
        """Of the last part alone: the others would be too small."""
        key, id = upload
        if not self.parts[id]:
            self.ask("AbortMultipartUpload", Key=key, UploadId=id)
            return
        number, (etag, data) = max(self.parts[id].items())
        answer = self.ask(
            "CompleteMultipartUpload",
            Key=key,
            UploadId=id,
            MultipartUpload={"Parts": [{"PartNumber": number, "ETag": etag}]},
        )
        self.stored(key, answer.get("VersionId"), data)

    @rule(upload=consumes(uploads))
    def abort(self, upload):
        self.ask("AbortMultipartUpload", Key=upload[0], UploadId=upload[1])

    @invariant()
    def objects_are_those_of_the_model(self):
        expected = {
            key: versions[0][1]
            for key, versions in self.model.items()
            if versions and versions[0][1] is not MARKER
        }
        listed = self.ask("ListObjectsV2").names("Contents", "Key")
        assert listed == sorted(expected, key=str.encode)
        for key, data in expected.items():
            assert self.ask("GetObject", Key=key).body == data
        assert self.index.read_inline(Reader.totals).objects == len(expected)

    @invariant()
    def versions_are_those_of_the_model(self):
        listed = self.ask("ListObjectVersions")
        for member, is_marker in (("Versions", False), ("DeleteMarkers", True)):
            expected = [
                (key, id, at == 0)
                for key in sorted(self.model, key=str.encode)
                for at, (id, data) in enumerate(self.model[key])
                if (data is MARKER) == is_marker
            ]
            found = [(v["Key"], v["VersionId"], v["IsLatest"]) for v in listed.get(member, [])]
            assert found == expected

    def teardown(self):
        try:
            self.runner.run(self._empty())
        finally:
            self.index.close()
            self.runner.close()
            self.folder.cleanup()

    async def _empty(self) -> None:
        """With the last version and upload, the last blob is gone."""
        for upload in (await self.s3("ListMultipartUploads", Bucket="bucket")).get("Uploads", []):
            await self.s3(
                "AbortMultipartUpload",
                Bucket="bucket",
                Key=upload["Key"],
                UploadId=upload["UploadId"],
            )
        for key, versions in self.model.items():
            for id, _ in versions:
                await self.s3("DeleteObject", Bucket="bucket", Key=key, VersionId=id)
        assert self.index.read_inline(highest_blob) == 0
        assert self.index.read_inline(Reader.totals) == (0, 0)
        await asyncio.get_running_loop().shutdown_default_executor()
        assert list(self.blobs.folder.glob("*/*")) == []


TestVersioned = pytest.mark.slow(Versioned.TestCase)
TestVersioned.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
