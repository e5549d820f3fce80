"""The log file and the access log of a real agent: what is in them, and what is never in them."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.agent_process import AgentProcess, StartFailed
from tests.forked_process import run_text

Start = Callable[..., AgentProcess]
FIELD = re.compile(r'"[^"]*"|\[[^\]]*\]|\S+')
TOKEN = "FwoGZXIvYXdzEBYaDPLANTEDSESSIONTOKEN"
CUSTOMER_KEY = base64.b64encode(b"planted-customer-key-of-32-bytes").decode()
HOSTILE = "a\nb\x1b]0;title\x07\x9b2J\u202e\u2028\"'\\ key=forged " + "k" * 900


def logged(agent: AgentProcess) -> list[dict[str, Any]]:
    """The records of the log file; each line is one."""
    text = (agent.home / "state/agent.log").read_text()
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


def accesses(agent: AgentProcess) -> list[list[str]]:
    text = (agent.home / "state/access.log").read_text()
    return [FIELD.findall(line) for line in text.removesuffix("\n").split("\n")]


def test_requests_are_in_the_log_at_debug_and_keys_cannot_control_it(start_agent: Start) -> None:
    agent = start_agent(env={"S3D_LOG_LEVEL": "debug"})
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="bucket")
        with suppress(ClientError):
            s3.get_object(Bucket="bucket", Key=HOSTILE)
    agent.stop()
    (record,) = [entry for entry in logged(agent) if entry.get("key") == HOSTILE]
    assert (record["operation"], record["bucket"]) == ("GetObject", "bucket")
    assert re.fullmatch("[0-9A-F]{16}", record["request_id"])
    for text in (agent.stderr, (agent.home / "state/agent.log").read_text()):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]", text)
    (line,) = [line for line in agent.stderr.splitlines() if "k" * 900 in line]
    assert 'operation=GetObject bucket=bucket key="a␊b␛]0;' in line
    assert (agent.home / "state/agent.log").stat().st_mode & 0o777 == 0o600


def test_json_on_stderr_is_what_is_in_the_file(start_agent: Start) -> None:
    agent = start_agent(env={"S3D_LOG_FORMAT": "json", "S3D_LOG_LEVEL": "debug"})
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="bucket")
    agent.stop()
    lines = [json.loads(line) for line in agent.stderr.splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["logger"] == "s3d.access"]
    assert requests
    assert all(line in logged(agent) for line in requests)


def test_planted_secrets_are_in_no_log(start_agent: Start, tmp_path: Path) -> None:
    env = {"S3D_LOG_LEVEL": "debug", "S3D_ACCESS_LOG": "on"}
    behind = start_agent(home=tmp_path / "behind")
    agent = start_agent(env=env | behind.as_remote)
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="k", Body=b"value")
        for act in (s3.get_object, s3.head_object):
            with suppress(ClientError):
                act(Bucket="bucket", Key="k", SSECustomerAlgorithm="AES256",
                    SSECustomerKey=base64.b64decode(CUSTOMER_KEY))  # fmt: skip
        url = s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "k"})
    signature = url.rpartition("Signature=")[2].partition("&")[0]
    own = agent.key[1]
    for headers in (
        {},
        {"Authorization": f"Bearer {own}"},
        {"X-Amz-Security-Token": TOKEN},
        {"Referer": url, "User-Agent": f"leaky {own}", "Cookie": f"session={TOKEN}"},
        {"x-amz-server-side-encryption-customer-key": CUSTOMER_KEY},
    ):
        with suppress(OSError):
            urllib.request.urlopen(urllib.request.Request(url, headers=headers)).close()
    with suppress(OSError):
        urllib.request.urlopen(f"{url}&X-Amz-Security-Token={TOKEN}").close()
    agent.stop()
    files = [path for path in (agent.home / "state").iterdir() if ".log" in path.name]
    assert {path.name for path in files} == {"agent.log", "access.log"}
    for text in (agent.stderr, *(path.read_text() for path in files)):
        assert "bucket" in text
        for planted in (own, behind.key[1], TOKEN, CUSTOMER_KEY, signature):
            assert planted not in text


def test_lines_of_a_push_name_the_request_of_the_write(start_agent: Start, tmp_path: Path) -> None:
    behind = start_agent(home=tmp_path / "behind")
    agent = start_agent(env={**behind.as_remote, "S3D_LOG_LEVEL": "debug"})
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="bucket")
        answer = s3.put_object(Bucket="bucket", Key="k", Body=b"value")
    agent.stop()
    write = answer["ResponseMetadata"]["RequestId"]
    pushed = [entry for entry in logged(agent) if entry.get("write_request_id") == write]
    assert pushed
    assert {entry["key"] for entry in pushed} == {"k"}
    assert all(entry.get("request_id") != write for entry in pushed)
    assert "PutObject" in {entry.get("operation") for entry in pushed}


def test_an_access_log_of_boto3_calls(start_agent: Start) -> None:
    agent = start_agent(env={"S3D_ACCESS_LOG": "on"})
    with closing(agent.s3()) as s3:
        ids = [
            answer["ResponseMetadata"]["RequestId"]
            for answer in (
                s3.create_bucket(Bucket="bucket"),
                s3.put_object(Bucket="bucket", Key="a b", Body=b"value"),
                s3.get_object(Bucket="bucket", Key="a b", Range="bytes=0-1"),
                s3.head_object(Bucket="bucket", Key="a b"),
                s3.copy_object(
                    Bucket="bucket", Key="c", CopySource={"Bucket": "bucket", "Key": "a b"}
                ),
                s3.put_object_tagging(Bucket="bucket", Key="c", Tagging={"TagSet": []}),
                s3.list_objects_v2(Bucket="bucket"),
                s3.list_buckets(),
                s3.get_bucket_versioning(Bucket="bucket"),
                s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "c"}]}),
                s3.delete_object(Bucket="bucket", Key="a b"),
            )
        ]
        upload = s3.create_multipart_upload(Bucket="bucket", Key="m")
        part = {"Bucket": "bucket", "Key": "m", "UploadId": upload["UploadId"]}
        done = s3.upload_part(**part, PartNumber=1, Body=b"part")
        s3.list_parts(**part)
        parts = {"Parts": [{"PartNumber": 1, "ETag": done["ETag"]}]}
        s3.complete_multipart_upload(**part, MultipartUpload=parts)
        with pytest.raises(ClientError):
            s3.get_object(Bucket="bucket", Key="none", VersionId="null")
    agent.stop()
    records = accesses(agent)
    assert all(len(record) == 27 for record in records)
    assert [record[5] for record in records if record[8] != "-"][: len(ids)] == ids
    assert [(record[6], record[7], record[9]) for record in records] == [
        ("REST.PUT.BUCKET", "-", "200"),
        ("REST.PUT.OBJECT", "a%2520b", "200"),
        ("REST.GET.OBJECT", "a%2520b", "206"),
        ("REST.HEAD.OBJECT", "a%2520b", "200"),
        ("REST.COPY.OBJECT_GET", "a%2520b", "200"),
        ("REST.COPY.OBJECT", "c", "200"),
        ("REST.PUT.OBJECT_TAGGING", "c", "200"),
        ("REST.GET.BUCKET", "-", "200"),
        ("REST.GET.SERVICE", "-", "200"),
        ("REST.GET.VERSIONING", "-", "200"),
        ("BATCH.DELETE.OBJECT", "c", "204"),
        ("REST.POST.MULTI_OBJECT_DELETE", "-", "200"),
        ("REST.DELETE.OBJECT", "a%2520b", "204"),
        ("REST.POST.UPLOADS", "m", "200"),
        ("REST.PUT.PART", "m", "200"),
        ("REST.GET.UPLOAD", "m", "200"),
        ("REST.POST.UPLOAD", "m", "200"),
        ("REST.GET.OBJECT", "none", "404"),
    ]
    put, read, refused = records[1], records[2], records[-1]
    assert put[10:13] == ["-", "-", "5"]
    assert read[10:13] == ["-", "2", "5"]
    assert (refused[10], refused[17]) == ("NoSuchVersion", "null")
    assert "Boto3/" in put[16]


def test_why_an_agent_has_not_started_is_in_the_file(start_agent: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartFailed):
            start_agent(env={"S3D_ENDPOINT": f"http://127.0.0.1:{port}"})
    lines = (tmp_path / "home/state/agent.log").read_text().splitlines()
    record = json.loads(lines[-1])
    assert record["level"] == "error"
    assert record["message"].startswith("the agent ends: ")
    assert str(port) in record["message"]
    assert "traceback" not in record


def test_a_key_that_was_created_while_it_runs_is_masked(start_agent: Start) -> None:
    agent = start_agent(env={"S3D_ACCESS_LOG": "on"})
    made = run_text("s3d", "key", "create", "second", "--json", env=agent.env)
    secret = re.search(r'"secret[a-z_]*":"([^"]{40})"', made.stdout)
    assert secret is not None, made.stdout
    leaky = urllib.request.Request(agent.endpoint, headers={"User-Agent": f"leaky {secret[1]}"})
    with pytest.raises(OSError, match="403"):
        urllib.request.urlopen(leaky)
    agent.stop()
    assert "leaky ***" in (agent.home / "state/access.log").read_text()


def test_a_hangup_reopens_the_files_of_a_daemon(start_agent: Start) -> None:
    agent = start_agent(env={"S3D_ACCESS_LOG": "on"}, start_new_session=True)
    state = agent.home / "state"
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="one")
        agent.client.hello()
        os.rename(state / "access.log", state / "moved")
        agent.process.send_signal(signal.SIGHUP)
        assert agent.client.hello().pid == agent.process.pid
        s3.create_bucket(Bucket="two")
    agent.stop()
    assert " one " in (state / "moved").read_text()
    assert [record[1] for record in accesses(agent)] == ["two"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("needs root, for a small tmpfs")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_log_and_no_request(start_agent: Start, small_disk: Path) -> None:
    path = small_disk / "access.log"
    agent = start_agent(env={"S3D_ACCESS_LOG": str(path)}, start_new_session=True)
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="bucket")
        (small_disk / "filler").write_bytes(b"")
        with suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        for number in range(100):
            s3.put_object(Bucket="bucket", Key=str(number), Body=b"value")
        (warning,) = [text for text in agent.client.status().warnings if "access.log" in text]
        assert "No space left on device" in warning
        (small_disk / "filler").unlink()
        agent.process.send_signal(signal.SIGHUP)
        assert agent.client.hello().pid == agent.process.pid
        s3.put_object(Bucket="bucket", Key="resumed", Body=b"value")
    agent.stop()
    records = [FIELD.findall(line) for line in path.read_text().splitlines()]
    assert all(len(record) == 27 for record in records)
    assert records[-1][7] == "resumed"
    assert agent.stderr.count("lines are not logged to a file") == 1
