"""Look-ups and listings of a file system over a real store."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from typing import Any

import pytest

from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.frontends.fuse.filesystem import FileSystem
from s3d.agent.frontends.fuse.fs_ops import Attributes
from s3d.agent.frontends.fuse.metadata_memory import MetadataMemory
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from tests.agent.frontends.fuse.conftest import BUCKET, SIZE, World, file_system, number_of

ROOT = f"/{BUCKET}"


async def test_attributes_of_folders(world: World, fs: FileSystem) -> None:
    await world.put("d/file")
    for path in ("/", f"/{BUCKET}", f"/{BUCKET}/d"):
        attributes = await asyncio.to_thread(fs.get_attributes, path, None)
        assert attributes.mode == 0o040755
        assert attributes.mtime_ns > 10**18
    inodes = [fs.get_attributes(path, None).inode for path in ("/", f"/{BUCKET}", f"/{BUCKET}/d")]
    assert len(set(inodes)) == 3


async def test_what_is_no_folder_cannot_be_listed(world: World, fs: FileSystem) -> None:
    await world.put("file")
    for path, expected in (("none", errno.ENOENT), ("file", errno.ENOTDIR)):
        listing = fs.read_directory(f"/{BUCKET}/{path}")
        with pytest.raises(OSError, match=path) as caught:
            await asyncio.to_thread(list, listing)
        assert caught.value.errno == expected


async def test_folders_have_the_attributes_of_their_place(world: World, fs: FileSystem) -> None:
    await world.put("d/file")
    assert await asyncio.to_thread(fs.list_xattrs, "/") == []
    assert await asyncio.to_thread(fs.list_xattrs, f"/{BUCKET}") == ["user.s3.bucket"]
    names = ["user.s3.bucket", "user.s3.key"]
    assert await asyncio.to_thread(fs.list_xattrs, f"/{BUCKET}/d") == names
    assert await asyncio.to_thread(fs.get_xattr, f"/{BUCKET}/d", "user.s3.key") == b"d/"


async def test_names_that_no_new_file_can_have(world: World, fs: FileSystem) -> None:
    def work() -> None:
        for name, when_looked_up, when_made in (
            ("a" * 256, errno.ENAMETOOLONG, errno.ENAMETOOLONG),
            ("\udcff", errno.EILSEQ, errno.EILSEQ),
            ("a%s3d-object", errno.ENOENT, errno.EINVAL),
            ("a%s3d-0123456789abcdef", errno.ENOENT, errno.EINVAL),
            ("a%s3d-name", errno.EINVAL, errno.EINVAL),
        ):
            path = f"{ROOT}/{name}"
            assert number_of(fs.get_attributes, path, None) == when_looked_up
            assert number_of(fs.create, path, os.O_RDWR, 0o644) == when_made
        assert names(fs, "") == []

    await asyncio.to_thread(work)


async def test_any_time_is_kept_or_the_nearest_one_that_can_be(
    world: World, fs: FileSystem
) -> None:
    def work() -> None:
        fs.make_directory(f"{ROOT}/d", 0o755)
        make_file(fs, "/f")
        shown_of_no_time = fs.get_attributes("/", None).mtime_ns
        for path in (f"{ROOT}/f", f"{ROOT}/d"):
            for asked, kept in (
                (0, 0), (-1, -1), (1, 1), (1 << 63, (1 << 63) - 1), (-1 << 70, -1 << 63),
            ):  # fmt: skip
                fs.set_times(path, asked, asked)
                assert fs.get_attributes(path, None).mtime_ns == kept
                shown = {e.name: e.attributes.mtime_ns for e in fs.read_directory(ROOT)}
                assert shown[path[-1]] == kept
        assert shown_of_no_time > 10**18

    await asyncio.to_thread(work)


def test_free_space(fs: FileSystem) -> None:
    assert fs.size() == SIZE


def names(fs: FileSystem, path: str) -> list[str]:
    return sorted(entry.name for entry in fs.read_directory(f"{ROOT}{path}"))


def make_file(fs: FileSystem, path: str, data: bytes = b"data") -> None:
    opened = fs.create(f"{ROOT}{path}", os.O_RDWR, 0o644)
    fs.write(opened.handle, data, 0)
    fs.flush(opened.handle)
    fs.release(opened.handle)


def read_file(fs: FileSystem, path: str) -> bytes:
    opened = fs.open(f"{ROOT}{path}", os.O_RDONLY)
    data = fs.read(opened.handle, 1 << 20, 0)
    fs.release(opened.handle)
    return data


async def test_folders_are_made_and_removed(world: World, fs: FileSystem) -> None:
    def work() -> None:
        fs.make_directory(f"{ROOT}/d", 0o755)
        fs.make_directory(f"{ROOT}/d/e", 0o755)
        assert names(fs, "") == ["d"]
        assert names(fs, "/d") == ["e"]
        assert number_of(fs.make_directory, f"{ROOT}/d", 0o755) == errno.EEXIST
        assert number_of(fs.remove_directory, f"{ROOT}/d") == errno.ENOTEMPTY
        assert number_of(fs.unlink, f"{ROOT}/d") == errno.EISDIR
        fs.remove_directory(f"{ROOT}/d/e")
        assert names(fs, "/d") == []
        fs.remove_directory(f"{ROOT}/d")
        assert names(fs, "") == []
        assert number_of(fs.remove_directory, f"{ROOT}/d") == errno.ENOENT
        assert number_of(fs.remove_directory, "/") == errno.EBUSY

    await asyncio.to_thread(work)
    assert (await world.client.page(BUCKET, limit=10)).objects == []


async def test_a_folder_has_the_permissions_that_it_was_made_with(
    world: World, written: WrittenFiles
) -> None:
    fs = file_system(world, written)

    def work() -> None:
        for name, mode in (("d", 0o700), ("e", 0o755), ("f", 0o777)):
            fs.make_directory(f"{ROOT}/{name}", mode)
            assert fs.get_attributes(f"{ROOT}/{name}", None).mode == stat.S_IFDIR | mode
        fs.make_directory("/new-bucket", 0o700)
        assert fs.get_attributes("/new-bucket", None).mode == stat.S_IFDIR | 0o700

    await asyncio.to_thread(work)
    private, usual = [await world.client.head(BUCKET, key) for key in ("d/", "e/")]
    assert private is not None
    assert usual is not None
    assert private.metadata["mode"] == "100700"
    assert usual.metadata == {}


@pytest.mark.parametrize("path", ["/", ROOT])
async def test_permissions_of_buckets_last_as_long_as_the_mount(
    world: World, fs: FileSystem, path: str
) -> None:
    def work() -> None:
        fs.set_mode(path, 0o700)
        fs.changed("", "", is_removal=False)  # what is remembered of the buckets is forgotten
        assert fs.get_attributes(path, None).mode == stat.S_IFDIR | 0o700
        rows = {f"/{e.name}": e.attributes.mode for e in fs.read_directory("/")}
        assert rows[ROOT] == stat.S_IFDIR | (0o700 if path == ROOT else 0o755)

    await asyncio.to_thread(work)


async def test_what_s3d_stores_is_shown_so_that_a_folder_can_be_copied_and_removed(
    world: World, fs: FileSystem
) -> None:
    await world.put("d/.s3d/changes")

    def work() -> None:
        assert names(fs, "/d") == [".s3d"]
        assert names(fs, "/d/.s3d") == ["changes"]
        assert read_file(fs, "/d/.s3d/changes") == b"data"
        fs.unlink(f"{ROOT}/d/.s3d/changes")
        fs.remove_directory(f"{ROOT}/d/.s3d")
        fs.remove_directory(f"{ROOT}/d")
        assert names(fs, "") == []

    await asyncio.to_thread(work)


async def test_buckets_are_folders_too(world: World, fs: FileSystem) -> None:
    def work() -> None:
        fs.make_directory("/new-bucket", 0o755)
        assert [entry.name for entry in fs.read_directory("/")] == [BUCKET, "new-bucket"]
        assert number_of(fs.make_directory, "/Not A Bucket", 0o755) == errno.EINVAL
        assert number_of(fs.rename, "/new-bucket", "/other-bucket", 0) == errno.EPERM
        make_file(fs, "/file")
        assert number_of(fs.rename, f"{ROOT}/file", "/new-bucket/file", 0) == errno.EXDEV
        assert number_of(fs.remove_directory, ROOT) == errno.ENOTEMPTY
        fs.remove_directory("/new-bucket")
        assert [entry.name for entry in fs.read_directory("/")] == [BUCKET]

    await asyncio.to_thread(work)


async def test_a_folder_stays_for_the_program_that_empties_it(world: World, fs: FileSystem) -> None:
    """As `rm -r` does it."""
    await world.put("a/b/c/file")

    def work() -> None:
        assert names(fs, "/a/b/c") == ["file"]
        fs.unlink(f"{ROOT}/a/b/c/file")
        assert number_of(fs.unlink, f"{ROOT}/a/b/c/file") == errno.ENOENT
        assert names(fs, "/a/b") == ["c"]
        for path in ("/a/b/c", "/a/b", "/a"):
            assert names(fs, path) == []
            fs.remove_directory(f"{ROOT}{path}")
        assert names(fs, "") == []

    await asyncio.to_thread(work)
    await world.put("a/b/file")
    assert await asyncio.to_thread(names, fs, "/a/b") == ["file"]
    await world.client.delete(BUCKET, "a/b/file")
    assert await asyncio.to_thread(names, fs, "") == []


async def test_files_are_renamed(world: World, fs: FileSystem) -> None:
    def work() -> None:
        make_file(fs, "/one", b"first")
        make_file(fs, "/two", b"second")
        fs.set_times(f"{ROOT}/one", 0, 10**18)
        fs.rename(f"{ROOT}/one", f"{ROOT}/d/three", 0)
        assert names(fs, "/d") == ["three"]
        assert read_file(fs, "/d/three") == b"first"
        assert fs.get_attributes(f"{ROOT}/d/three", None).mtime_ns == 10**18
        fs.rename(f"{ROOT}/d/three", f"{ROOT}/two", 0)
        assert read_file(fs, "/two") == b"first"
        assert names(fs, "") == ["d", "two"]
        make_file(fs, "/one", b"again")
        assert number_of(fs.rename, f"{ROOT}/one", f"{ROOT}/two", 1) == errno.EEXIST
        assert number_of(fs.rename, f"{ROOT}/none", f"{ROOT}/two", 0) == errno.ENOENT
        assert number_of(fs.rename, f"{ROOT}/one", f"{ROOT}/d", 0) == errno.EISDIR
        assert number_of(fs.rename, f"{ROOT}/d", f"{ROOT}/one", 0) == errno.ENOTDIR

    await asyncio.to_thread(work)


async def test_folders_are_renamed_with_what_is_below(world: World, fs: FileSystem) -> None:
    for key in ("d/1", "d/e/2", "full/3"):
        await world.put(key, key.encode())

    def work() -> None:
        assert names(fs, "/d") == ["1", "e"]
        fs.rename(f"{ROOT}/d", f"{ROOT}/new", 0)
        assert names(fs, "") == ["full", "new"]
        assert names(fs, "/new") == ["1", "e"]
        assert read_file(fs, "/new/e/2") == b"d/e/2"
        assert number_of(fs.rename, f"{ROOT}/new", f"{ROOT}/full", 0) == errno.ENOTEMPTY
        assert number_of(fs.rename, f"{ROOT}/new", f"{ROOT}/new/e/x", 0) == errno.EINVAL
        fs.make_directory(f"{ROOT}/empty", 0o755)
        fs.rename(f"{ROOT}/new", f"{ROOT}/empty", 0)
        assert names(fs, "") == ["empty", "full"]

    await asyncio.to_thread(work)


async def test_attributes_of_a_file_that_no_store_has_are_remembered_with_its_bytes(
    world: World, written: WrittenFiles
) -> None:
    metadata = MetadataMemory()
    fs = file_system(world, written, metadata)

    def work() -> None:
        opened = fs.create(f"{ROOT}/f", os.O_RDWR, 0o644)
        fs.set_times(f"{ROOT}/f", 0, 10**18)
        fs.set_mode(f"{ROOT}/f", 0o600)
        assert metadata.get(BUCKET, "f") is None
        assert fs.get_attributes(f"{ROOT}/f", None).mtime_ns == 10**18
        fs.flush(opened.handle)
        fs.release(opened.handle)
        known = metadata.get(BUCKET, "f")
        assert known is not None
        assert (known.mtime_ns, known.mode, bool(known.etag)) == (10**18, 0o600, True)
        fs.close()

    await asyncio.to_thread(work)


async def test_files_of_a_renamed_folder_keep_their_times_and_permissions(
    world: World, fs: FileSystem
) -> None:
    def work() -> None:
        for path in ("/d/f", "/d/e/g"):
            make_file(fs, path)
            fs.set_times(f"{ROOT}{path}", 0, 10**18)
            fs.set_mode(f"{ROOT}{path}", 0o600)
        fs.rename(f"{ROOT}/d", f"{ROOT}/new", 0)
        world.store.operations.clear()
        for folder in ("/new", "/new/e"):
            (file,) = [each for each in fs.read_directory(f"{ROOT}{folder}") if each.name != "e"]
            assert (file.attributes.mtime_ns, file.attributes.mode) == (10**18, 0o100600)
        assert "HeadObject" not in world.store.operations

    await asyncio.to_thread(work)


async def test_an_open_file_survives_its_removal_and_its_rename(
    world: World, fs: FileSystem
) -> None:
    def work() -> None:
        make_file(fs, "/file", b"0123456789")
        reading = fs.open(f"{ROOT}/file", os.O_RDONLY)
        writing = fs.open(f"{ROOT}/file", os.O_RDWR)
        fs.rename(f"{ROOT}/file", f"{ROOT}/moved", 0)
        fs.write(writing.handle, b"ab", 0)
        fs.flush(writing.handle)
        assert read_file(fs, "/moved") == b"ab23456789"
        fs.unlink(f"{ROOT}/moved")
        fs.write(writing.handle, b"X", 9)
        assert fs.read(writing.handle, 100, 0) == b"ab2345678X"
        assert fs.read(reading.handle, 100, 0) == b"ab23456789"
        for each in (reading, writing):
            fs.flush(each.handle)
            fs.release(each.handle)
        assert names(fs, "") == []

    await asyncio.to_thread(work)
    assert (await world.client.page(BUCKET, limit=10)).objects == []


async def test_times_and_permissions(world: World, fs: FileSystem) -> None:
    await world.put("implicit/file")

    def work() -> None:
        make_file(fs, "/file")
        fs.make_directory(f"{ROOT}/folder", 0o755)
        for path in ("/file", "/folder", "/implicit"):
            fs.set_mode(f"{ROOT}{path}", 0o700)
            fs.set_times(f"{ROOT}{path}", 0, 1_234_567_890_123_456_789)
        for _ in range(2):
            for path in ("/file", "/folder", "/implicit"):
                shown = fs.get_attributes(f"{ROOT}{path}", None)
                assert shown.mode & 0o777 == 0o700
                assert shown.mtime_ns == 1_234_567_890_123_456_789
            fs.changed(BUCKET, "", is_removal=False)
            names(fs, "")
        assert number_of(fs.set_mode, f"{ROOT}/none", 0o644) == errno.ENOENT

    await asyncio.to_thread(work)
    info = await world.client.head(BUCKET, "file")
    assert info is not None
    assert info.metadata == {"mtime": "1234567890.123456789", "mode": "100700"}


async def test_symbolic_links_are_off_unless_they_are_asked_for(fs: FileSystem) -> None:
    assert number_of(fs.symlink, f"{ROOT}/link", "target") == errno.EPERM
    await asyncio.to_thread(make_file, fs, "/file")
    assert number_of(fs.read_link, f"{ROOT}/file") == errno.EINVAL


async def test_symbolic_links(world: World, written: WrittenFiles) -> None:
    fs = file_system(world, written, MetadataMemory(links=True))

    def work() -> None:
        fs.symlink(f"{ROOT}/link", "some/target")
        make_file(fs, "/empty", b"")
        for _ in range(2):
            listed = {entry.name: entry.attributes for entry in fs.read_directory(ROOT)}
            assert stat.S_ISLNK(listed["link"].mode)
            assert listed["link"].size == len("some/target")
            assert stat.S_ISREG(listed["empty"].mode)
            assert fs.get_attributes(f"{ROOT}/link", None) == listed["link"]
            assert fs.read_link(f"{ROOT}/link") == "some/target"
            fs.changed(BUCKET, "", is_removal=False)
        fs.unlink(f"{ROOT}/link")
        assert names(fs, "") == ["empty"]
        fs.close()

    await asyncio.to_thread(work)


async def test_a_symbolic_link_costs_one_request(world: World, written: WrittenFiles) -> None:
    fs = file_system(world, written, MetadataMemory(links=True))

    def work() -> tuple[Attributes, str]:
        fs.symlink(f"{ROOT}/link", "some/target")
        return fs.get_attributes(f"{ROOT}/link", None), fs.read_link(f"{ROOT}/link")

    ((made, target), asked) = await world.count(work)
    assert (asked, target) == (["PutObject"], "some/target")
    fs.changed(BUCKET, "", is_removal=False)
    assert await asyncio.to_thread(fs.get_attributes, f"{ROOT}/link", None) == made
    await asyncio.to_thread(fs.close)


def inode(fs: FileSystem, path: str) -> int:
    number = fs.get_attributes(f"{ROOT}{path}", None).inode
    above, _, name = path.rpartition("/")
    listed = {each.name: each.attributes.inode for each in fs.read_directory(f"{ROOT}{above}")}
    assert listed[name] == number
    return number


@pytest.mark.finding("mount-inode-over-rename")
@pytest.mark.rule("MOUNT-11")
async def test_a_file_keeps_its_inode_number_over_a_rename(fs: FileSystem) -> None:
    def check() -> None:
        make_file(fs, "/draft")
        make_file(fs, "/final")
        opened = fs.open(f"{ROOT}/draft", os.O_RDONLY)
        number, replaced = inode(fs, "/draft"), inode(fs, "/final")
        fs.rename(f"{ROOT}/draft", f"{ROOT}/final", 0)
        assert inode(fs, "/final") == number
        make_file(fs, "/draft")
        assert inode(fs, "/draft") not in (number, replaced)
        fs.unlink(f"{ROOT}/final")
        assert fs.get_attributes("", opened.handle).inode == number
        fs.release(opened.handle)

    await asyncio.to_thread(check)


@pytest.mark.finding("mount-inode-over-rename")
@pytest.mark.rule("MOUNT-11")
async def test_what_is_in_a_renamed_folder_keeps_its_inode_number(fs: FileSystem) -> None:
    def check() -> None:
        fs.make_directory(f"{ROOT}/d", 0o755)
        make_file(fs, "/d/file")
        numbers = [inode(fs, path) for path in ("/d", "/d/file")]
        fs.rename(f"{ROOT}/d", f"{ROOT}/e", 0)
        assert [inode(fs, path) for path in ("/e", "/e/file")] == numbers
        fs.make_directory(f"{ROOT}/d", 0o755)
        make_file(fs, "/d/file")
        assert not {inode(fs, "/d"), inode(fs, "/d/file")} & set(numbers)

    await asyncio.to_thread(check)


@pytest.mark.finding("mount-time-of-folders")
@pytest.mark.parametrize("has_marker", [False, True])
async def test_a_folder_has_the_same_time_after_a_restart(
    world: World, written: WrittenFiles, has_marker: bool
) -> None:
    await world.put("d/file")
    if has_marker:
        await world.put("d/", b"")
    times = []
    for _ in range(2):
        fs = file_system(world, written)
        times.append((await asyncio.to_thread(fs.get_attributes, f"{ROOT}/d", None)).mtime_ns)
    (bucket,) = await world.client.buckets()
    assert times == [round(bucket.created * 1_000_000) * 1_000] * 2


class _Away(Layer):
    """A write queue whose remote does not answer: writes are taken, and nothing is read."""

    def __init__(self, inner: ObjectStore) -> None:
        super().__init__(inner)
        self.is_away = False

    def fallback(self, request: S3Request[Any]) -> Answer:
        if self.is_away and request.op.name in ("HeadObject", "ListObjectsV2", "GetObject"):
            raise S3Error("ServiceUnavailable", "The remote is unreachable.")
        return self.inner.call(request)


async def test_files_of_a_folder_are_removed_while_the_remote_is_away(
    world: World, written: WrittenFiles
) -> None:
    for key in ("d/a", "d/b", "d/c", "e/f"):
        await world.put(key)
    away = _Away(world.store)
    fs = file_system(world, written, store=away)

    def work() -> None:
        assert [names(fs, path) for path in ("", "/d", "/e")] == [["d", "e"], list("abc"), ["f"]]
        away.is_away = True
        fs.unlink(f"{ROOT}/d/a")
        assert names(fs, "/d") == ["b", "c"]
        assert fs.get_attributes(f"{ROOT}/d/b", None).size == 4
        assert number_of(fs.remove_directory, f"{ROOT}/d") == errno.ENOTEMPTY
        fs.unlink(f"{ROOT}/e/f")
        fs.rename(f"{ROOT}/d/b", f"{ROOT}/d/c", 0)
        assert names(fs, "/d") == ["c"]
        fs.remove_directory(f"{ROOT}/e")
        assert names(fs, "") == ["d"]
        assert number_of(fs.get_attributes, f"{ROOT}/e", None) == errno.ENOENT

    await asyncio.to_thread(work)
    await asyncio.to_thread(fs.close)
    assert [info.key for info in (await world.client.page(BUCKET, limit=10)).objects] == ["d/c"]
