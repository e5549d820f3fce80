import json
import re

import pytest


def names(text: str) -> list[str]:
    return [line.split("  ")[-1] for line in text.splitlines()]


def test_ls_lists_the_buckets(s3d, bucket):
    assert f"{bucket}/" in names(s3d("ls").out)
    found = [json.loads(line) for line in s3d("ls", "--json").out.splitlines()]
    assert bucket in [item["name"] for item in found]
    assert f"{bucket}/" in names(s3d("ls", "s3://").out), "as aws s3 ls has it"
    assert s3d("du", "s3://").out == s3d("du").out
    assert s3d("ls", "s3://", bucket).code == 2


def test_ls_goes_level_by_level(s3d, bucket, store):
    for key in ("a.txt", "b/1", "b/2/3", "c.txt", "B"):
        store(key)
    assert names(s3d("ls", bucket).out) == ["B", "a.txt", "b/", "c.txt"]
    assert names(s3d("ls", f"s3://{bucket}/b/").out) == ["b/1", "b/2/"]
    assert names(s3d("ls", "-r", bucket).out) == ["B", "a.txt", "b/1", "b/2/3", "c.txt"]
    assert names(s3d("ls", "-R", f"{bucket}/b/2").out) == ["b/2/3"]


def test_ls_shows_date_and_size(s3d, store):
    target = store("a.txt", b"x" * 1536)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d [\d:]{8}    1.5 KiB  a.txt\n", s3d("ls", target).out)
    assert re.search(r' 1536  "[0-9a-f]{32}"  a.txt\n', s3d("ls", "-l", target).out)
    assert re.search(r' 1.5 KiB  "[0-9a-f]{32}"  a.txt\n', s3d("ls", "-lh", target).out)


def test_h_of_ls_and_du_is_that_of_other_programs_and_not_help(s3d, bucket, store):
    store("a.txt", b"x" * 1536)
    assert s3d("ls", "-la", bucket) == s3d("ls", "-l", bucket), "names with a dot are shown anyway"
    assert s3d("ls", "-h", bucket) == s3d("ls", bucket) == s3d("ls", "--human-readable", bucket)
    assert s3d("du", "-sh", bucket) == s3d("du", bucket) == s3d("du", "-b", "-h", bucket)
    assert " 1536 " in s3d("du", "-h", "-b", bucket).out, "the last one counts"
    for command in ("ls", "du"):
        shown = s3d(command, "--help").out
        assert shown.startswith(f"Usage: s3d {command}")
        assert "  --help " in shown


def test_ls_json_is_an_object_a_line(s3d, bucket, store):
    store("a/b")
    store("c\n\x1b", b"12")
    prefix, item = [json.loads(line) for line in s3d("ls", bucket, "--json").out.splitlines()]
    assert prefix == {"bucket": bucket, "prefix": "a/"}
    assert (item["key"], item["size"]) == ("c\n\x1b", 2)


def test_ls_escapes_controls_even_into_a_pipe(s3d, bucket, store):
    store("a\n\x1b[2Jb")
    assert names(s3d("ls", bucket).out) == ["a␊␛[2Jb"]


@pytest.mark.slow
def test_ls_reads_all_pages(s3d, bucket, store):
    keys = [f"{number:05}" for number in range(1005)]
    for key in keys:
        store(key)
    assert names(s3d("ls", bucket).out) == keys


def test_ls_of_an_empty_bucket_is_empty_and_of_no_match_is_3(s3d, bucket):
    assert (s3d("ls", bucket).code, s3d("ls", bucket).out) == (0, "")
    assert s3d("ls", f"{bucket}/none").code == 3
    assert s3d("ls", "no-such-bucket").code == 3


@pytest.fixture
def versioned(serving, bucket):
    """A bucket that keeps versions of k: one, two, and deleted."""
    s3 = serving.s3()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"second"):
        s3.put_object(Bucket=bucket, Key="k", Body=body, Metadata={"of": body.decode()})
    s3.put_object(Bucket=bucket, Key="k2", Body=b"another key")
    s3.delete_object(Bucket=bucket, Key="k")
    return bucket


def test_versions_are_listed_newest_first(s3d, versioned):
    rows = [
        json.loads(line) for line in s3d("versions", f"{versioned}/k", "--json").out.splitlines()
    ]
    assert [(row["size"], row["is_latest"], bool(row["etag"])) for row in rows] == [
        (0, True, False), (6, False, True), (3, False, True),
    ]  # fmt: skip
    shown = s3d("versions", f"{versioned}/k").out
    assert "deleted" in shown.splitlines()[0]
    assert shown.splitlines()[0].endswith("now")


def test_an_older_one_is_made_the_newest(s3d, versioned):
    rows = [
        json.loads(line) for line in s3d("versions", f"{versioned}/k", "--json").out.splitlines()
    ]
    done = s3d("restore", f"{versioned}/k", rows[-1]["version_id"])
    assert (done.code, done.err) == (0, "")
    assert "restored" in done.out
    assert s3d("get", "-q", f"{versioned}/k", "-").out == "one"
    status = json.loads(s3d("status", f"{versioned}/k", "--json").out)
    assert status["metadata"] == {"of": "one"}
    assert len(s3d("versions", f"{versioned}/k").out.splitlines()) == 4


def test_what_is_not_there_is_told(s3d, versioned):
    assert s3d("versions", f"{versioned}/none").code == 3
    done = s3d("restore", f"{versioned}/k", "no-such-version")
    assert done.code != 0
    assert "version" in done.err.lower()


def test_ls_takes_globs_and_adds_up(s3d, bucket, store):
    for key in ("p/a.txt", "p/b.log", "p/d1/x", "p/d1/y", "p/d2/z"):
        store(key, b"12")
    assert names(s3d("ls", f"{bucket}/p/*.txt").out) == ["p/a.txt"]
    assert names(s3d("ls", f"{bucket}/p/d*").out) == ["p/d1/", "p/d2/"]
    assert names(s3d("ls", "-r", f"{bucket}/p/d*").out) == ["p/d1/x", "p/d1/y", "p/d2/z"]
    assert s3d("ls", "-r", bucket, "--summarize").out.splitlines()[-1] == "5 objects, 10 B"
    assert names(s3d("ls", "-r", f"{bucket}/p/d1/", f"{bucket}/p/d2/").out)[-1] == "p/d2/z"
    assert "matches" in s3d("ls", f"{bucket}/none*").err


def test_json_has_only_what_a_listing_says(s3d, bucket, store):
    row = json.loads(s3d("ls", store("k"), "--json").out)
    assert sorted(row) == ["bucket", "etag", "key", "last_modified", "size", "storage_class"]


def test_versions_are_in_listings_and_can_be_read(s3d, versioned):
    rows = [
        json.loads(line) for line in s3d("ls", "--versions", versioned, "--json").out.splitlines()
    ]
    assert [(row["key"], row["is_delete_marker"]) for row in rows if row["is_latest"]] == [
        ("k2", False), ("k", True),
    ]  # fmt: skip
    oldest = next(row for row in rows if row["size"] == 3)["version_id"]
    assert s3d("get", "-q", f"{versioned}/k", "-", "--version", oldest).out == "one"
    assert s3d("cp", f"s3://{versioned}/k", "old", "--version", oldest).code == 0
    assert (s3d.home / "old").read_text() == "one"
    assert "deleted" in s3d("ls", "--versions", f"{versioned}/k").out


def test_an_id_that_no_version_has_is_explained(s3d, versioned):
    done = s3d("restore", f"{versioned}/k", "BADID")
    assert (done.code, "specified version does not exist" in done.err) == (3, True), done.err
