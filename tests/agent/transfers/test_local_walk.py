import os

import pytest

from s3d.agent.transfers.local_walk import walk


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12")


async def names(path, links="report"):
    return [(file.name, file.trouble) async for file in walk(str(path), links=links)]


async def test_files_come_in_the_order_of_their_keys(tmp_path):
    make(tmp_path / "f", "a/x", "a-b", "a.txt", "a0", "B", "é/z")
    found = [name for name, _ in await names(tmp_path / "f")]
    assert found == sorted(found, key=str.encode)
    assert found == ["f/B", "f/a-b", "f/a.txt", "f/a/x", "f/a0", "f/é/z"]


@pytest.mark.finding("D24")
async def test_links_are_reported_skipped_or_followed(tmp_path):
    make(tmp_path, "f/a", "elsewhere/b")
    os.symlink(tmp_path / "elsewhere", tmp_path / "f/folder")
    os.symlink(tmp_path / "elsewhere/b", tmp_path / "f/file")
    os.symlink(tmp_path / "f", tmp_path / "f/circle")
    os.symlink(tmp_path / "none", tmp_path / "f/broken")
    link = "a symbolic link"
    assert await names(tmp_path / "f") == [
        ("f/a", ""), ("f/broken", link), ("f/circle", link), ("f/file", link), ("f/folder", link),
    ]  # fmt: skip
    assert await names(tmp_path / "f", "skip") == [("f/a", "")]
    followed = dict(await names(tmp_path / "f", "follow"))
    assert [name for name, trouble in followed.items() if not trouble] == [
        "f/a", "f/file", "f/folder/b",
    ]  # fmt: skip
    assert "it is in" in followed["f/circle"]
    assert "f/broken" in followed


async def test_a_followed_file_has_the_path_that_can_be_opened(tmp_path):
    make(tmp_path, "real")
    (tmp_path / "f").mkdir()
    os.symlink("../real", tmp_path / "f/link")
    (file,) = [file async for file in walk(str(tmp_path / "f"), links="follow")]
    assert (file.path, file.size) == (os.path.realpath(tmp_path / "real"), 2)
