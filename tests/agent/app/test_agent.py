"""The agent as a process: how it starts, what it refuses, how it ends."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from s3d.shared.errors import S3dError
from tests.agent_process import StartFailed, environment
from tests.mortal import mortal, needs_modes


def refused(start_agent, *arguments, **options) -> StartFailed:
    with pytest.raises(StartFailed) as caught:
        start_agent(*arguments, **options)
    assert "Traceback" not in caught.value.stderr
    return caught.value


def test_the_agent_serves_s3_and_the_control_api(agent):
    with closing(agent.s3()) as s3:
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="k", Body=b"data")
    assert agent.objects.bucket_status("bucket").objects == 1
    assert agent.client.status().store.objects == 1


@pytest.mark.slow
def test_buckets_of_the_settings_are_made_once(start_agent):
    for _ in range(2):
        agent = start_agent("--bucket", "one,two")
        agent.objects.put("one", "k", io.BytesIO(b"kept"), 4)
        assert [bucket.name for bucket in agent.objects.buckets()] == ["one", "two"]
        assert agent.stop() == 0


@pytest.mark.slow
def test_everything_is_there_after_a_restart(start_agent):
    first = start_agent("--bucket", "bucket")
    with closing(first.s3()) as s3:
        s3.put_object(Bucket="bucket", Key="k", Body=b"data", Metadata={"a": "b"})
    assert first.stop() == 0
    second = start_agent()
    info, download = second.objects.get("bucket", "k")
    with download:
        assert (download.read(), info.metadata) == (b"data", {"a": "b"})
    assert first.client.status().pid == second.process.pid


@pytest.mark.slow
def test_a_second_agent_names_the_first(agent, start_agent):
    error = refused(start_agent)
    assert error.code == 75
    assert f"pid {agent.process.pid}" in error.stderr
    assert agent.client.hello().pid == agent.process.pid


def test_a_port_in_use_is_told(start_agent):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        error = refused(start_agent, env={"S3D_ENDPOINT": endpoint})
    assert error.code == 1
    assert endpoint in error.stderr
    assert "S3D_ENDPOINT" in error.stderr


def test_a_folder_that_cannot_be_written_is_told(start_agent, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "data").write_text("a file in the folder's place")
    error = refused(start_agent)
    assert error.code == 1
    assert str(home / "data") in error.stderr


@needs_modes
def test_a_read_only_folder_is_told(start_agent, tmp_path):
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    (home / "state").mkdir(mode=0o500)
    assert refused(start_agent, preexec_fn=mortal).code == 1


@pytest.mark.slow
def test_a_store_of_a_newer_version_is_refused(start_agent):
    import sqlite3

    agent = start_agent()
    agent.stop()
    with closing(sqlite3.connect(agent.places.store_dir / "index.sqlite")) as index:
        index.execute("PRAGMA user_version = 1000")
    error = refused(start_agent)
    assert error.code == 2
    assert "newer" in error.stderr


@pytest.mark.slow
def test_credentials_that_others_may_read_are_refused(start_agent):
    agent = start_agent()
    agent.stop()
    agent.places.credentials_file.chmod(0o644)
    error = refused(start_agent)
    assert error.code == 2
    assert f"chmod 600 {agent.places.credentials_file}" in error.stderr


@pytest.mark.parametrize("endpoint", ["http://0.0.0.0:0", "http://[::]:0"])
def test_the_network_is_not_served_without_keys(start_agent, endpoint):
    error = refused(start_agent, env={"S3D_ENDPOINT": endpoint, "S3D_AUTH": "none"})
    assert error.code == 2


def test_the_network_is_served_with_a_warning(start_agent):
    agent = start_agent(env={"S3D_ENDPOINT": "http://0.0.0.0:0"})
    (warning,) = agent.client.status().warnings
    assert "without encryption" in warning
    assert agent.endpoint.startswith("http://127.0.0.1:")


def test_no_authentication_is_a_warning(start_agent):
    agent = start_agent(env={"S3D_AUTH": "none"})
    (warning,) = agent.client.status().warnings
    assert "no authentication" in warning


def test_a_symlink_to_the_sockets_folder_is_refused(start_agent, tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir(mode=0o700)
    (home / "run").symlink_to(elsewhere)
    error = refused(start_agent)
    assert error.code == 2
    assert "symbolic link" in error.stderr
    assert list(elsewhere.iterdir()) == []


def test_every_file_of_the_agent_is_private(start_agent):
    previous = os.umask(0)
    try:
        agent = start_agent("--bucket", "bucket")
    finally:
        os.umask(previous)
    with closing(agent.s3()) as s3:
        for size in (10, 1 << 20):
            s3.put_object(Bucket="bucket", Key=str(size), Body=bytes(size))
    found = 0
    for folder in ("config", "data", "cache", "state", "run"):
        for path in [agent.home / folder, *(agent.home / folder).rglob("*")]:
            if path.exists():
                facts = path.lstat()
                expected = 0o700 if stat.S_ISDIR(facts.st_mode) else 0o600
                assert stat.S_IMODE(facts.st_mode) == expected, path
                found += 1
    assert found > 8
    lock = json.loads(agent.places.lock_file.read_text())
    assert (lock["pid"], lock["socket"]) == (agent.process.pid, str(agent.places.socket))


@pytest.mark.slow
def test_sigterm_lets_the_request_in_hand_end(start_agent):
    """Half of an upload is there at the signal; the other half still counts."""
    agent = start_agent("--bucket", "bucket")
    sent, told = threading.Event(), threading.Event()

    class Slow:
        def __init__(self) -> None:
            self.halves = [b"a" * 1000, b"b" * 1000]

        def read(self, size: int) -> bytes:
            if len(self.halves) == 1:
                sent.set()
                assert told.wait(10)
            return self.halves.pop(0) if self.halves else b""

    stored = []
    upload = threading.Thread(
        target=lambda: stored.append(agent.objects.put("bucket", "k", Slow(), 2000))
    )
    upload.start()
    assert sent.wait(10)
    agent.client.hello()  # which comes after it
    agent.process.send_signal(signal.SIGTERM)
    _wait_until_it_takes_no_more(agent)
    told.set()
    upload.join(10)
    assert agent.wait() == 0
    assert stored[0].size == 2000
    assert not agent.places.socket.exists()
    assert start_agent().objects.object_status("bucket", "k").etag == stored[0].etag


def _wait_until_it_takes_no_more(agent) -> None:
    """The event stream ends as soon as the agent has heard the signal."""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(ConnectionError):
        connection.settimeout(10)
        connection.connect(str(agent.places.socket))
        connection.sendall(b"GET /v1/events HTTP/1.1\r\nHost: s3d\r\nConnection: close\r\n\r\n")
        while connection.recv(65536):
            pass


def test_an_interrupt_ends_it_too(agent):
    assert agent.stop(signal.SIGINT) == 0


def test_an_ignored_hangup_stays_ignored(start_agent):
    agent = start_agent(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    agent.process.send_signal(signal.SIGHUP)
    assert agent.client.hello().pid == agent.process.pid


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(start_agent):
    agent = start_agent("--bucket", "bucket")
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.connect(str(agent.places.socket))
        waiting.sendall(
            b"PUT /v1/buckets/bucket/object?key=k HTTP/1.1\r\nHost: s3d\r\n"
            b"Content-Length: 10\r\n\r\n12345"
        )
        agent.client.hello()  # which comes after it
        agent.process.send_signal(signal.SIGTERM)
        _wait_until_it_takes_no_more(agent)
        assert agent.process.poll() is None
        assert agent.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    assert start_agent().objects.list("bucket").objects == []


def test_an_ephemeral_agent_leaves_nothing(start_agent, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    sock = runtime / "agent.sock"
    agent = start_agent(
        "--ephemeral", "--bucket", "bucket", env={"TMPDIR": str(temporary), "S3D_SOCKET": str(sock)}
    )
    status = agent.client.status()
    assert status.ephemeral
    assert Path(status.store.path).is_relative_to(temporary)
    with closing(agent.s3()) as s3:
        s3.put_object(Bucket="bucket", Key="k", Body=b"data")
    assert agent.stop() == 0
    assert list(temporary.iterdir()) == []
    assert not agent.places.store_dir.exists()
    assert not sock.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_idle_agent_is_small(start_agent):
    agent = start_agent(fresh=True)
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    (rss,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    assert int(rss) < 60 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_agent_keeps_its_secrets_from_debuggers_and_the_process_list(start_agent):
    agent = start_agent(fresh=True)
    command = Path(f"/proc/{agent.process.pid}/cmdline").read_bytes()
    assert agent.key[1].encode() not in command
    assert agent.key[1] not in agent.stderr


@pytest.mark.slow
def test_the_watchdog_is_fed(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "100000"}
        process = subprocess.Popen(
            [sys.executable, "-m", "s3d", "run"],
            env=environment(home, **env),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            told = [manager.recv(4096)]
            while told[-1] != b"WATCHDOG=1":
                told.append(manager.recv(4096))
            process.terminate()
            while not told[-1].startswith(b"STOPPING=1"):
                told.append(manager.recv(4096))
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
    assert told[0].startswith(b"READY=1\nSTATUS=Serving http://127.0.0.1:")


def test_an_agent_that_hung_up_is_an_error_for_people(agent):
    agent.kill()
    with pytest.raises(S3dError):
        agent.client.hello()
