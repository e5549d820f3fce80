"""Files that change while they are sent."""

from __future__ import annotations

import os

import pytest

from s3d.agent.large_objects.part_upload import SourceChanged
from tests.agent.large_objects.conftest import SIZE, maps, stored, upload, uploads_of


async def test_a_file_that_is_overwritten_meanwhile_is_not_stored(
    transfers, store, big_file, tmp_path
):
    def overwrite(request):
        if request.op.name == "UploadPart" and request.input["PartNumber"] == 6:
            big_file.write_bytes(big_file.read_bytes()[::-1])

    store.fails = overwrite
    with pytest.raises(SourceChanged):
        await upload(transfers, big_file)
    assert (maps(tmp_path), await uploads_of(store)) == ([], [])


async def test_a_file_that_grows_is_stored_as_it_was_when_it_was_opened(
    transfers, store, big_file, data
):
    def append(request):
        if request.op.name == "UploadPart":
            with open(big_file, "ab") as file:
                file.write(b"one more line\n")

    store.fails = append
    await upload(transfers, big_file)
    assert (await stored(store))[1] == data


async def test_a_file_that_is_cut_short_is_not_stored(transfers, store, big_file):
    os.truncate(big_file, SIZE - 1)
    with pytest.raises(SourceChanged):
        await upload(transfers, big_file)
    assert await uploads_of(store) == []
