from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from s3d.agent.core.own_mounts import MountedPlace, OwnMounts
from s3d.agent.s3.errors import S3Error
from s3d.agent.transfers.mounted_paths import translate
from s3d.shared.transfers import TransferRequest


class Objects:
    """Says which keys exist."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    async def head(self, bucket: str, key: str) -> object:
        return key if key in self._keys else None


@pytest.fixture
def own() -> OwnMounts:
    own = OwnMounts()
    own.add(
        Path("/m"),
        lambda names: MountedPlace(names[0] if names else "", "/".join(names[1:])),
    )
    return own


def upload(path: str, **more: Any) -> TransferRequest:
    return TransferRequest("upload", "target", paths=[path], to_prefix="p/", **more)


async def test_other_paths_stay_as_they_are(own):
    for request in (upload("/x/y"), TransferRequest("delete", "b", keys=["k"])):
        assert await translate(request, own, Objects()) is request


async def test_a_file_is_copied(own):
    copy = await translate(upload("/m/bkt/d/k"), own, Objects("d/k"))
    assert (copy.kind, copy.bucket, copy.keys, copy.base) == ("copy", "bkt", ["d/k"], "d/")
    assert (copy.to_bucket, copy.to_prefix, copy.paths) == ("target", "p/", [])


@pytest.mark.parametrize(
    ("path", "base", "prefix", "to_prefix"),
    [
        ("/m/bkt/d", "", "d/", "p/d/"),
        ("/m/bkt/d", "d/", "d/", "p/"),
        ("/m/bkt", "", "", "p/bkt/"),
        ("/m/bkt", "bkt/", "", "p/"),
    ],
)
async def test_a_folder_is_copied_under_the_names_of_an_upload(own, path, base, prefix, to_prefix):
    copy = await translate(upload(path, base=base), own, Objects())
    assert (copy.kind, copy.prefixes, copy.base) == ("copy", [prefix], prefix)
    assert copy.to_prefix == to_prefix


async def test_a_source_that_is_deleted_is_moved(own):
    assert (
        await translate(upload("/m/bkt/k", delete_source=True), own, Objects("k"))
    ).kind == "move"


async def test_a_download_into_a_mount_is_a_copy(own):
    request = TransferRequest("download", "bkt", keys=["d/k"], base="d/", to_path="/m/other/x")
    copy = await translate(request, own, Objects())
    assert (copy.kind, copy.to_bucket, copy.to_prefix) == ("copy", "other", "x/")
    assert copy.to_path == ""
    named = TransferRequest("download", "bkt", keys=["k"], as_key="new", to_path="/m/other/x")
    assert (await translate(named, own, Objects())).as_key == "x/new"


@pytest.mark.parametrize(
    "request_",
    [
        upload("/m"),
        TransferRequest("download", "bkt", keys=["k"], to_path="/m"),
        TransferRequest("download", "bkt", keys=["k"], to_path="/m/bkt"),  # onto itself
        TransferRequest("upload", "target", paths=["/m/bkt/k", "/x"], as_one=True),
    ],
)
async def test_what_means_no_object_is_refused(own, request_):
    with pytest.raises(S3Error) as refused:
        await translate(request_, own, Objects())
    assert refused.value.code == "InvalidArgument"
