import json

import pytest


def names(text: str) -> list[str]:
    return [line.split("  ")[-1] for line in text.splitlines()]


def keys(s3d, bucket: str) -> list[str]:
    return names(s3d("ls", "-r", bucket).out)


def test_rm_deletes_each_and_goes_on_after_an_error(s3d, bucket, store):
    one, two = store("one"), store("two")
    result = s3d("rm", one, f"{bucket}/none", two)
    assert result.code == 3
    assert result.out == f"deleted {one}\ndeleted {two}\n"
    assert result.err.startswith("s3d: ")
    assert s3d("ls", bucket).out == ""


def test_rm_of_a_folder_names_the_option_for_it(s3d, bucket, store):
    store("p/k")
    for key in ("p", "p/"):
        done = s3d("rm", f"{bucket}/{key}")
        assert (
            done.code,
            f"hint: to delete all that is below it: s3d rm -r {bucket}/{key}\n" in done.err,
        ) == (3, True)
    assert "rm -r" not in s3d("rm", f"{bucket}/none").err


def test_rm_of_a_bucket_is_a_mistake(s3d, bucket, store):
    store("one")
    result = s3d("rm", bucket)
    assert result.code == 2
    assert f"s3d rm -r {bucket}" in result.err
    assert names(s3d("ls", bucket).out) == ["one"]


def test_rm_recursive_asks_with_the_count(s3d, bucket, store):
    for key in ("a/1", "a/2", "b"):
        store(key, b"123")
    no = s3d.on_terminal("rm", "-r", f"{bucket}/a/", answer="n\n")
    assert f"delete 2 objects of {bucket}/a/, 6 B? [y/N]" in no.out
    assert no.code == 1
    assert len(names(s3d("ls", "-r", bucket).out)) == 3
    assert s3d.on_terminal("rm", "-r", f"{bucket}/a/", answer="y\n").code == 0
    assert names(s3d("ls", "-r", bucket).out) == ["b"]


def test_rm_recursive_without_a_terminal_needs_yes(s3d, bucket, store):
    store("a/1")
    result = s3d("rm", "-r", bucket)
    assert result.code == 2
    assert "--yes" in result.err
    assert s3d("rm", "-r", "--yes", bucket).out == f"deleted 1 object of {bucket}, 4 B\n"
    assert s3d("ls", bucket).out == ""


def test_rf_does_not_ask_and_takes_what_is_missing_as_deleted(s3d, bucket, store):
    store("a/1"), store("b")
    assert s3d("rm", "-rf", f"{bucket}/a", f"{bucket}/none").out.startswith("deleted 1 object of ")
    done = s3d("rm", "-f", f"{bucket}/none", f"{bucket}/b", "no-such-bucket/k")
    assert (done.code, done.out, done.err) == (0, f"deleted {bucket}/b\n", "")
    assert s3d("rm", "-f", bucket).code == 2, "another mistake is one"


def test_rm_recursive_of_nothing(s3d, bucket):
    assert s3d("rm", "-r", "-y", f"{bucket}/none").code == 3
    assert s3d("rm", "-r", "-y", bucket).code == 0


@pytest.mark.parametrize("key", ["k/", "a//b", "a/../b", "größe 日本", "a\tb", "-r"])
def test_odd_keys_are_keys(s3d, bucket, store, key):
    target = store(key)
    assert s3d("rm", "--", target).out.startswith("deleted ")
    assert s3d("ls", "-r", bucket).out == ""


def test_what_cannot_be_deleted_is_named_and_the_rest_goes(s3d, serving):
    s3 = serving.s3()
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    for key in ("p/a", "p/held", "p/kept", "p/z"):
        hold = {"ObjectLockLegalHoldStatus": "ON"} if key in ("p/held", "p/kept") else {}
        s3.put_object(Bucket="locked", Key=key, Body=b"x", **hold)
    done = s3d("rm", "-r", "-y", "locked/p", "--all-versions")
    assert (done.code, done.out) == (4, "")
    assert "2 versions of locked/p were not deleted: locked/p/held: AccessDenied" in done.err
    assert "  locked/p/kept: AccessDenied" in done.err
    assert keys(s3d, "locked") == ["p/held", "p/kept"]


def test_a_folder_is_not_its_neighbours(s3d, bucket, store):
    for key in ("photos/2025/a", "photos/2025-backup/b", "photos/2025.txt"):
        store(key)
    assert s3d("rm", "-r", "-y", f"{bucket}/photos/2025").code == 0
    assert keys(s3d, bucket) == ["photos/2025-backup/b", "photos/2025.txt"]
    missing = s3d("rm", "-r", "-y", f"{bucket}/photos/2025")
    assert (missing.code, f"'{bucket}/photos/2025*'" in missing.err) == (3, True)
    single = s3d("rm", "-r", "-y", f"{bucket}/photos/2025.txt")
    assert (single.code, "leave out -r" in single.err) == (3, True)
    assert s3d("rm", "-r", "-y", f"{bucket}/photos/2025*").code == 0
    assert keys(s3d, bucket) == []


def test_a_glob_stays_within_a_level_and_asks(s3d, bucket, store):
    for key in ("a.tmp", "b.tmp", "d/c.tmp", "d/e"):
        store(key, b"12")
    refused = s3d("rm", f"{bucket}/*.tmp")
    assert (refused.code, "delete 2 objects" in refused.err) == (2, True)
    shown = s3d("rm", "--dry-run", f"{bucket}/**.tmp")
    assert shown.out.splitlines()[-1] == f"would delete 3 objects of {bucket}/**.tmp, 6 B"
    assert s3d("rm", "-y", f"{bucket}/*.tmp").code == 0
    assert keys(s3d, bucket) == ["d/c.tmp", "d/e"]
    assert s3d("rm", "-y", f"{bucket}/*.tmp").code == 3


def test_a_key_that_exists_wins_over_its_glob(s3d, bucket, store):
    store("what?")
    store("whats")
    assert s3d("rm", f"{bucket}/what?").out == f"deleted {bucket}/what?\n"
    assert keys(s3d, bucket) == ["whats"]
    assert s3d("rm", "--no-glob", f"{bucket}/what?").code == 3


def test_exclude_and_include_apply_in_their_order(s3d, bucket, store):
    for key in ("p/a.gz", "p/b.txt", "p/d/c.gz"):
        store(key)
    command = ("rm", "-r", "-y", f"{bucket}/p")
    done = s3d(*command, "--include", "*.gz", "--exclude=*")
    assert (done.code, "left out by --older-than, --exclude or" in done.err) == (3, True)
    assert s3d(*command, "--exclude", "*", "--include=d/*").code == 0
    assert keys(s3d, bucket) == ["p/a.gz", "p/b.txt"]
    assert s3d(*command, "--exclude", "*", "--include", "*.gz").code == 0
    assert keys(s3d, bucket) == ["p/b.txt"]
    assert "requires an argument" in s3d(*command, "--include").err


def test_only_old_objects_go(s3d, bucket, store):
    store("a")
    assert s3d("rm", "-r", "-y", bucket, "--older-than", "1h").code == 0
    assert keys(s3d, bucket) == ["a"]
    assert s3d("rm", "-r", "-y", bucket, "--older-than", "0s").code == 0
    assert keys(s3d, bucket) == []
    assert "not a time" in s3d("rm", "-r", "-y", bucket, "--older-than", "soon").err


def test_versions_are_deleted_one_or_all(s3d, bucket, serving):
    s3 = serving.s3()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("k", "k", "k", "k2"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    first = json.loads(s3d("versions", f"{bucket}/k", "--json").out.splitlines()[-1])["version_id"]
    assert s3d("rm", f"{bucket}/k", "--version", first).code == 0
    assert len(s3d("versions", f"{bucket}/k").out.splitlines()) == 2
    assert s3d("rm", f"{bucket}/k", "--all-versions").code == 2
    done = s3d("rm", f"{bucket}/k", "--all-versions", "-y", "--json")
    assert [json.loads(line)["key"] for line in done.out.splitlines()] == ["k", "k"]
    assert s3d("versions", f"{bucket}/k").code == 3
    assert keys(s3d, bucket) == ["k2"]
    assert s3d("rm", "-r", bucket, "--version", first).code == 2
