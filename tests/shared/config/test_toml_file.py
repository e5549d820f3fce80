import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest

from s3d.shared.config import toml_file
from s3d.shared.config.toml_file import (
    FileError,
    FileValue,
    add_table,
    read,
    read_tables,
    replace_table,
)

TEXT = """\
# a comment
endpoint = "http://127.0.0.1:1"
"region" = "eu-west-1"

buckets = [
  "a",
  "b",
]

[ write_queue ]   # a section
max_size = "1GiB"
"""


def test_no_file_is_no_setting(tmp_path):
    assert read(tmp_path / "none.toml") == {}


def test_values_have_flat_names_and_their_lines(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(TEXT)
    assert read(file) == {
        "endpoint": FileValue("http://127.0.0.1:1", 2),
        "region": FileValue("eu-west-1", 3),
        "buckets": FileValue(["a", "b"], 5),
        "write_queue.max_size": FileValue("1GiB", 11),
    }


def test_a_line_that_cannot_be_told_is_0(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('write_queue = { max_size = "1GiB" }')
    assert read(file) == {"write_queue.max_size": FileValue("1GiB", 0)}


def test_a_dotted_key_is_its_section(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('write_queue.max_size = "1GiB"')
    assert read(file) == {"write_queue.max_size": FileValue("1GiB", 1)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"endpoint = \n", "not TOML: .*line 1"),
        (b"a = 1\na = 2\n", "not TOML: "),
        (b'endpoint = "\xff"', "not UTF-8 at byte 12"),
    ],
)
def test_a_file_that_is_no_toml_says_where(tmp_path, content, message):
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(FileError, match=message):
        read(file)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.finding("S15")
def test_a_change_is_durable_with_its_name(tmp_path, monkeypatch):
    synced = []
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda fd: synced.append(os.fstat(fd).st_ino))
    path = tmp_path / "config.toml"
    add_table(path, "sync_folder", {"path": "/x"})
    assert synced == [path.stat().st_ino, tmp_path.stat().st_ino]


def numbers(path) -> list[object]:
    return [row["number"] for _, row in read_tables(path, "row")]


def test_a_table_is_replaced_or_removed_and_the_others_stay(tmp_path):
    path = tmp_path / "s3d.toml"
    path.write_text("region = 'x'\n")
    for number in (1, 2, 3, 2):
        add_table(path, "row", {"number": number})
    replace_table(path, "row", lambda row: row["number"] == 2, {"number": 4})
    assert numbers(path) == [1, 3, 4]
    replace_table(path, "row", lambda row: row["number"] == 1, None)
    assert numbers(path) == [3, 4]
    assert read(path)["region"].value == "x"


def test_changes_by_two_threads_at_once_are_both_there(tmp_path, monkeypatch):
    path, write, both = tmp_path / "s3d.toml", toml_file._write, threading.Barrier(2)

    def write_later(path, text):
        """When the other one has read the file, too; it may not."""
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)
        write(path, text)

    monkeypatch.setattr(toml_file, "_write", write_later)
    add = partial(replace_table, path, "row", lambda row: False)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(add, ({"number": 1}, {"number": 2})))
    assert sorted(numbers(path)) == [1, 2]
