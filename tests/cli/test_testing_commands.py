"""s3d run --test, clock, reset and snapshot, with a real agent and boto3."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from time import perf_counter, time

import pytest
from botocore.exceptions import ClientError

from s3d.agent.stores.testing.store_mark import NAME
from tests.agent_process import StartFailed
from tests.cli.testing_store import Commands, agent_for_tests, tested  # noqa: F401 - fixtures

DAY = 86_400
RULES = {
    "Rules": [
        {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "log/"}, "Expiration": {"Days": 30}}
    ]
}
ACTIONS = (
    ("clock",),
    ("clock", "advance", "1d"),
    ("reset",),
    ("snapshot", "save", "base"),
    ("snapshot", "restore", "base"),
    ("fault", "add", "--close"),
    ("requests",),
    ("wait",),
)


def keys(s3, bucket="photos"):
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]


def test_time_passes_when_a_test_says_so(start_agent, capsys):
    first = Commands(start_agent("--test"), capsys)
    s3 = first.agent.s3()
    s3.create_bucket(Bucket="photos")
    s3.put_bucket_lifecycle_configuration(Bucket="photos", LifecycleConfiguration=RULES)
    for key in ("log/a", "log/b", "kept"):
        s3.put_object(Bucket="photos", Key=key)
    moved = first.json("clock", "advance", "31d")
    assert moved["offset"] == pytest.approx(31 * DAY, abs=2)
    assert moved["removed"] == 2
    assert keys(s3) == ["kept"]
    # What is written now is of that day; presigned URLs and signatures are of today.
    s3.put_object(Bucket="photos", Key="later")
    modified = s3.head_object(Bucket="photos", Key="later")["LastModified"].timestamp()
    assert modified == pytest.approx(time() + 31 * DAY, abs=60)

    code, out = first("clock", "set", "2040-01-01")
    assert (code, out.splitlines()[0][:17]) == (0, "2040-01-01T00:00:")
    first.agent.stop()
    again = Commands(start_agent(), capsys)  # the mark is enough, and so is the clock
    now = datetime.fromtimestamp(again.json("clock")["now"], UTC)
    assert (now.year, now.month, now.day) == (2040, 1, 1)
    shown = again("status")[1]
    assert "ahead" in shown
    assert "/store (for tests)" in shown
    assert again.json("clock", "reset")["offset"] == 0
    for bad in (
        ("set", "soon"),
        ("advance", "3 moons"),
        ("set", "9999-12-31"),
        ("set", "1969-01-01"),
    ):
        code, out = again("clock", *bad)
        assert (code, "Traceback" in out) == (2, False), bad


def test_retention_ends_with_the_clock(tested):  # noqa: F811
    s3 = tested.agent.s3()
    s3.create_bucket(Bucket="photos", ObjectLockEnabledForBucket=True)
    version = s3.put_object(
        Bucket="photos",
        Key="k",
        ObjectLockMode="COMPLIANCE",
        ObjectLockRetainUntilDate=datetime.fromtimestamp(time() + DAY, UTC),
    )["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket="photos", Key="k", VersionId=version)
    assert tested("clock", "advance", "2d")[0] == 0
    s3.delete_object(Bucket="photos", Key="k", VersionId=version)


def test_a_reset_and_snapshots(tested):  # noqa: F811
    s3 = tested.agent.s3()
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="small", Body=b"1")
    s3.put_object(Bucket="photos", Key="large", Body=b"2" * 200_000)
    assert tested.json("snapshot", "save", "base")["objects"] == 2
    code, out = tested("reset")
    assert (code, out) == (0, "removed 1 bucket, 2 objects\n")
    assert s3.list_buckets()["Buckets"] == []
    assert tested("snapshot", "restore", "base")[0] == 0
    assert keys(s3) == ["large", "small"]
    assert s3.get_object(Bucket="photos", Key="large")["Body"].read() == b"2" * 200_000
    assert tested.json("snapshot", "ls")["name"] == "base"
    assert tested("check")[0] == 0
    assert tested("snapshot", "rm", "base")[0] == 0
    for command in ("restore", "rm"):
        code, out = tested("snapshot", command, "base")
        assert (code, "there is no snapshot base" in out) == (3, True)
    code, out = tested("snapshot", "save", "a/b")
    assert code != 0
    assert "bad name of a snapshot" in out


def test_it_takes_milliseconds(tested):  # noqa: F811
    """With the durable store, through the control API: each takes less than ten writes of a client
    took, in the best of some runs."""
    s3 = tested.agent.s3()
    client = tested.agent.client
    s3.create_bucket(Bucket="photos")
    began = perf_counter()
    for number in range(100):
        s3.put_object(Bucket="photos", Key=f"k{number}", Body=b"x" * 1_000)
    puts = perf_counter() - began

    def best(method, path):
        times = []
        for _ in range(5):
            started = perf_counter()
            client.send(method, path).close()
            times.append(perf_counter() - started)
        return min(times)

    assert best("PUT", "/v1/test/snapshots/base") < puts / 10
    assert best("POST", "/v1/test/snapshots/base:restore") < puts / 10
    assert best("POST", "/v1/test/reset") < puts / 10


def test_an_ephemeral_store_can_be_for_tests(start_agent, capsys, tmp_path):
    env = {"S3D_SOCKET": str(tmp_path / "run" / "agent.sock")}
    for arguments, code in (((), 2), (("--test",), 0)):
        commands = Commands(start_agent("--ephemeral", *arguments, env=env), capsys)
        assert commands("reset")[0] == code
        commands.agent.stop()


def test_other_stores_refuse(start_agent, capsys):
    commands = Commands(start_agent(), capsys)
    commands.agent.s3().create_bucket(Bucket="precious")
    for action in ACTIONS:
        code, out = commands(*action)
        assert (code, "the store was not made for tests" in out) == (2, True), action
        assert "s3d run --test" in out
    assert [b["Name"] for b in commands.agent.s3().list_buckets()["Buckets"]] == ["precious"]
    commands.agent.stop()
    with pytest.raises(StartFailed, match="not made for tests") as caught:
        start_agent("--test")
    assert caught.value.code == 2


def test_a_copied_mark_makes_no_test_store(tested, start_agent, capsys, tmp_path):  # noqa: F811
    other = start_agent(home=tmp_path / "other")
    other.s3().create_bucket(Bucket="precious")
    other.stop()
    shutil.copy(tested.agent.places.store_dir / NAME, other.places.store_dir / NAME)
    with pytest.raises(StartFailed, match="of another store") as caught:
        start_agent("--test", home=tmp_path / "other")
    assert caught.value.code == 2
    again = Commands(start_agent(home=tmp_path / "other"), capsys)
    assert again("reset")[0] == 2
    assert "of another store" in again("status")[1]


@pytest.mark.parametrize("point", ["snapshot.emptied", "snapshot.copied"])
def test_a_kill_leaves_nothing_half_done(start_agent, capsys, point):
    """The process is killed in the middle of the transaction of a reset, a restore or a save."""
    env = {"S3D_FAILPOINT": f"{point}:kill"}
    actions = [("reset",), ("snapshot", "restore", "base")]
    if point == "snapshot.copied":
        actions = [("snapshot", "save", "base")]
    first = Commands(start_agent("--test"), capsys)
    s3 = first.agent.s3()
    s3.create_bucket(Bucket="photos")
    s3.put_object(Bucket="photos", Key="large", Body=b"1" * 200_000)
    assert first("snapshot", "save", "base")[0] == 0
    s3.put_object(Bucket="photos", Key="more", Body=b"2" * 200_000)
    first.agent.stop()
    for action in actions:
        mortal = Commands(start_agent("--test", env=env), capsys)
        assert mortal(*action)[0] == 1
        assert mortal.agent.wait() == -9
        again = Commands(start_agent(), capsys)
        s3 = again.agent.s3()
        assert keys(s3) == ["large", "more"]
        assert s3.get_object(Bucket="photos", Key="more")["Body"].read() == b"2" * 200_000
        assert again("check")[0] == 0
        again.agent.stop()
        with (
            closing(sqlite3.connect(again.agent.places.store_dir / "index.sqlite")) as connection,
            connection,
        ):
            assert connection.execute("SELECT name FROM snapshots").fetchall() == [("base",)]
            assert sorted(connection.execute("SELECT refs FROM blobs").fetchall()) == [(1,), (1,)]
    last = Commands(start_agent(), capsys)
    assert last("snapshot", "restore", "base")[0] == 0
    assert keys(last.agent.s3()) == ["large"]


@pytest.mark.parametrize("point", ["test.written", "test.marked"])
def test_a_kill_while_the_mark_is_made_is_repaired(start_agent, capsys, point):
    with pytest.raises(StartFailed):
        start_agent("--test", env={"S3D_FAILPOINT": f"{point}:kill"})
    commands = Commands(start_agent("--test"), capsys)
    assert commands("reset")[0] == 0
