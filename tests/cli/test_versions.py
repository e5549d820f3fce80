import json

import pytest


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
