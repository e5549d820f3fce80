"""A store that is filled from a folder at its first start, with a real agent and boto3."""

from __future__ import annotations

import os

import pytest

from s3d.agent.app import seed
from s3d.agent.app.embedded import open_embedded
from s3d.agent.app.seed import content_type_of, read_seed
from s3d.agent.core.client import S3Client
from s3d.shared.errors import UsageError
from tests.agent_process import StartFailed


@pytest.fixture
def folder(tmp_path):
    """Two buckets, one of them empty, and what is left out."""
    root = tmp_path / "fixtures"
    for name, content in (
        ("photos/2026/a.jpg", b"jpeg"),
        ("photos/site/index.html", b"<html>"),
        ("photos/large.bin", b"x" * 3_000_000),
        ("photos/.hidden", b"too"),
        ("empty/.gitkeep", b""),
        (".git/config", b"[core]"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def contents(s3):
    """Bucket -> keys."""
    return {
        bucket["Name"]: [
            each["Key"] for each in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ())
        ]
        for bucket in s3.list_buckets()["Buckets"]
    }


ALL = {"empty": [], "photos": [".hidden", "2026/a.jpg", "large.bin", "site/index.html"]}


def test_an_empty_store_is_filled_once(start_agent, folder):
    agent = start_agent("--seed", str(folder))
    s3 = agent.s3()
    assert contents(s3) == ALL
    page = s3.get_object(Bucket="photos", Key="site/index.html")
    assert (page["ContentType"], page["Body"].read()) == ("text/html", b"<html>")
    assert s3.head_object(Bucket="photos", Key="2026/a.jpg")["ContentType"] == "image/jpeg"
    assert s3.get_object(Bucket="photos", Key="large.bin")["Body"].read() == b"x" * 3_000_000
    # Another start changes nothing, whatever the folder and the store have by then.
    s3.delete_object(Bucket="photos", Key="large.bin")
    (folder / "photos" / "later").write_bytes(b"")
    agent.stop()
    again = start_agent("--seed", str(folder)).s3()
    assert contents(again)["photos"] == [".hidden", "2026/a.jpg", "site/index.html"]


@pytest.mark.parametrize("point", ["seed.object", "seed.stored"])
def test_a_kill_leaves_no_half_of_a_seed(start_agent, folder, point):
    with pytest.raises(StartFailed):
        start_agent("--seed", str(folder), env={"S3D_FAILPOINT": f"{point}:kill"})
    agent = start_agent()
    assert contents(agent.s3()) == {}
    agent.stop()
    again = start_agent("--seed", str(folder))
    assert contents(again.s3()) == ALL
    again.s3().delete_bucket(Bucket="empty")
    again.stop()
    assert contents(start_agent().s3()) == {"photos": ALL["photos"]}


def test_a_folder_that_is_no_seed_stops_the_start(start_agent, folder):
    (folder / "stray.txt").write_bytes(b"")
    for arguments, words in (
        (("--seed", str(folder)), "stray.txt: it lies in no folder"),
        (("--seed", str(folder / "nowhere")), "No such file or directory"),
        (("--seed", str(folder), "--remote", "http://127.0.0.1:9"), "only for the embedded store"),
    ):
        with pytest.raises(StartFailed) as caught:
            start_agent(*arguments)
        assert caught.value.code == 2
        assert words in str(caught.value)
    assert contents(start_agent().s3()) == {}


def test_what_cannot_be_an_object_is_refused(folder):
    assert sorted(file.key for file in read_seed(folder).files) == ALL["photos"]
    for name, make, words in (
        ("Photos_2", "mkdir", "no name of a bucket"),
        ("photos/link", "symlink", "a symbolic link to a folder"),
        ("photos/broken", "broken", "No such file"),
        ("photos/pipe", "fifo", "neither a file nor a folder"),
        ("photos/" + "/".join(letter * 250 for letter in "defgh"), "deep", "no key of an object"),
    ):
        path = folder / name
        if make == "mkdir":
            path.mkdir()
        elif make == "symlink":
            path.symlink_to(folder)
        elif make == "broken":
            path.symlink_to(folder / "gone")
        elif make == "fifo":
            os.mkfifo(path)
        else:
            path.parent.mkdir(parents=True)
            path.write_bytes(b"")
        with pytest.raises(UsageError, match=words):
            read_seed(folder)
        path.rmdir() if make == "mkdir" else path.unlink()


def test_a_name_that_is_not_utf_8_is_refused(folder):
    with open(os.fsencode(folder / "photos") + b"/\xff", "wb"):
        pass
    with pytest.raises(UsageError, match="not UTF-8"):
        read_seed(folder)


def test_content_types():
    for name, kind in (
        ("a.html", "text/html"),
        ("a.tar.gz", "application/gzip"),
        ("a", None),
        ("a.JPG", "image/jpeg"),
    ):
        assert content_type_of(name) == kind


async def test_a_file_that_is_too_large_for_one_request_is_stored_in_parts(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(seed, "MAX_SINGLE", 2_999_999)
    embedded = open_embedded(tmp_path / "store", ephemeral=True)
    client = S3Client(embedded.local)
    await seed.store_seed(embedded.index, client, read_seed(folder))
    found = await client.head("photos", "large.bin")
    assert (found.size, found.etag[-3:]) == (3_000_000, '-1"')
    assert "-" not in (await client.head("photos", "2026/a.jpg")).etag
    embedded.close()
