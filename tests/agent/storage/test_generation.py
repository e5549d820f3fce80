import os

import pytest

from s3d.agent.storage import generation
from s3d.agent.storage.generation import Doubt, Mark, State, find_doubt, parse
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import highest_blob
from s3d.agent.storage.records import BucketRecord, Layout, ObjectRecord, Stored

INDEX = State("a", 7, is_new=False)


@pytest.mark.parametrize(
    ("index", "mark", "has_files", "doubt"),
    [
        (INDEX, Mark("a", 7, is_sure=True), True, None),
        (INDEX, Mark("a", 5, is_sure=True), True, None),  # a power cut took the last numbers
        (INDEX, Mark("a", 8, is_sure=True), True, Doubt.OLDER),
        (INDEX, Mark("b", 5, is_sure=True), True, Doubt.OTHER),
        (INDEX, Mark("a", 7, is_sure=False), True, Doubt.UNFINISHED),
        (INDEX, None, True, Doubt.UNMARKED),
        (INDEX, None, False, None),
        (State("", 0, is_new=True), Mark("a", 7, is_sure=True), True, Doubt.MISSING),
        (State("", 0, is_new=True), Mark("a", 7, is_sure=True), False, Doubt.MISSING),
        (State("", 0, is_new=True), None, True, Doubt.MISSING),
        (State("", 0, is_new=True), None, False, None),
    ],
)
def test_an_index_is_believed_when_it_is_not_older_than_its_files(index, mark, has_files, doubt):
    assert find_doubt(index, mark, has_files=has_files) is doubt


@pytest.mark.parametrize("content", [b"", b"\0" * 44, b"x y z", b"0123456789abcdef -1 sure"])
def test_what_is_no_mark_is_none(content):
    assert parse(content) is None


async def test_the_folder_has_the_number_of_each_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(generation, "EVERY", 0.0)
    index = Index.open(tmp_path / "index.sqlite", blobs=tmp_path / "blobs")
    file = tmp_path / "blobs/generation"
    for number in range(1, 4):
        await index.write(lambda tx: tx.put_setting("b", "n", b"1"))
        mark = parse(file.read_bytes())
        assert (mark.id, mark.number, mark.is_sure) == (index.generation.id, number, True)
    await index.write(lambda tx: tx.setting("b", "n"))  # it wrote nothing
    assert parse(file.read_bytes()).number == 3
    index.close()


async def test_a_folder_that_cannot_take_the_number_stays_behind_the_index(tmp_path, monkeypatch):
    index = Index.open(tmp_path / "index.sqlite", blobs=tmp_path / "blobs")

    def fail(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        await index.write(lambda tx: tx.put_setting("b", "n", b"1"))
    index.close()
    again = Index.open(tmp_path / "index.sqlite", blobs=tmp_path / "blobs")
    assert again.generation.doubt is None
    again.close()


async def test_a_commit_that_names_a_file_is_noted_at_once_others_now_and_then(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(generation, "EVERY", 1_000.0)
    index = Index.open(tmp_path / "index.sqlite", blobs=tmp_path / "blobs")

    def noted():
        return parse((tmp_path / "blobs/generation").read_bytes()).number

    for expected in (1, 1):
        await index.write(lambda tx: tx.add_blob(highest_blob(tx) + 1, 4, b"data"))
        assert noted() == expected
    await index.write(lambda tx: tx.add_blob(highest_blob(tx) + 1, 4))
    assert noted() == 3
    await index.write(lambda tx: tx.add_blob(highest_blob(tx) + 1, 4, b"data"))
    assert noted() == 3
    index.close()
    assert noted() == 4


@pytest.mark.parametrize("kind", ["ephemeral", "lossy"])
def test_what_can_be_had_again_has_no_number(tmp_path, kind):
    index = Index.open(tmp_path / "index.sqlite", blobs=tmp_path / "blobs", **{kind: True})
    assert index.generation is None
    index.close()


async def test_a_doubt_that_cannot_be_written_is_there_at_the_next_start(tmp_path, monkeypatch):
    path, blobs = tmp_path / "index.sqlite", tmp_path / "blobs"
    index = Index.open(path, blobs=blobs)
    await index.write(lambda tx: tx.add_blob(1, 4))
    index.close()
    for file in tmp_path.glob("index.sqlite*"):
        file.unlink()

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        index = Index.open(path, blobs=blobs)
    for number in range(5):
        await index.write(lambda tx, number=number: tx.add_blob(number, 4))
    await index.settle_generation()
    index.close()
    again = Index.open(path, blobs=blobs)
    assert again.generation.doubt is not None
    again.close()


async def test_a_bucket_that_goes_does_not_take_the_number_along(tmp_path):
    def open_it():
        return Index.open(tmp_path / "index.sqlite", blobs=tmp_path / "blobs")

    def in_the_index(index):
        return index.read_inline(
            lambda r: r.select("SELECT MAX(generation) FROM totals", ()).fetchone()
        )

    index = open_it()
    record = Stored(ObjectRecord("k", 1, size=5), Layout())
    for action in (
        lambda tx: tx.put_bucket(BucketRecord("b", 0.0)),
        lambda tx: tx.put_current("b", record, None),
        lambda tx: (tx.drop_current("b", record.record), tx.delete_bucket("b")),
        lambda tx: tx.put_setting("", "s", b"1"),
    ):
        (before,) = in_the_index(index)
        await index.write(action)
        assert in_the_index(index) == (before + 1,)
    index.close()
    index = open_it()
    assert index.generation.doubt is None
    index.close()
