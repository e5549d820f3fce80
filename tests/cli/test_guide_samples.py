"""More blocks of README.md and the user guide: commands of which each has a setting of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.agent.frontends.fuse.kernel.mounts import clear, needs_fuse
from tests.agent_process import AgentProcess
from tests.cli.test_guide_blocks import block, run, typed

ENV = 'eval "$(s3d env)"\n'
QUEUE = {
    "S3D_NOTIFICATION_TARGET": "jobs",
    "S3D_NOTIFICATION_TARGET_TYPE": "sqs",
    "S3D_NOTIFICATION_TARGET_URL": "http://127.0.0.1:9/jobs",
}
POLICY = (
    '{"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*"}]}'
)
pytestmark = pytest.mark.slow


def printed(text: str) -> list[str]:
    """The lines of a block that are no commands."""
    return [line for line in text.splitlines() if not line.startswith("$ ")]


def as_remote(agent: AgentProcess) -> dict[str, str]:
    """The settings of a gateway in front of it."""
    key, secret = agent.key
    return {"S3D_REMOTE": agent.endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": "us-east-1"}  # fmt: skip


def test_buckets_get_settings_by_the_aws_cli(
    start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> None:
    agent = start_agent(env=QUEUE | {"S3D_BUCKETS": "logs,photos,site"})
    (tmp_path / "policy.json").write_text(POLICY)
    assert "SessionToken" in run(ENV + block("role"), agent.env, tmp_path)
    for name in ("lock", "lifecycle", "notification", "website"):
        run(ENV + block(name), agent.env, tmp_path)
    with closing(agent.s3()) as s3:
        lock = s3.get_object_lock_configuration(Bucket="records")["ObjectLockConfiguration"]
        assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 30}
        assert s3.get_bucket_lifecycle_configuration(Bucket="logs")["Rules"][0]["ID"] == "a-month"
        events = s3.get_bucket_notification_configuration(Bucket="photos")
        assert events["QueueConfigurations"][0]["QueueArn"] == "arn:s3d:sqs:::jobs"
        assert s3.get_bucket_website(Bucket="site")["ErrorDocument"] == {"Key": "oops.html"}


def test_doctor_names_a_wrong_secret(agent: AgentProcess, tmp_path: Path) -> None:
    text = block("doctor").replace("https://s3.example.org", agent.endpoint)
    env = agent.env | as_remote(agent) | {"AWS_SECRET_ACCESS_KEY": "wrongsecret"}
    shown = run(f"{typed(text).strip()} || test $? = 1\n", env, tmp_path).splitlines()
    starts = [line[:18] for line in printed(text) if line[0] != " "]
    assert [line for line in starts if not any(each.startswith(line) for each in shown)] == []
    assert set(printed(text)[-2:]) <= set(shown), "what is wrong, and what to do"


def test_check_finds_what_is_damaged(agent: AgentProcess, tmp_path: Path) -> None:
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="photos")
        s3.put_object(Bucket="photos", Key="cat.jpg", Body=b"data" * 50_000)
    files = [each for each in (agent.home / "data/store/blobs").rglob("*") if each.is_file()]
    blob = max(files, key=lambda file: file.stat().st_size)
    blob.write_bytes(b"rot!" * 50_000)
    text = block("check")
    shown = run(f"{typed(text).strip()} || test $? = 1\n", agent.env, tmp_path).splitlines()
    found, hint, summary = printed(text)
    assert shown[0].split(": ")[:2] == found.split(": ")[:2]
    assert (shown[0].split()[-5:], shown[1]) == (found.split()[-5:], hint)
    assert shown[2].endswith(summary.partition(": ")[2])


def test_filters_are_explained_as_they_are_printed(agent: AgentProcess, tmp_path: Path) -> None:
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="photos")
        s3.put_object(Bucket="photos", Key="2026/cat.jpg", Body=bytes(4_300_000))
        s3.put_object(Bucket="photos", Key="2026/film.mp4", Body=bytes(11 << 20))
    text = block("filter")
    commands = typed(text).replace("\n", " || true\n")
    assert run(commands, agent.env, tmp_path).splitlines() == printed(text)


def test_pins_and_the_cache(
    agent: AgentProcess, start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> None:
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="photos")
        for number in range(5):
            s3.put_object(Bucket="photos", Key=f"2026/{number}.txt", Body=b"12345678")
        s3.put_object(Bucket="photos", Key="big", Body=bytes(100_000))
    gateway = start_agent(home=tmp_path / "gateway", env=as_remote(agent))
    text = block("pin")
    shown = run(typed(text), gateway.env, tmp_path)
    assert printed(text)[0] in shown
    for start in ("photos/2026/  ", "photos: 6 objects, ", "cache   ", "verified 6 objects, "):
        assert re.search(f"^{re.escape(start)}", shown, re.MULTILINE), start


@needs_fuse
def test_buckets_are_mounted(start_agent: Callable[..., AgentProcess], tmp_path: Path) -> None:
    home = tmp_path / "me"
    home.mkdir()
    agent = start_agent(env={"S3D_BUCKETS": "photos,documents", "HOME": str(home)})
    with closing(agent.s3()) as s3:
        s3.put_object(Bucket="photos", Key="2026/cat.jpg", Body=b"data")
        s3.put_object(Bucket="documents", Key="2026/first.txt", Body=b"data")
    (home / "report.pdf").write_bytes(b"data")
    try:
        run(f"{block('mounts of the README')}s3d umount ~/photos\ns3d umount ~/S3\n",
            agent.env, home)  # fmt: skip
        shown = run(typed(block("mount")), agent.env, home).replace(str(home), "/home/me")
        assert shown.splitlines()[0] == printed(block("mount"))[0]
        assert "/home/me/photos  photos/2026, read-only\n" in shown
        with closing(agent.s3()) as s3:
            stored = s3.get_object(Bucket="documents", Key="2026/report.pdf")["Body"].read()
        assert stored == b"data"
    finally:
        for name in ("S3", "photos"):
            clear(home / name)


def test_a_folder_is_synced(start_agent: Callable[..., AgentProcess], tmp_path: Path) -> None:
    home = tmp_path / "me"
    (home / "notes").mkdir(parents=True)
    (home / "notes/todo.txt").write_text("milk\n")
    agent = start_agent(env={"HOME": str(home)})
    run(f"{block('sync').rstrip()} --yes\ns3d drain --timeout 30s\n", agent.env, home)
    with closing(agent.s3()) as s3:
        assert s3.get_object(Bucket="my-bucket", Key="notes/todo.txt")["Body"].read() == b"milk\n"
