import json
import os
import stat
import subprocess

from s3d.cli.copying.streams import object_headers
from s3d.shared.transfer_options import NewObject


def test_options_become_headers():
    new = NewObject("text/plain", {"of": "me"}, {"a b": "c&d"}, {"cache-control": "x"}, "GLACIER")
    assert object_headers(new) == {
        "Cache-Control": "x",
        "Content-Type": "text/plain",
        "x-amz-meta-of": "me",
        "x-amz-tagging": "a%20b=c%26d",
        "x-amz-storage-class": "GLACIER",
    }
    assert object_headers(NewObject()) == {}


def test_a_dry_run_looks_at_the_object_and_copies_nothing(s3d, bucket, store):
    source = f"s3://{store('k', b'four')}"
    assert s3d("cp", source, "-", "--dry-run").out == f"would download {source} to -\n"
    assert s3d("cp", source, "-", "--dry-run", "--quiet").out == ""
    assert s3d("cp", f"{source}.none", "-", "--dry-run").code == 3
    (row,) = s3d("cp", source, "-", "--dry-run", "--json").out.splitlines()
    assert (json.loads(row)["action"], json.loads(row)["size"]) == ("download", 4)
    done = s3d("cp", "-", f"s3://{bucket}/new", "--dry-run", stdin=b"data")
    assert (done.code, done.out) == (0, f"would upload - to s3://{bucket}/new\n")
    assert s3d("stat", f"{bucket}/new").code == 3


def test_a_pipe_is_written_to_and_read_and_stays_one(s3d, bucket, store):
    source, pipe = f"s3://{store('k', b'data')}", s3d.home / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE)
    assert s3d("cp", source, "pipe").code == 0
    assert reader.communicate(timeout=30)[0] == b"data"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    writer = subprocess.Popen(["cp", "/proc/self/comm", pipe])
    assert s3d("cp", "pipe", f"s3://{bucket}/of-cp").out == f"stored {bucket}/of-cp, 3 B\n"
    assert writer.wait(timeout=30) == 0


def test_stdin_and_stdout_by_their_paths_are_those_of_the_command(s3d, bucket):
    done = s3d("cp", "/dev/stdin", f"s3://{bucket}/k", stdin=b"in a pipe")
    assert (done.code, done.out) == (0, f"stored {bucket}/k, 9 B\n")
    assert s3d("cp", f"s3://{bucket}/k", "/dev/stdout").data == b"in a pipe"


def test_a_move_and_a_copy_of_many_never_replace_a_pipe(s3d, store):
    source, pipe = f"s3://{store('d/pipe', b'data')}", s3d.home / "pipe"
    os.mkfifo(pipe)
    for words in (("mv", source, "pipe"), ("cp", "-r", source.removesuffix("/pipe"), ".")):
        done = s3d(*words)
        assert (done.code, "a pipe or device has this name" in done.err) == (1, True)
        assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [*s3d.home.iterdir()] == [pipe]
