import json
import subprocess

from s3d.cli.target import Target
from s3d.cli.watch_command import concerns, line
from s3d.shared.control import Event
from s3d.shared.object_patterns import KeyGlob
from tests.cli.conftest import S3D


def event(subject, kind="store.changed", **data):
    return Event(1, "boot", 0.0, kind, subject, data)


def test_a_target_is_a_bucket_or_a_prefix():
    target = Target("b", "p/")
    assert concerns(event("b/p/k"), target)
    assert concerns(event("b"), target), "such as a deletion of many"
    assert not concerns(event("b/q"), target)
    assert not concerns(event("bb/p/k"), target)
    assert concerns(event("x/y"), None)
    assert not concerns(event("x/y", "heartbeat"), None)
    assert concerns(event("", "resync"), target)


def test_a_glob_matches_keys_and_what_is_below_its_folders():
    target, glob = Target("b", "p/*.d"), KeyGlob("p/*.d")
    assert concerns(event("b/p/x.d"), target, glob)
    assert concerns(event("b/p/x.d/k"), target, glob)
    assert concerns(event("b/p/*.d"), target, glob), "a key that is the text itself"
    assert concerns(event("b"), target, glob), "the whole bucket"
    assert not concerns(event("b/p/q/x.d"), target, glob)


def test_a_bucket_that_does_not_exist_is_an_error(s3d):
    result = s3d("watch", "no-such-bucket/p/")
    assert (result.code, result.out) == (3, "")
    assert "does not exist: no-such-bucket" in result.err
    assert s3d("watch", "b/a**b**c**d**e**f**g**h").code == 2, "a glob that is too complex"


def test_a_line_says_what_and_who():
    shown = line(event("b/k\n", operation="PutObject", by="notes"))
    assert shown.split("  ", 1)[1].split() == ["PutObject", "b/k␊", "(sync", "folder", "notes)"]
    assert "left out" in line(event("", "resync"))


def test_changes_arrive_while_they_happen(s3d, serving, store):
    watching = subprocess.Popen(
        [*S3D, "watch", "--json"], env=s3d.env, stdout=subprocess.PIPE, text=True
    )
    assert watching.stdout is not None
    with watching, watching.stdout:
        try:
            for number in range(1_000):
                target = store(f"k{number}")
                if _has_line(watching.stdout):
                    break
            row = json.loads(watching.stdout.readline())
            assert row["subject"].startswith(target.partition("/")[0])
        finally:
            watching.kill()


def _has_line(stream):
    import select

    return bool(select.select([stream], [], [], 0.05)[0])
