import json

import pytest


@pytest.fixture
def notes(tmp_path):
    root = tmp_path / "notes"
    root.mkdir()
    for name in ("a.md", "b.tmp"):
        (root / name).write_text(name)
    return root


def test_a_folder_is_checked_before_it_is_synced(s3d, bucket, notes):
    done = s3d("sync", "check", "notes", f"{bucket}/n", "--filter", "!*/*.tmp")
    assert done.code == 0, done.err
    for text in ("+ path       exists, writable, 2 files", "+ bucket     reachable", "+ a.md",
                 "- b.tmp  (!*/*.tmp)", "1 included, 1 excluded"):  # fmt: skip
        assert text in done.out
    done = s3d("sync", "check", "/", "nowhere-at-all", "--json")
    assert done.code == 1
    assert json.loads(done.out)["can_save"] is False
    assert s3d("sync", "ls").out == ""


def test_a_folder_is_not_added_to_a_bucket_that_does_not_exist(s3d, notes):
    done = s3d("sync", "add", "notes", "no-such-bucket/n", "--yes")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("s3d: The specified bucket does not exist: no-such-bucket\n")
    assert s3d("sync", "add", "s3://b/n", "notes").code == 2, "the other order"
