import json
import os
import stat
import threading

import pytest

from s3d.cli.get_put_commands import _is_binary


def test_put_and_get_a_file(s3d):
    s3d("mb", "file-bucket")
    data = os.urandom(3 << 20)
    (s3d.home / "in.bin").write_bytes(data)
    assert s3d("put", "file-bucket/k", "in.bin").out == "stored file-bucket/k, 3 MiB\n"
    assert s3d("get", "s3://file-bucket/k", "out.bin").out == ""
    assert (s3d.home / "out.bin").read_bytes() == data


def test_a_folder_that_is_missing_is_made_where_it_is_written_as_one(s3d, store):
    target = store("p/k.txt", b"data")
    assert s3d("get", "-q", target, "made/inner/").code == 0
    assert (s3d.home / "made/inner/k.txt").read_text() == "data"
    assert s3d("get", "-q", f"{target}.none", "third/").code == 3
    assert not (s3d.home / "third").exists()


def test_a_place_in_s3_is_no_file_to_get(s3d, store):
    done = s3d("get", store("k"), "s3://b/made/")
    assert (done.code, "'s3://b/made/' is a place in S3; write a path" in done.err) == (2, True)
    assert [*s3d.home.iterdir()] == []


def test_a_folder_is_not_put(s3d, bucket):
    (s3d.home / "some").mkdir()
    done = s3d("put", f"{bucket}/k", "some")
    assert (done.code, "some is a folder" in done.err, "cp -r some" in done.err) == (2, True, True)


def test_a_file_before_the_place_is_an_error_that_shows_the_order(s3d, bucket):
    (s3d.home / "f.txt").write_text("data")
    for place in (f"{bucket}/k", f"s3://{bucket}/k", bucket):
        done = s3d("put", "f.txt", place)
        assert (done.code, done.out) == (2, "")
        assert f"hint: the place in S3 comes first: s3d put {place} f.txt\n" in done.err
    assert "s3d put BUCKET[/KEY] f.txt" in s3d("put", "f.txt").err
    (s3d.home / bucket).mkdir()
    (s3d.home / bucket / "f.txt").touch()
    assert s3d("put", f"{bucket}/f.txt", "f.txt").code == 0, "a file can be named as the object"
    assert s3d("put", f"{bucket}/f.txt", stdin=b"data").code == 0


def test_data_goes_to_stdout_and_the_rest_to_stderr(s3d, store):
    target = store(
        "k.txt",
        b"\x00data\xff",
        content_type="text/plain",
        x_amz_meta_owner="me",
        x_amz_tagging="project=x y",
    )
    result = s3d("get", target)
    assert result.data == b"\x00data\xff"
    lines = result.err.splitlines()
    assert "content-length: 6" in lines
    assert "content-type: text/plain" in lines
    assert "x-amz-meta-owner: me" in lines
    assert "tag project: x y" in lines
    assert s3d("get", "-q", target).err == ""
    assert json.loads(s3d("get", "--json", target).err)["metadata"] == {"owner": "me"}
    assert s3d("get", target, "-").data == b"\x00data\xff"


def test_put_reads_stdin(s3d, bucket):
    assert s3d("put", f"{bucket}/k", stdin=b"from a pipe").code == 0
    assert s3d("put", f"{bucket}/e", "-", stdin=b"").code == 0
    assert s3d("get", f"{bucket}/k").out == "from a pipe"
    assert s3d("get", f"{bucket}/e").data == b""


def test_put_sets_tags_metadata_and_type(s3d, bucket):
    (s3d.home / "page.html").write_text("<p>")
    result = s3d(
        "put",
        f"{bucket}/p",
        "page.html",
        "--tag",
        "a=1+2 é",
        "--metadata",
        "Owner=me,of=it",
        "--json",
    )
    assert json.loads(result.out)["size"] == 3
    found = json.loads(s3d("status", f"{bucket}/p", "--json").out)
    assert found["tags"] == {"a": "1+2 é"}
    assert found["metadata"] == {"owner": "me", "of": "it"}, "as cp and the AWS CLI have it"
    assert found["content_type"] == "text/html"
    s3d("put", f"{bucket}/p", "page.html", "--content-type", "text/x-mine")
    assert json.loads(s3d("status", f"{bucket}/p", "--json").out)["content_type"] == "text/x-mine"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a.tar.gz", "application/gzip"),
        ("a.json", "application/json"),
        ("a", "binary/octet-stream"),
    ],
)
def test_the_type_is_guessed_from_the_name(s3d, bucket, key, expected):
    s3d("put", f"{bucket}/{key}", stdin=b"x")
    found = json.loads(s3d("status", f"{bucket}/{key}", "--json").out)
    assert found["content_type"] == expected


def test_a_key_that_ends_in_a_slash_gets_the_name_of_the_file(s3d, bucket):
    (s3d.home / "cat.jpg").write_bytes(b"meow")
    assert s3d("put", f"{bucket}/pets/", "cat.jpg").out == f"stored {bucket}/pets/cat.jpg, 4 B\n"
    assert s3d("put", bucket, "cat.jpg").out == f"stored {bucket}/cat.jpg, 4 B\n"
    assert s3d("put", f"{bucket}/pets/", stdin=b"x").code == 2


def test_get_into_a_folder_takes_the_name_from_the_key(s3d, store):
    target = store("a/b.txt", b"1")
    (s3d.home / "folder").mkdir()
    s3d("get", target, "folder")
    assert (s3d.home / "folder" / "b.txt").read_bytes() == b"1"
    for key in ("a/", "a/.."):
        assert s3d("get", store(key), "folder").code == 2


def test_a_get_that_fails_leaves_the_old_file_and_nothing_else(s3d, bucket):
    (s3d.home / "out").write_text("old")
    assert s3d("get", f"{bucket}/none", "out").code == 3
    assert os.listdir(s3d.home) == ["out"]
    assert (s3d.home / "out").read_text() == "old"


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(s3d, store):
    target = store("k", b"new")
    (s3d.home / "real").write_text("old")
    (s3d.home / "real").chmod(0o640)
    (s3d.home / "link").symlink_to("real")
    assert s3d("get", target, "link").code == 0
    assert (s3d.home / "link").is_symlink()
    assert (s3d.home / "real").read_bytes() == b"new"
    assert stat.S_IMODE((s3d.home / "real").stat().st_mode) == 0o640


def test_a_new_file_has_the_usual_mode(s3d, store):
    s3d("get", store("k"), "out")
    umask = os.umask(0o077)
    os.umask(umask)
    assert stat.S_IMODE((s3d.home / "out").stat().st_mode) == 0o666 & ~umask


def test_a_pipe_is_written_and_not_replaced(s3d, store):
    target = store("k", b"through")
    path = s3d.home / "pipe"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    assert s3d("get", target, "pipe").code == 0
    reader.join()
    assert read == [b"through"]
    assert path.is_fifo()


def test_a_terminal_gets_text_and_no_binary(s3d, store):
    text = s3d.on_terminal("get", "-q", store("t", "größe\n".encode()))
    assert (text.code, text.out) == (0, "größe\r\n")
    binary = store("b", b"\x1b]0;PWNED\x07")
    refused = s3d.on_terminal("get", binary)
    assert refused.code == 2
    assert "is not text" in refused.out
    assert "\x1b]0;" not in refused.out
    assert "\x1b]0;" in s3d.on_terminal("get", binary, "-").out


@pytest.mark.parametrize(
    ("data", "binary"),
    [
        (b"", False),
        (b"plain\ttext\r\n", False),
        ("größe 日本 🐈".encode(), False),
        (b"x" * 10 + "🐈".encode()[:3], False),
        (b"a\0b", True),
        (b"\x1b[2J", True),
        (b"\xff\xfe" + b"x" * 20, True),
        (b"\x7fELF", True),
    ],
)
def test_what_is_binary(data, binary):
    assert _is_binary(data) is binary


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["put", "b/k", "no-such-file"], 3),
        (["put", "b/k", "."], 2),
        (["put", "b/k", "--tag", "x"], 2),
        (["put", "b/k", "--metadata", "a=é"], 2),
        (["put", "b/k", "--metadata", "a b=1"], 2),
        (["put", "b/k", "--metadata", "a=1\r\nx: y"], 2),
    ],
)
def test_what_cannot_be_put_is_told_in_a_line(alone, arguments, code):
    result = alone(*arguments)
    assert result.code == code
    assert result.err.startswith("s3d: ")
    assert "Traceback" not in result.err


def test_put_into_no_bucket_is_3(s3d):
    assert s3d("put", "no-such-bucket/k", stdin=b"x").code == 3


def test_get_into_no_folder_is_3(s3d, store):
    result = s3d("get", store("k"), "no/such/folder")
    assert result.code == 3
    assert result.err == "s3d: no/such/folder: No such file or directory\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
def test_a_full_disk_is_7_and_names_the_file(s3d, store):
    result = s3d("get", "-q", store("k"), "/dev/full")
    assert (result.code, result.err) == (7, "s3d: /dev/full: No space left on device\n")
