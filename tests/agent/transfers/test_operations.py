import os

import pytest

from s3d.agent.transfers.transfer_status import transfer_of
from s3d.shared.transfers import TransferRequest


async def download(world, key="k", **more):
    return await world.do("download", keys=[key], to_path=str(world.folder), **more)


async def test_a_file_that_is_there_is_replaced_or_left(world):
    world.folder.mkdir()
    (world.folder / "k").write_bytes(b"mine")
    await world.put("k", b"theirs")
    job = await download(world, existing="skip")
    assert (job.state, (world.folder / "k").read_bytes()) == ("done", b"mine")
    await download(world)
    assert (world.folder / "k").read_bytes() == b"theirs"


async def test_what_was_left_at_the_target_is_counted_as_such(world):
    world.folder.mkdir()
    for key in ("a", "b"):
        await world.put(key, b"data")
    (world.folder / "a").write_bytes(b"mine")
    path = str(world.folder)
    down = await world.do("download", keys=["a", "b"], to_path=path, existing="skip", as_one=True)
    up = await world.do("upload", paths=[path], base="folder/", existing="skip")
    copy = await world.do("copy", keys=["a"], to_bucket="one", as_key="b", existing="skip")
    shown = [transfer_of(job) for job in (down, up, copy)]
    assert [(each.files_done, each.files_existing) for each in shown] == [(2, 1), (2, 2), (1, 1)]
    assert [(each.done, each.size_existing) for each in shown] == [(8, 4), (8, 8), (4, 4)]


async def test_no_link_leads_out_of_the_folder(world, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    world.folder.mkdir()
    (world.folder / "d").symlink_to(outside)
    await world.put("d/k")
    job = await download(world, "d/k")
    assert (job.state, os.listdir(outside)) == ("failed", [])


async def test_a_link_at_the_name_is_replaced_and_not_followed(world, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"safe")
    world.folder.mkdir()
    (world.folder / "k").symlink_to(victim)
    await world.put("k", b"new")
    await download(world)
    assert (victim.read_bytes(), (world.folder / "k").read_bytes()) == (b"safe", b"new")


async def test_a_folder_in_the_way_is_told(world):
    (world.folder / "k").mkdir(parents=True)
    await world.put("k")
    job = await download(world)
    assert (job.state, os.listdir(world.folder)) == ("failed", ["k"])


@pytest.mark.parametrize(
    "key", ["a/../k", "/etc/passwd", "a//b", "a/\0b", "n" * 300, ".s3d/marker", "a/./b"]
)
async def test_a_key_that_is_no_path_is_told(world, key):
    await world.put(key)
    job = await download(world, key)
    assert (job.state, transfer_of(job).error.code) == ("failed", "NotTransferable")
    assert not world.folder.exists() or os.listdir(world.folder) == []


async def test_an_upload_replaces_or_skips(world):
    world.folder.mkdir()
    path = world.folder / "f.json"
    path.write_bytes(b"new")
    await world.put("f.json", b"old")
    await world.do("upload", paths=[str(path)], existing="skip")
    assert await world.read("f.json") == b"old"
    await world.do("upload", paths=[str(path)])
    assert await world.read("f.json") == b"new"


async def test_an_upload_that_comes_again_sends_only_what_has_changed(world):
    world.folder.mkdir()
    for name in ("a", "b"):
        (world.folder / name).write_bytes(b"old")
    job = await world.do("upload", paths=[str(world.folder)])
    (world.folder / "b").write_bytes(b"newer")
    world.store.calls.clear()
    await world.transfers.engine.resume(job)
    await world.until(job)
    assert world.store.calls.count("PutObject") == 1
    assert await world.read("folder/b") == b"newer"


async def test_a_copy_goes_to_another_bucket_below_a_prefix(world):
    for key in ("a/x", "a/b/y"):
        await world.put(key, key.encode())
    await world.do("copy", prefixes=["a/"], base="a/", to_bucket="two", to_prefix="c/")
    assert await world.keys("two") == ["c/b/y", "c/x"]
    assert await world.keys("one") == ["a/b/y", "a/x"]


async def test_a_move_takes_the_source_away_when_the_copy_is_there(world):
    await world.put("a/x", b"data")
    await world.do("move", keys=["a/x"], to_bucket="one", as_key="b")
    assert await world.keys() == ["b"]
    assert await world.read("b") == b"data"


async def test_a_move_that_finds_another_object_leaves_the_source(world):
    await world.put("x", b"mine")
    await world.put("x", b"another", bucket="two")
    job = await world.do("move", keys=["x"], to_bucket="two", existing="skip")
    assert (job.state, await world.keys(), await world.read("x", "two")) == (
        "failed", ["x"], b"another",
    )  # fmt: skip


async def test_what_is_deleted_is_gone(world):
    for key in ("a/x", "a/y", "b", "c"):
        await world.put(key)
    job = await world.do("delete", keys=["b"], prefixes=["a/"])
    assert (job.state, job.progress.items_done, await world.keys()) == ("done", 3, ["c"])


async def test_a_moved_file_is_deleted_once_it_is_stored(world):
    world.folder.mkdir()
    file = world.folder / "a"
    file.write_text("1")
    job = await world.do("upload", paths=[str(file)], as_key="b", delete_source=True)
    assert (job.state, file.exists(), await world.keys()) == ("done", False, ["b"])
    down = {"keys": ["b"], "to_path": str(world.folder), "as_key": "c", "delete_source": True}
    assert (await world.do("download", **down)).state == "done"
    assert ((world.folder / "c").read_text(), await world.keys()) == ("1", [])


async def test_a_file_that_changes_while_it_is_moved_stays(world):
    world.folder.mkdir()
    file = world.folder / "a"
    file.write_text("1")
    world.store.gate.clear()
    (job,) = await world.transfers.start(
        TransferRequest("upload", "one", paths=[str(file)], delete_source=True)
    )
    await world.store.called.wait()
    os.utime(file, (1, 1))
    world.store.gate.set()
    await world.until(job)
    assert (job.state, file.read_text()) == ("failed", "1")


async def test_what_is_skipped_is_not_deleted(world):
    world.folder.mkdir()
    (world.folder / "a").write_text("1")
    await world.put("a")
    up = {"paths": [str(world.folder / "a")], "existing": "skip", "delete_source": True}
    assert (await world.do("upload", **up)).state == "failed"
    down = {"keys": ["a"], "to_path": str(world.folder), "existing": "skip", "delete_source": True}
    assert (await world.do("download", **down)).state == "failed"
    assert ((world.folder / "a").read_text(), await world.read("a")) == ("1", b"data")


async def test_a_condition_and_a_version_are_taken(world):
    world.folder.mkdir()
    (world.folder / "a").write_text("1")
    await world.put("a")
    etag = (await world.objects.head("one", "a")).etag
    up = {"paths": [str(world.folder / "a")]}
    assert (await world.do("upload", **up, if_match='"0"')).error.code == "PreconditionFailed"
    assert (await world.do("upload", **up, if_match=etag)).state == "done"
    missing = {"keys": ["a"], "to_path": str(world.folder), "version": "none"}
    assert (await world.do("download", **missing)).state == "failed"
