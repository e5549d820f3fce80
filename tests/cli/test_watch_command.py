import json
import subprocess

from s3d.cli.target import Target
from s3d.cli.watch_command import concerns, line
from s3d.shared.control import Event
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
