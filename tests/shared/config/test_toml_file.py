import os

import pytest

from s3d.shared.config.toml_file import FileError, FileValue, add_table, read

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
