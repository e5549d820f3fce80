import os

import pytest

from s3d.cli.copying.copy_location import parse_location
from s3d.cli.copying.one_shot_sync import sync_request
from s3d.shared.errors import UsageError
from s3d.shared.transfer_options import SyncRules


def tree(root, **files):
    for name, data in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data)


def keys(s3d, bucket):
    return [line.split()[-1] for line in s3d("ls", "-r", bucket).out.splitlines()]


def test_up_down_and_across(s3d, bucket, tmp_path):
    tree(tmp_path, src__a="1", src__d__b="2", src__c="3")
    up = ("sync", "src", f"s3://{bucket}/p")
    assert "3 objects, 3 B" in s3d(*up).out
    assert keys(s3d, bucket) == ["p/a", "p/c", "p/d/b"]
    assert "0 objects" in s3d(*up).out
    tree(tmp_path, src__a="9")
    (tmp_path / "src/c").unlink()
    shown = s3d(*up, "--delete", "--dry-run").out.splitlines()
    assert shown[0].startswith("would upload ")
    assert shown[1:] == [
        f"would delete s3://{bucket}/p/c (extra)", "would transfer or delete 2 objects, 2 B",
    ]  # fmt: skip
    done = s3d("sync", "--delete", *up[1:])
    assert (done.code, "; 1 object deleted at the target" in done.out) == (0, True), done.out
    assert keys(s3d, bucket) == ["p/a", "p/d/b"]
    assert s3d("sync", f"s3://{bucket}/p", "dst").code == 0
    assert (tmp_path / "dst/a").read_text() == "9"
    assert s3d("sync", f"s3://{bucket}/p", f"s3://{bucket}/q").code == 0
    assert keys(s3d, bucket) == ["p/a", "p/d/b", "q/a", "q/d/b"]
    assert s3d("diff", "dst", f"s3://{bucket}/q").code == 0


def test_differences_are_listed(s3d, bucket, store, tmp_path):
    for key in ("p/same", "p/other", "p/theirs"):
        store(key, b"1")
    tree(tmp_path, d__same="1", d__other="2", d__ours="3")
    done = s3d("diff", "d", f"s3://{bucket}/p")
    assert done.code == 1
    assert sorted(line[0] for line in done.out.splitlines()) == ["!", "3", "<", ">"]
    assert s3d("diff", "d", f"s3://{bucket}/p", "--size-only", "-q").out == ""
    excluded = ("--exclude", "*", "--include", "same")
    assert s3d("diff", f"s3://{bucket}/p", "d", *excluded).code == 0
    assert s3d("diff", "d", "s3://no-such-bucket/").code >= 2


def test_a_place_is_not_compared_with_itself(alone):
    done = alone("diff", "s3://bucket/p", "s3://bucket/p/")
    assert (done.code, "are the same place" in done.err) == (2, True)


def test_a_mass_deletion_needs_yes(s3d, bucket, store, tmp_path):
    store("p/k")
    (tmp_path / "empty").mkdir()
    refused = s3d("sync", "empty", f"s3://{bucket}/p", "--delete")
    assert (refused.code, "--yes" in refused.err, keys(s3d, bucket)) == (1, True, ["p/k"])
    assert s3d("sync", "empty", f"s3://{bucket}/p", "--delete", "--yes").code == 0
    assert keys(s3d, bucket) == []


def test_sync_folders_are_not_deleted_from(s3d, bucket, tmp_path):
    (tmp_path / "notes").mkdir()
    assert s3d("sync", "add", "notes", f"{bucket}/notes", "--yes").code == 0
    for places in (("notes", f"s3://{bucket}/x"), ("other", f"s3://{bucket}")):
        (tmp_path / "other").mkdir(exist_ok=True)
        refused = s3d("sync", *places, "--delete")
        assert (refused.code, "sync folder notes" in refused.err) == (2, True)
    assert s3d("sync", "rm", "notes", "--yes").code == 0


@pytest.mark.parametrize(
    "words", [["photos"], ["a", "b"], ["a", "s3://b", "c"], ["statsu"], ["-", "s3://b"]]
)
def test_anything_else_shows_both_forms(alone, words):
    done = alone("sync", *words)
    assert done.code == 2
    assert "s3d sync SOURCE TARGET" in done.err
    assert "s3d sync add PATH" in done.err


def test_a_misspelt_command_is_no_place(alone):
    for words in (["statsu"], ["ad", "notes", "bucket/notes"]):
        done = alone("sync", *words)
        assert (done.code, f"no such command: {words[0]}\n" in done.err) == (2, True)
    assert "did you mean s3d sync add" in done.err


def test_a_folder_named_like_a_command_is_written_with_a_dot(s3d, bucket, tmp_path):
    tree(tmp_path, status__a="1")
    assert s3d("sync", "./status", f"s3://{bucket}").code == 0
    assert keys(s3d, bucket) == ["a"]
    assert s3d("sync", "status").code != 0


def test_the_help_of_both_forms(alone):
    assert "SOURCE TARGET" in alone("sync", "--help").out
    assert "--exact-timestamps" in alone("sync", "a", "s3://b", "--help").out


def test_only_folders_are_synced(tmp_path):
    (tmp_path / "file").touch()
    file, bucket = parse_location(str(tmp_path / "file")), parse_location("s3://b/p")
    for places in ((file, bucket), (bucket, file)):
        with pytest.raises(UsageError, match="not a folder"):
            sync_request(*places, SyncRules())
    up = sync_request(parse_location(str(tmp_path)), bucket, SyncRules())
    assert (up.base, up.to_prefix) == (f"{os.path.basename(tmp_path)}/", "p/")
