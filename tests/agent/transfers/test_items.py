import os

import pytest

from s3d.agent.core.path_names import new_probe_key
from s3d.agent.transfers.items import below, items_of
from s3d.shared.transfers import TransferRequest


async def found(request, objects=None):
    return [item async for item in items_of(request, objects)]


async def test_a_file_is_itself(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"12")
    (item,) = await found(TransferRequest("upload", "b", paths=[str(tmp_path / "a.txt")]))
    assert (item.key, item.size, item.trouble) == ("a.txt", 2, "")


async def test_a_folder_is_all_that_is_in_it(tmp_path):
    for name in ("f/x", "f/d/y", "f/d/e/z"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    items = await found(TransferRequest("upload", "b", paths=[str(tmp_path / "f")]))
    assert sorted(item.key for item in items) == ["f/d/e/z", "f/d/y", "f/x"]


async def test_a_name_that_is_no_utf8_is_told(tmp_path):
    folder = tmp_path / "f"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"\xff")).write_bytes(b"")
    except OSError:
        pytest.skip("this disk takes no such name")
    (item,) = await found(TransferRequest("upload", "b", paths=[str(folder)]))
    assert "not UTF-8" in item.trouble


async def test_no_file_of_very_many_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("s3d.agent.transfers.local_walk._BATCH", 7)
    folder = tmp_path / "f"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number:02}").touch()
    items = await found(TransferRequest("upload", "b", paths=[str(folder)]))
    assert sorted(item.key for item in items) == [f"f/{number:02}" for number in range(50)]


async def test_the_objects_of_a_probe_are_deleted_but_never_copied(world):
    probes = [f"{new_probe_key(prefix)}-put" for prefix in ("", "photos/")]
    for key in ("photos/a.txt", ".s3d/notes.txt", *probes):
        await world.put(key)
    copied = [item.key async for item in below(world.objects, "one", "")]
    assert copied == [".s3d/notes.txt", "photos/a.txt"]
    everything = [item.key async for item in below(world.objects, "one", "", with_probes=True)]
    assert len(everything) == 4
