"""Two devices, one bucket, and others who write to it: real agents, real folders, SeaweedFS."""

import hashlib
import json
import math
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from s3d.shared.errors import S3dError
from tests.gateway.devices import NAME, Device, objects, settle, until
from tests.peers.policy import POLICY, PolicyServer, in_a_thread
from tests.peers.proxy import Drop, Fault, Head


def test_what_happens_on_one_side_happens_on_all(devices, remote, sync_bucket):
    a, b = devices
    a.write("notes/today.txt", "milk")
    a.write("run.sh", "#!/bin/sh\n")
    os.utime(a.root / "run.sh", ns=(1_700_000_000_123_456_789,) * 2)
    (a.root / "empty/inner").mkdir(parents=True)
    remote.put_object(Bucket=sync_bucket, Key="from/elsewhere.txt", Body=b"hello")
    settle(a, b)
    assert a.tree() == b.tree() == objects(remote, sync_bucket)
    assert set(b.tree()) == {"notes/today.txt", "run.sh", "from/elsewhere.txt"}
    assert (b.root / "empty/inner").is_dir()
    assert (b.root / "run.sh").stat().st_mtime_ns == 1_700_000_000_123_456_789
    b.write("notes/today.txt", "milk and bread")
    (b.root / "run.sh").unlink()
    remote.delete_object(Bucket=sync_bucket, Key="from/elsewhere.txt")
    settle(b, a)
    assert (
        a.tree()
        == b.tree()
        == objects(remote, sync_bucket)
        == {"notes/today.txt": b"milk and bread"}
    )
    assert not (a.root / "from").exists()


def test_events_alone_bring_a_change_to_the_other_device(devices, remote, sync_bucket):
    a, b = devices
    settle(a, b)
    a.write("new.txt", "x")
    until(lambda: b.tree() == {"new.txt": b"x"}, b.root)
    (b.root / "new.txt").rename(b.root / "renamed.txt")
    until(lambda: a.tree() == {"renamed.txt": b"x"}, a.root)


def test_what_a_killed_agent_had_not_announced_is_announced_at_its_start(
    make_device, network, remote, sync_bucket
):
    """It dies between the upload and the marker."""
    marker = {"Bucket": sync_bucket, "Key": ".s3d/changes"}
    device = make_device("a").start()
    device.write("before.txt", "1")
    until(lambda: "before.txt" in _announced(remote, marker), device.root)

    def is_marker(head: Head) -> bool:
        if head.method == "PUT" and head.target.split("?")[0].endswith(marker["Key"]):
            os.kill(device.agent.process.pid, signal.SIGKILL)
            return True
        return False

    network.do(lambda proxy: proxy.inject(Fault(drop=Drop.BEFORE), times=math.inf, when=is_marker))
    device.write("new.txt", "2")
    assert device.agent.process.wait(60) == -signal.SIGKILL
    network.come_back()
    assert objects(remote, sync_bucket)["new.txt"] == b"2"
    assert "new.txt" not in _announced(remote, marker)
    device.start()
    until(lambda: "new.txt" in _announced(remote, marker), device.root)


def _announced(remote, marker):
    """The paths in the marker; none while it does not exist."""
    try:
        found = json.loads(remote.get_object(**marker)["Body"].read())
    except remote.exceptions.NoSuchKey:
        return set()
    return {path for _, _, path in found["changes"]}


@pytest.mark.rule("SYNC-3")
def test_both_edit_and_both_versions_stay(devices, remote, sync_bucket):
    a, b = devices
    a.write("plan.txt", "first")
    settle(a, b)
    for device in devices:
        device.sync.pause(NAME)
    a.write("plan.txt", "of a")
    b.write("plan.txt", "of b, longer")
    for device in devices:
        device.sync.resume(NAME)
        device.now()
    settle(a, b)
    assert a.tree() == b.tree() == objects(remote, sync_bucket)
    assert sorted(a.tree().values()) == [b"of a", b"of b, longer"]
    (copy,) = [path for path in a.tree() if "(conflict " in path]
    assert copy.startswith("plan (conflict ")
    assert copy.endswith(").txt")
    assert [found.copy for found in a.sync.conflicts(NAME)] == [copy]
    b.sync.resolve(NAME, copy, "copy")
    settle(b, a)
    assert list(a.tree()) == ["plan.txt"]


def test_an_edit_beats_a_deletion(devices, remote, sync_bucket):
    a, b = devices
    a.write("one", "1")
    a.write("two", "2")
    a.write("three", "3")
    settle(a, b)
    for device in devices:
        device.sync.pause(NAME)
    (a.root / "one").unlink()
    b.write("one", "1 edited")
    for device in devices:
        device.sync.resume(NAME)
        device.now()
    settle(a, b)
    assert a.tree()["one"] == b.tree()["one"] == b"1 edited"


def test_too_many_deletions_stop_the_folder_until_somebody_agrees(devices, remote, sync_bucket):
    a, b = devices
    for number in range(60):
        a.write(f"f{number}", str(number))
    settle(a, b)
    for number in range(55):
        (a.root / f"f{number}").unlink()
    with pytest.raises(S3dError, match="files would be deleted"):
        a.now()
    status = a.status()
    assert (status.state, status.question) == ("stopped", "deletions")
    assert len(objects(remote, sync_bucket)) >= 10
    restored = a.sync.restore(NAME)
    settle(a)
    assert len(a.tree()) == 5 + restored
    for file in list(a.root.glob("f*"))[:-2]:
        file.unlink()
    with pytest.raises(S3dError):
        a.now()
    a.sync.approve(NAME)
    settle(a)
    assert a.tree() == objects(remote, sync_bucket)
    assert len(a.tree()) == 2


@pytest.mark.parametrize("lost", ["bucket", "root", "marker"])
def test_a_side_that_is_gone_is_not_taken_for_deleted(devices, remote, sync_bucket, lost):
    a, b = devices
    a.write("kept/one", "1")
    a.write("two", "2")
    settle(a, b)
    if lost == "bucket":
        a.sync.pause(NAME)  # or it might see one deletion at a time, and believe each
        b.sync.pause(NAME)
        for key in objects(remote, sync_bucket):
            remote.delete_object(Bucket=sync_bucket, Key=key)
        a.sync.resume(NAME)
        with pytest.raises(S3dError, match="the bucket is empty"):
            a.now()
        assert len(a.tree()) == 2
        assert a.sync.restore(NAME) == 2
        settle(a)
    elif lost == "root":
        aside = a.root.rename(a.root.with_name("aside"))
        with pytest.raises(S3dError):
            a.now()
        aside.rename(a.root)
    else:
        (a.root / ".s3d/marker").unlink()
        (a.root / "two").unlink()
        with pytest.raises(S3dError):
            a.now()
    assert len(objects(remote, sync_bucket)) == 2
    assert len(b.tree()) == 2


def test_a_remote_that_is_away_is_waited_for(devices, remote, sync_bucket, network):
    a, b = devices
    a.write("one", "1")
    a.write("two", "2")
    settle(a, b)
    network.go_away()
    a.write("three", "3")
    (a.root / "one").unlink()
    with pytest.raises(S3dError):
        a.now()
    assert a.status().state in ("offline", "syncing"), "it is tried again and again"
    assert set(a.tree()) == {"two", "three"}
    network.come_back()
    settle(a, b)
    assert a.tree() == b.tree() == objects(remote, sync_bucket) == {"two": b"2", "three": b"3"}


def test_names_that_one_side_cannot_have_stay_where_they_are(start_agent, tmp_path):
    """Before the embedded store, which takes every key that S3 does."""
    env = {"S3D_SYNC_FOLDER_BUCKET": "hostile", "S3D_BUCKETS": "hostile"}
    a = Device(start_agent, tmp_path / "a", env).start()
    settle(a)  # the agent makes the folder after it has begun to serve
    (a.root / os.fsdecode(b"bad-\xff")).write_text("x")
    (a.root / "link").symlink_to("/etc/passwd")
    os.mkfifo(a.root / "fifo")
    keys = ["a//b", "/abs", "n" * 300, "x", "x/y", ".s3d/probe", "z/"]
    with closing(a.agent.s3()) as client:
        for key in keys:
            client.put_object(Bucket="hostile", Key=key, Body=b"1")
        settle(a)
        reasons = {trouble.path: trouble.reason for trouble in a.status().troubles}
        assert reasons["link"] == "a symbolic link"
        assert reasons["fifo"] == "not a regular file"
        assert reasons["n" * 300] == "a name of more than 255 bytes"
        assert set(reasons) >= {"a//b", "/abs", "z/"}
        assert any("UTF-8" in reason for reason in reasons.values())
        assert len({"x", "x/y"} & reasons.keys()) == 1, "one of the two has the name"
        assert not (a.root.parent / "b").exists()
        assert len(client.list_objects_v2(Bucket="hostile")["Contents"]) == len(keys)
    with pytest.raises(S3dError):
        a.sync.undo(NAME, path="link")


def test_what_was_replaced_can_be_had_again(devices, remote, sync_bucket):
    a, b = devices
    a.write("doc", "first")
    settle(a, b)
    b.write("doc", "second")
    settle(b, a)
    assert a.tree() == {"doc": b"second"}
    assert a.sync.undo(NAME, path="doc") == "doc"
    settle(a, b)
    assert a.tree() == b.tree() == {"doc": b"first"}


def actions(device: Device, folder: str) -> set[str]:
    """What was done with the files of a folder, whichever pass did it."""
    rows = device.sync.history(NAME, 1_000)
    return {row.action for row in rows if row.path.startswith(f"{folder}/")}


def listed(remote, bucket: str) -> set[str]:
    """The keys of objects that may go while one looks."""
    rows = remote.list_objects_v2(Bucket=bucket).get("Contents", ())
    return {row["Key"] for row in rows if not row["Key"].startswith(".s3d/")}


def test_a_renamed_folder_is_not_uploaded_again(devices, remote, sync_bucket):
    """The other device looks when the rename has arrived: a listing that another device's requests
    overtake shows some files at both paths, and some at none."""
    a, b = devices
    for number in range(40):
        a.write(f"old/{number}", f"content {number}")
    settle(a, b)
    b.sync.pause(NAME)
    (a.root / "old").rename(a.root / "new")
    renamed = {f"new/{number}" for number in range(40)}
    until(lambda: listed(remote, sync_bucket) == renamed, a.root)
    b.sync.resume(NAME)
    settle(a, b)
    assert (actions(a, "new"), actions(b, "new")) == ({"renamed in the bucket"}, {"renamed here"})
    assert not (b.root / "old").exists()
    a.agent.stop()
    (a.root / "new").rename(a.root / "while away")
    a.start()
    settle(a, b)
    assert actions(a, "while away") == {"renamed in the bucket"}
    assert set(b.tree()) == {f"while away/{number}" for number in range(40)}
    assert a.tree() == b.tree() == objects(remote, sync_bucket)


def test_what_is_excluded_is_left_alone(make_device, remote, sync_bucket):
    a = make_device("a").start(S3D_SYNC_FOLDER_FILTER="!*/*.tmp")
    a.write("a.txt", "1")
    a.write("b.tmp", "2")
    a.write("build/c.txt", "3")
    a.write(".s3dignore", "build/\n")
    remote.put_object(Bucket=sync_bucket, Key="d.tmp", Body=b"4")
    remote.put_object(Bucket=sync_bucket, Key="e.txt", Body=b"5", Tagging="s3d.sync=false")
    settle(a)
    assert set(objects(remote, sync_bucket)) == {"a.txt", ".s3dignore", "d.tmp", "e.txt"}
    assert set(a.tree()) == {"a.txt", "b.tmp", "build/c.txt", ".s3dignore"}


def settle_by_policy(device: Device, holds: Callable[[], bool]) -> None:
    """A busy machine may let the 250 ms of a decision pass; it is asked for again."""
    end = time.monotonic() + 60
    while True:
        with suppress(S3dError):
            settle(device)
        if holds():
            return
        assert time.monotonic() < end, device.status()


def test_a_policy_decides_what_is_synced_in_both_directions(make_device, remote, sync_bucket):
    with in_a_thread(PolicyServer()) as server:
        a = make_device("a").start(S3D_OPA_URL=server.url, S3D_SYNC_FOLDER_FILTER="!*.tmp")
        a.write("a.txt", "1")
        a.write("large.bin", "2" * 2_000)
        a.write("b.tmp", "3")
        for key, tags in (("draft.txt", "draft=1"), ("from.txt", ""), ("c.tmp", "")):
            remote.put_object(Bucket=sync_bucket, Key=key, Body=b"4", Tagging=tags)
        settle_by_policy(
            a, lambda: "from.txt" in a.tree() and "a.txt" in objects(remote, sync_bucket)
        )
        assert set(objects(remote, sync_bucket)) == {"a.txt", "draft.txt", "from.txt", "c.tmp"}
        assert set(a.tree()) == {"a.txt", "large.bin", "b.tmp", "from.txt"}


def test_without_a_decision_of_the_policy_nothing_moves_and_nothing_is_forgotten(
    make_device, remote, sync_bucket
):
    not_cached = POLICY.replace('"include": true', '"include": true, "ttl": 0')
    with in_a_thread(PolicyServer(not_cached)) as server:
        a = make_device("a").start(S3D_OPA_URL=server.url)
        a.write("a.txt", "1")
        settle_by_policy(a, lambda: "a.txt" in objects(remote, sync_bucket))
        server.failure = "500"
        a.write("a.txt", "22")
        remote.put_object(Bucket=sync_bucket, Key="b.txt", Body=b"4")
        with pytest.raises(S3dError, match="the policy cannot be evaluated"):
            a.now()
        assert objects(remote, sync_bucket) == {"a.txt": b"1", "b.txt": b"4"}
        server.failure = ""
        settle_by_policy(
            a, lambda: objects(remote, sync_bucket) == a.tree() and a.tree()["a.txt"] == b"22"
        )
        assert objects(remote, sync_bucket) == a.tree() == {"a.txt": b"22", "b.txt": b"4"}


@pytest.mark.parametrize(("mode", "wanted"), [("backup", {"here"}), ("mirror", {"here", "there"})])
def test_one_way_modes(make_device, remote, sync_bucket, mode, wanted):
    a = make_device("a").start(S3D_SYNC_FOLDER_MODE=mode)
    a.write("here", "1")
    remote.put_object(Bucket=sync_bucket, Key="there", Body=b"2")
    settle(a)
    assert set(a.tree()) == wanted
    assert set(objects(remote, sync_bucket)) == (
        {"here", "there"} if mode == "backup" else {"there"}
    )


def test_rclone_sees_the_same(devices, remote, sync_bucket, seaweedfs, tmp_path):
    a, _ = devices
    for number in range(20):
        os.utime(a.write(f"d{number % 3}/f{number}", "x" * number), (number, number * 1000))
    settle(a)
    rclone = Path(os.path.dirname(os.sys.executable)) / "rclone"
    env = {
        "RCLONE_CONFIG_W_TYPE": "s3",
        "RCLONE_CONFIG_W_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_W_ENDPOINT": seaweedfs.endpoint,
        "RCLONE_CONFIG_W_ACCESS_KEY_ID": seaweedfs.access_key,
        "RCLONE_CONFIG_W_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "HOME": str(tmp_path),
    }
    sync = [rclone, "sync", "--dry-run", "--exclude", ".s3d/**", a.root, f"w:{sync_bucket}"]
    done = subprocess.run(sync, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert "Skipped copy" not in done.stderr
    assert "Skipped update modification time" not in done.stderr
    assert "Skipped delete" not in done.stderr


@pytest.mark.parametrize(
    "rounds", [pytest.param(3, id="few"), pytest.param(200, marks=pytest.mark.torture, id="many")]
)
@pytest.mark.slow
def test_two_agents_that_are_killed_end_with_the_same(make_device, remote, sync_bucket, rounds):
    """Every version that nobody has replaced knowingly is there in the end."""
    chance = random.Random(rounds)
    a, b = devices = [make_device("a").start(), make_device("b").start()]
    settle(a, b)
    ledger: dict[str, set[str]] = {}
    for number in range(rounds):
        for device in devices:
            for _ in range(chance.randrange(1, 5)):
                edit(device, chance, f"{number}-{chance.random()}", ledger)
        if chance.random() < 0.6:
            victim = chance.choice(devices)
            kill(victim, chance)
            edit(victim, chance, f"{number}-dead-{chance.random()}", ledger)
            victim.start()
        if chance.random() < 0.5:
            settle_anyhow(*devices)
    settle_anyhow(a, b, a, b)
    assert a.tree() == b.tree() == objects(remote, sync_bucket)
    live = {hashlib.sha256(data).hexdigest() for data in a.tree().values()}
    wanted = set().union(*ledger.values())
    assert not wanted - live


POINTS = ("sync.before_place", "sync.after_place", "sync.after_discard")


def kill(victim: Device, chance: random.Random) -> None:
    """At any time, or at a step that has come to half of what it does."""
    victim.agent.kill()
    if chance.random() < 0.5:
        victim.start(S3D_FAILPOINT=f"{chance.choice(POINTS)}:kill")
        with suppress(S3dError):
            victim.now()
        victim.agent.kill()


def settle_anyhow(*devices: Device) -> None:
    """A few files make a few deletions a doubtful number: agree to them."""
    for device in devices:
        for _ in range(3):
            try:
                device.now()
                break
            except S3dError:
                if device.status().question:
                    device.sync.approve(NAME)


def edit(device: Device, chance: random.Random, value: str, ledger: dict[str, set[str]]) -> None:
    """Somebody edits, replaces, renames or deletes a file that is seen.

    ledger: by device and path, what is there now and not seen by anybody who replaced it.
    """
    path = chance.choice(["a", "b", "c", "d/e", "d/f"])
    file = device.root / path
    before = file.read_bytes() if file.exists() else None
    wanted = ledger.setdefault("all", set())
    act = chance.randrange(4)
    if act == 0 and before is not None:
        file.unlink()
    elif act == 1:
        draft = file.with_name(file.name + ".draft")
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(value)
        os.replace(draft, file)
    else:
        device.write(path, value)
    after = file.read_bytes() if file.exists() else None
    if before is not None:
        wanted.discard(hashlib.sha256(before).hexdigest())
    if after is not None:
        wanted.add(hashlib.sha256(after).hexdigest())
