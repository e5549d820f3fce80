import json
import os
import subprocess
from contextlib import closing

import pytest

from s3d.cli.client.transfer_client import TransferClient
from tests.agent_process import launch
from tests.forked_process import popen


def tree(root, **files):
    for name, data in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data)


def test_a_file_goes_up_and_comes_down(s3d, bucket, tmp_path):
    tree(tmp_path, cat="meow")
    up = s3d("cp", "cat", f"s3://{bucket}/pets/")
    assert (up.code, up.err) == (0, "")
    assert "1 object, 4 B" in up.out
    down = s3d("cp", f"s3://{bucket}/pets/cat", "back/")
    assert down.code == 0, down.err
    assert (tmp_path / "back/cat").read_text() == "meow"
    own = (tmp_path / "cat").stat().st_mode
    assert (tmp_path / "back/cat").stat().st_mode == own, "the agent keeps its own files closer"


def test_a_folder_goes_up_and_a_prefix_comes_down(s3d, bucket, tmp_path):
    tree(tmp_path, src__a="1", src__b__c="22")
    assert s3d("cp", "-r", "src", f"s3://{bucket}").code == 0
    assert [line.split()[-1] for line in s3d("ls", "-r", bucket).out.splitlines()] == ["a", "b/c"]
    assert s3d("cp", "-r", f"s3://{bucket}", "dst").code == 0
    assert (tmp_path / "dst/b/c").read_text() == "22"


def test_objects_are_copied_and_moved_at_the_remote(s3d, bucket, store):
    for key in ("a/x", "a/y", "b"):
        store(key, b"data")
    assert s3d("cp", "-r", f"s3://{bucket}/a/", f"s3://{bucket}/c/").code == 0
    assert s3d("mv", f"s3://{bucket}/b", f"s3://{bucket}/d/e").code == 0
    names = [line.split()[-1] for line in s3d("ls", "-r", bucket).out.splitlines()]
    assert names == ["a/x", "a/y", "c/x", "c/y", "d/e"]


def test_what_exists_is_left_alone_when_that_is_said(s3d, bucket, store, tmp_path):
    store("k", b"theirs")
    tree(tmp_path, d__k="mine")
    skipped = s3d("cp", "--skip-existing", f"s3://{bucket}/k", "d")
    assert skipped.code == 0
    assert "0 objects, 0 B; 1 object skipped, which the target has" in skipped.out
    assert (tmp_path / "d/k").read_text() == "mine"
    assert s3d("cp", f"s3://{bucket}/k", "d").code == 0
    assert (tmp_path / "d/k").read_text() == "theirs"


def test_one_that_fails_is_told_with_its_reason(s3d, bucket, store, tmp_path):
    store("p/ok", b"x")
    store("p//bad", b"x")
    done = s3d("cp", "-r", f"s3://{bucket}/p/", "d")
    assert done.code == 1
    assert "1 object failed" in done.err
    assert "two consecutive slashes" in done.err
    assert "s3d transfers retry t" in done.err
    assert os.listdir(tmp_path / "d") == ["ok"]


def test_detached_it_says_what_to_look_at(s3d, bucket, store):
    store("k", b"x")
    done = s3d("cp", "--detach", f"s3://{bucket}/k", "d")
    assert done.code == 0
    assert done.out.startswith("t")
    assert f"download {bucket}/k to" in done.out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["a", "b"], "neither a nor b is in S3"),
        (["s3:b/k", "b"], "begins with s3://: s3://b/k"),
        (["s3:/b/k", "b"], "begins with s3://: s3://b/k"),
        (["s3://", "b"], "names no bucket"),
        (["s3://bucket/p/", "d"], "add -r"),
        (["s3://bucket", "d"], "add -r"),
        ([".", "s3://bucket/"], "is a folder"),
        (["-", "s3://bucket/"], "one object on the other side"),
        (["-", "-"], "one object on the other side"),
        (["-", "x", "s3://bucket/y"], "single source"),
        (["-r", "-", "s3://bucket/y"], "cannot be moved"),
        (["a"], "a source and a target, not only a"),
        (["", "s3://bucket/y"], "is empty"),
        (["a", "s3://bucket/y", "--metadata", "x"], "write NAME=VALUE"),
        (["a", "s3://bucket/y", "--wait", "--detach"], "exclude each other"),
        (["s3://bucket/a", "s3://bucket/b", "s3://bucket/c"], "single key"),
    ],
)
def test_what_makes_no_sense_is_told(alone, words, why):
    done = alone("cp", *words)
    assert (done.code, done.out) == (2, "")
    assert why in done.err


@pytest.mark.finding("D3")
def test_names_that_are_not_utf8_break_neither_agent_nor_command(s3d, bucket, tmp_path):
    tree(tmp_path, src__good="1")
    (tmp_path / "src" / os.fsdecode(b"bad\xff")).write_text("2")
    (tmp_path / os.fsdecode(b"dir\xfe")).mkdir()
    up = s3d("cp", "-r", "src", f"s3://{bucket}")
    assert up.code == 1
    assert "bad\\xff: its name is not UTF-8" in up.err
    assert s3d("transfers").code == 0
    assert s3d("logs").code == 0
    path = os.fsdecode(b"dir\xfe")
    for arguments in (
        ("cp", f"s3://{bucket}/good", path),
        ("cp", "-r", path, f"s3://{bucket}"),
        ("put", f"{bucket}/{path}", "src/good"),
        ("ls", f"{bucket}/{path}"),
        ("sync", "add", path, f"{bucket}/x", "--yes"),
    ):
        refused = s3d(*arguments)
        assert refused.code == 2, arguments
        assert "dir\\xfe" in refused.err
        assert "not UTF-8" in refused.err


@pytest.mark.finding("D11")
def test_the_exit_code_says_what_kind_of_failure_it_was(s3d, bucket, store, tmp_path):
    store("k", b"data")
    assert s3d("cp", "missing", f"s3://{bucket}/").code == 3
    assert s3d("cp", f"s3://{bucket}/missing", ".").code == 3
    assert s3d("cp", "s3://no-such-bucket/k", ".").code == 3
    assert s3d("mv", f"s3://{bucket}/missing", f"s3://{bucket}/other").code == 3


@pytest.mark.finding("D17")
@pytest.mark.finding("D19")
def test_all_failures_are_shown_in_words(s3d, bucket, store, tmp_path):
    for key in ("p/a", "p/b//c", "p/d/../e"):
        store(key, b"data")
    down = s3d("cp", "-r", f"s3://{bucket}/p/", "dst")
    assert down.code == 1
    assert "2 objects failed" in down.err
    id = down.err.partition("s3d transfers retry ")[2].split()[0]
    shown = s3d("transfers", "show", id).out
    assert "p/b//c" in shown
    assert "p/d/../e" in shown
    for text in (down.err, shown):
        assert "Unfit" not in text
        assert "NotTransferable" not in text


ENCRYPTED = {
    "sse-s3": {"ServerSideEncryption": "AES256"},
    "sse-kms": {
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "key-1",
        "BucketKeyEnabled": True,
    },
}


@pytest.mark.finding("COPY-SSE")
@pytest.mark.parametrize("way", ENCRYPTED)
def test_an_encrypted_object_stays_encrypted(s3d, bucket, serving, way):
    """Where the bucket has no default, and the copy is not a request of a client."""
    asked, s3 = ENCRYPTED[way], serving.s3()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"data", **asked)["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"plain")
    for words in (
        ("restore", f"{bucket}/k", first),
        ("cp", f"s3://{bucket}/k", f"s3://{bucket}/copied"),
        ("mv", f"s3://{bucket}/copied", f"s3://{bucket}/moved"),
    ):
        done = s3d(*words)
        assert done.code == 0, done.err
    for key in ("k", "moved"):
        head = s3.head_object(Bucket=bucket, Key=key)
        assert asked.items() <= head.items(), key
    s3.copy_object(Bucket=bucket, Key="clients", CopySource=f"{bucket}/k")
    assert "ServerSideEncryption" not in s3.head_object(Bucket=bucket, Key="clients")


@pytest.mark.finding("COPY-SSE")
def test_a_copy_has_the_default_encryption_of_its_bucket(s3d, bucket, serving):
    s3 = serving.s3()
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", **ENCRYPTED["sse-kms"])
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3d("mv", f"s3://{bucket}/k", f"s3://{bucket}/moved").code == 0
    assert s3.head_object(Bucket=bucket, Key="moved")["ServerSideEncryption"] == "AES256"


@pytest.mark.finding("D8")
def test_a_target_without_a_slash_is_the_name(s3d, bucket, store, tmp_path):
    tree(tmp_path, a="1", folder__x="2")
    assert s3d("cp", "a", f"s3://{bucket}/b").code == 0
    assert s3d("cp", f"s3://{bucket}/b", "new.txt").code == 0
    assert (tmp_path / "new.txt").read_text() == "1"
    assert s3d("cp", f"s3://{bucket}/b", "folder").code == 0
    assert (tmp_path / "folder/b").read_text() == "1"
    assert s3d("cp", "-r", "folder", f"s3://{bucket}/p").code == 0
    assert s3d("cp", "-r", f"s3://{bucket}/p", "d1").code == 0
    assert sorted(os.listdir(tmp_path / "d1")) == ["b", "x"]
    missing = s3d("cp", "-r", f"s3://{bucket}/p/b", "d2")
    assert (missing.code, "leave out -r" in missing.err) == (3, True)


@pytest.mark.finding("D8")
def test_a_stream_goes_up_and_comes_down(s3d, bucket, tmp_path):
    up = s3d("cp", "-", f"s3://{bucket}/a.json", "--metadata", "of=me", stdin=b"{}")
    assert (up.code, up.out) == (0, f"stored {bucket}/a.json, 2 B\n")
    down = s3d("cp", f"s3://{bucket}/a.json", "-")
    assert (down.code, down.out, os.listdir(tmp_path)) == (0, "{}", [])
    shown = s3d("get", f"{bucket}/a.json").err
    assert "content-type: application/json" in shown
    assert "x-amz-meta-of: me" in shown
    refused = s3d("cp", "-", f"s3://{bucket}/a.json", "--if-match", '"0"', stdin=b"x")
    assert refused.code == 1
    assert s3d("cp", f"s3://{bucket}/none", "-").code == 3


def test_globs_and_rules_choose_what_is_copied(s3d, bucket, store, tmp_path):
    for key in ("p/a.txt", "p/b.log", "p/d/c.txt"):
        store(key)
    assert s3d("cp", f"s3://{bucket}/p/*.txt", "one/").code == 0
    assert sorted(os.listdir(tmp_path / "one")) == ["a.txt"]
    assert s3d("cp", f"s3://{bucket}/p/**.txt", "all").code == 0
    assert sorted(os.listdir(tmp_path / "all")) == ["a.txt", "d"]
    command = ("cp", "-r", f"s3://{bucket}/p", "some", "--exclude", "*", "--include", "d/*")
    assert "would transfer or delete 1 object, 4 B" in s3d(*command, "--dry-run").out
    assert not (tmp_path / "some").exists()
    assert s3d(*command).code == 0
    assert sorted(os.listdir(tmp_path / "some")) == ["d"]
    assert s3d("cp", f"s3://{bucket}/*.none", "x/").code == 3


def test_an_empty_bucket_is_copied_as_nothing(s3d, bucket):
    done = s3d("cp", "-r", f"s3://{bucket}", "d")
    assert (done.code, done.err) == (0, "")
    assert s3d("cp", "-r", f"s3://{bucket}/p", "d").code == 3


def test_a_plan_names_the_bucket_that_does_not_exist(s3d, tmp_path):
    tree(tmp_path, d__a="1")
    expected = "s3://no-such-bucket: The specified bucket does not exist"
    assert expected in s3d("diff", "d", "s3://no-such-bucket").err
    planned = s3d("cp", "-r", "s3://no-such-bucket", "e", "--dry-run")
    assert (planned.code, f"would fail: {expected}" in planned.out) == (3, True)


def test_files_are_moved(s3d, bucket, tmp_path):
    tree(tmp_path, a="1", b="2", folder__c="3")
    moved = s3d("mv", "a", "b", f"s3://{bucket}/p/", "--tag", "k=v")
    assert (moved.code, "2 objects, 2 B" in moved.out) == (0, True)
    assert s3d("mv", "-r", "folder", f"s3://{bucket}/q").code == 0
    assert [str(path) for path in tmp_path.rglob("*") if path.is_file()] == []
    assert s3d("mv", f"s3://{bucket}/p/a", ".").code == 0
    assert (tmp_path / "a").read_text() == "1"
    left = [line.split()[-1] for line in s3d("ls", "-r", bucket).out.splitlines()]
    assert left == ["p/b", "q/c"]
    assert "k = v" in s3d("status", f"{bucket}/p/b").out


def test_json_is_one_transfer_a_line(s3d, bucket, store, tmp_path):
    store("a")
    shown = [
        json.loads(line) for line in s3d("cp", f"s3://{bucket}/a", "x", "--json").out.splitlines()
    ]
    assert [(row["state"], row["files_done"]) for row in shown] == [("done", 1)]
    (row,) = [
        json.loads(line)
        for line in s3d("cp", f"s3://{bucket}/a", "y", "--dry-run", "--json").out.splitlines()
    ]
    assert (row["action"], row["target"]) == ("download", str(tmp_path / "y"))


def test_a_path_that_looks_like_an_object_is_explained(s3d, bucket):
    done = s3d("cp", f"{bucket}/key", "x")
    assert (done.code, f"s3://: s3://{bucket}/key" in done.err) == (2, True)


def test_folders_are_made_with_the_umask_of_the_user(s3d, bucket, store, tmp_path):
    store("d/k")
    (tmp_path / "own").mkdir()
    assert s3d("cp", "-r", f"s3://{bucket}", "new/deep").code == 0
    modes = {(tmp_path / name).stat().st_mode for name in ("own", "new", "new/deep", "new/deep/d")}
    assert len(modes) == 1


def test_one_object_that_is_missing_needs_no_retry(s3d, bucket):
    done = s3d("mv", f"s3://{bucket}/none", f"s3://{bucket}/other")
    assert (done.code, "transfers retry" in done.err, "add -r" in done.err) == (3, False, True)
    assert done.err.startswith(f"s3d: move {bucket}/none to {bucket}/other: NoSuchKey: ")


def test_access_and_encryption_of_what_is_written(s3d, serving, bucket):
    (s3d.home / "f").write_text("data")
    target, options = f"s3://{bucket}", ("--acl", "public-read", "--sse", "AES256")
    with closing(serving.s3()) as s3:
        ownership = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=ownership)
        for words, stdin in (
            (("cp", "f", f"{target}/uploaded"), b""),
            (("cp", f"{target}/uploaded", f"{target}/copied"), b""),
            (("cp", "-", f"{target}/piped"), b"data"),
            (("mv", f"{target}/piped", f"{target}/moved"), b""),
        ):
            done = s3d(*words, *options, stdin=stdin)
            assert done.code == 0, done.err
        for key in ("uploaded", "copied", "moved"):
            assert s3.head_object(Bucket=bucket, Key=key)["ServerSideEncryption"] == "AES256"
            grants = s3.get_object_acl(Bucket=bucket, Key=key)["Grants"]
            uris = [grant["Grantee"].get("URI", "") for grant in grants]
            assert any(uri.endswith("/AllUsers") for uri in uris), (key, grants)
        alone = s3d("cp", "f", f"{target}/alone", "--sse")
        assert (alone.code, s3d("cp", "f", f"{target}/x", "--acl", "open").code) == (0, 2)
        assert s3.head_object(Bucket=bucket, Key="alone")["ServerSideEncryption"] == "AES256"


@pytest.mark.finding("tui-43")
def test_an_upload_of_a_folder_names_the_prefix_of_its_keys(s3d, bucket, tmp_path):
    tree(tmp_path, many__a="1", many__b="22")
    up = s3d("cp", "-r", "many", f"s3://{bucket}/mf/")
    assert f"{bucket}/mf/: 2 objects, 3 B" in up.out
    assert "mf/many" not in up.out
    names = [line.split()[-1] for line in s3d("ls", "-r", bucket).out.splitlines()]
    assert names == ["mf/a", "mf/b"]


def test_a_copy_whose_agent_dies_says_that_it_goes_on(tmp_path):
    (tmp_path / "many").mkdir()
    for number in range(5_000):
        (tmp_path / "many" / str(number)).touch()
    agent = launch(tmp_path / "home")
    agent.objects.create_bucket("bucket")
    with closing(agent.process.stdout):
        copying = popen(
            "s3d", "cp", "-r", "many", "s3://bucket", env=agent.env, cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        while not any(each.files_done for each in TransferClient(agent.client).all("upload")):
            assert copying.poll() is None
        agent.kill()
        _, shown = copying.communicate(timeout=30)
    assert copying.returncode == 5
    assert b"the agent has ended meanwhile: upload" in shown
    assert b"goes on when it runs again: s3d start" in shown
