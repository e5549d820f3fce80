"""Changes of names and attributes over an embedded store, and over a queue before a remote."""

import errno

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.frontends.fuse.folder_contents import FolderContents
from s3d.agent.frontends.fuse.folder_memory import FolderMemory
from s3d.agent.frontends.fuse.fs_ops import RENAME_EXCHANGE, RENAME_NOREPLACE
from s3d.agent.frontends.fuse.name_changes import NameChanges
from s3d.agent.frontends.fuse.renames import Renames
from s3d.agent.frontends.fuse.staging_journal import Rename
from s3d.agent.frontends.fuse.written_attributes import read_link
from s3d.agent.frontends.fuse.written_files import WrittenFiles
from tests.agent.frontends.fuse.store_thread import (
    BUCKET,
    StoreThread,
    below,
    place,
)


@pytest.fixture
def changes(thread: StoreThread, files: WrittenFiles) -> NameChanges:
    client, bridge = S3Client(thread.store), thread.bridge
    contents = FolderContents(client, bridge, FolderMemory(), is_away=lambda: False)
    renames = Renames(client, bridge, files, contents)
    return NameChanges(client, bridge, files, renames, contents)


def test_a_folder_is_an_empty_object_until_it_is_removed(thread, changes, root):
    changes.make_folder(BUCKET, f"{root}d/")
    assert (below(thread, root), thread.get(f"{root}d/")) == (["d/"], b"")
    changes.remove_folder(BUCKET, f"{root}d/")
    assert below(thread, root) == []


@pytest.mark.parametrize("how", ["stored", "written"])
def test_a_folder_with_a_name_is_not_removed(thread, files, changes, root, how):
    changes.make_folder(BUCKET, f"{root}d/")
    if how == "stored":
        thread.put(f"{root}d/x", b"")
    else:
        file = files.create(place(f"{root}d/x"))
    with pytest.raises(OSError, match="not empty") as refused:
        changes.remove_folder(BUCKET, f"{root}d/")
    assert refused.value.errno == errno.ENOTEMPTY
    if how == "written":
        changes.unlink(place(f"{root}d/x"))
        files.release(file)


def test_a_bucket_is_a_folder(thread, changes):
    changes.make_folder("other-bucket", "")
    changes.remove_folder("other-bucket", "")
    with pytest.raises(FileNotFoundError):
        changes.remove_folder("other-bucket", "")


def test_an_object_is_removed_and_its_open_file_works_on(thread, files, changes, root):
    thread.put(f"{root}x", b"data")
    file = files.open(place(f"{root}x"))
    files.write(file, b"D", 0)
    changes.unlink(place(f"{root}x"))
    assert below(thread, root) == []
    files.flush(file)
    files.release(file)
    assert below(thread, root) == []


def test_a_new_file_that_no_store_has_is_removed_without_a_request(thread, files, changes, root):
    file = files.create(place(f"{root}x"))
    queue = thread.queue
    before = None if queue is None else queue.journal.totals().files
    changes.unlink(place(f"{root}x"))
    assert queue is None or queue.journal.totals().files == before
    files.release(file)


def test_flags_of_rename(thread, changes, root):
    thread.put(f"{root}a", b"a")
    thread.put(f"{root}b", b"b")
    rename = Rename(BUCKET, f"{root}a", f"{root}b")
    with pytest.raises(FileExistsError):
        changes.rename(rename, RENAME_NOREPLACE, replaces=True)
    with pytest.raises(OSError, match="Invalid"):
        changes.rename(rename, RENAME_EXCHANGE, replaces=True)
    with pytest.raises(OSError, match="into itself"):
        changes.rename(Rename(BUCKET, f"{root}d/", f"{root}d/e/"), 0, replaces=False)
    changes.rename(rename._replace(new=rename.old), 0, replaces=True)
    changes.rename(rename, 0, replaces=True)
    assert thread.get(f"{root}b") == b"a"


def test_a_folder_replaces_only_an_empty_folder(thread, changes, root):
    changes.make_folder(BUCKET, f"{root}a/")
    changes.make_folder(BUCKET, f"{root}b/")
    thread.put(f"{root}c/x", b"")
    with pytest.raises(OSError, match="not empty"):
        changes.rename(Rename(BUCKET, f"{root}a/", f"{root}c/"), 0, replaces=True)
    changes.rename(Rename(BUCKET, f"{root}c/", f"{root}b/"), 0, replaces=True)
    assert below(thread, root) == ["a/", "b/x"]


def test_a_symbolic_link_is_an_object_with_its_target(thread, changes, root):
    etag = changes.symlink(place(f"{root}link"), "../target é", 2_500_000_000)
    head = thread.head(f"{root}link")
    assert read_link(head["Metadata"]) == "../target é"
    assert (head["ETag"], head["Metadata"]["mtime"]) == (etag, "2.500000000")


def test_mode_and_time_of_a_closed_object_change_and_nothing_else(thread, changes, root):
    thread.put(f"{root}x", b"data", Metadata={"mine": "1"}, ContentType="a/b", Tagging="t=u")
    changes.set_attributes(place(f"{root}x"), mode=0o100700)
    etag = changes.set_attributes(place(f"{root}x"), mtime_ns=2_500_000_000)
    head = thread.head(f"{root}x")
    assert head["Metadata"] == {"mine": "1", "mode": "100700", "mtime": "2.500000000"}
    assert (head["ContentType"], head["TagCount"], head["ETag"]) == ("a/b", 1, etag)
    assert thread.get(f"{root}x") == b"data"


def test_attributes_of_an_open_file_are_stored_with_its_bytes(thread, files, changes, root):
    file = files.create(place(f"{root}x"))
    changes.set_attributes(place(f"{root}x"), mode=0o700, mtime_ns=1_000_000_000)
    changes.set_metadata(place(f"{root}x"), {"mine": "1"})
    changes.set_tags(place(f"{root}x"), {"t": "u"})
    files.flush(file)
    files.release(file)
    head = thread.head(f"{root}x")
    assert head["Metadata"] == {"mine": "1", "mode": "100700", "mtime": "1.000000000"}
    assert head["TagCount"] == 1


def test_metadata_and_tags_of_a_closed_object_change(thread, changes, root):
    thread.put(f"{root}x", b"data", Metadata={"a": "1", "b": "2"}, Tagging="t=u")
    changes.set_metadata(place(f"{root}x"), {"a": None, "c": "3"})
    changes.set_tags(place(f"{root}x"), {"t": None, "v": "w"})
    head = thread.head(f"{root}x")
    kept = {name: value for name, value in head["Metadata"].items() if name != "mtime"}
    assert kept == {"b": "2", "c": "3"}
    tags = thread.run(lambda: S3Client(thread.store).tags(BUCKET, f"{root}x"))
    assert tags == {"v": "w"}


def test_attributes_of_what_does_not_exist(changes, root):
    with pytest.raises(FileNotFoundError):
        changes.set_attributes(place(f"{root}absent"), mode=0o600)
