import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from tests.agent_process import launch
from tests.cli.conftest import Commands


def test_the_log_is_shown_by_level_and_source(s3d, serving):
    out = s3d("logs").out
    assert "serving endpoint=" in out
    assert s3d("logs", "--level", "error").out == ""
    line = json.loads(s3d("logs", "--json", "-n", "1", "--source", "app.agent").out)
    assert (line["level"], line["source"]) == ("info", "app.agent")
    assert s3d("logs", "--level", "loud").code == 2


def test_it_is_followed_until_somebody_stops_it(s3d, bucket, tmp_path):
    command = [sys.executable, "-m", "s3d", "logs", "-f", "-n", "1", "--source", "transfers"]
    with subprocess.Popen(command, env=s3d.env, stdout=subprocess.PIPE, text=True) as process:
        s3d("cp", f"s3://{bucket}/nothing", str(tmp_path / "d"))
        assert process.stdout is not None
        assert "transfer failed" in process.stdout.readline()
        process.terminate()


@pytest.fixture
def killed(tmp_path):
    """Commands of an agent that was killed just after it had logged a failure."""
    agent = launch(tmp_path / "home")
    s3d = Commands(tmp_path, agent.env)
    assert s3d("cp", "s3://nothing/here", str(tmp_path / "d")).code != 0
    assert "transfer failed" in s3d("logs").out
    agent.kill()
    agent.process.stdout.close()
    return s3d


def test_the_last_lines_before_a_kill_are_in_the_file(killed):
    result = killed("logs")
    assert result.code == 0
    assert "the agent is not running" in result.err
    assert "agent.log" in result.err
    first, *_, last = result.out.splitlines()
    assert "serving endpoint=" in first
    assert "transfer failed" in last
    assert killed("logs", "--level", "error").out == ""
    (line,) = map(json.loads, killed("logs", "--json", "-n", "1").out.splitlines())
    assert line["level"] == "warning"
    assert line["source"].startswith("transfers")
    assert killed("logs", "--source", "app.agent").out.count("\n") == 1


def test_a_torn_line_is_passed_over(killed):
    path = killed.home / "home/state/agent.log"
    with path.open("ab") as file:
        file.write(b'{"at":"2026-01-31T12:34:56.789Z","level":"in')
    assert "transfer failed" in killed("logs", "-n", "1").out


def test_the_lines_of_the_run_before_are_read_while_another_agent_runs(killed):
    agent = launch(killed.home / "home")
    try:
        assert "transfer failed" not in killed("logs").out
        assert "transfer failed" in killed("logs", "--file").out
    finally:
        agent.kill()
        agent.process.stdout.close()


def test_following_goes_on_in_the_file_when_the_agent_is_killed(tmp_path):
    agent = launch(tmp_path / "home")
    command = [sys.executable, "-m", "s3d", "logs", "-f", "--source", "app.agent"]
    with subprocess.Popen(
        command, env=agent.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "serving endpoint=" in process.stdout.readline()
        agent.kill()
        agent.process.stdout.close()
        assert "agent.log" in process.stderr.readline()
        again = launch(tmp_path / "home")
        assert "serving endpoint=" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        again.kill()
        again.process.stdout.close()


def test_a_connection_that_a_dying_agent_closes_means_that_no_agent_runs(killed):
    # The kernel closes the connections of a killed process before its listening socket.
    path = killed.home / "home/run/agent.sock"
    path.unlink(missing_ok=True)

    def close_three_connections():
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.settimeout(10)
            listening.set()
            for _ in range(3):
                listener.accept()[0].close()

    listening = threading.Event()
    dying = threading.Thread(target=close_three_connections)
    dying.start()
    assert listening.wait(10)
    result = killed("logs", "-n", "1")
    dying.join()
    assert (result.code, "agent.log" in result.err) == (0, True), result
    assert "transfer failed" in result.out


def test_without_any_log_the_agent_is_missed(alone):
    result = alone("logs")
    assert result.code == 5
    assert "s3d start" in result.err
    assert alone("logs", "--file").code == 3


def test_the_access_log_is_printed(tmp_path):
    agent = launch(tmp_path / "home", env={"S3D_ACCESS_LOG": "on"})
    s3d = Commands(tmp_path, agent.env)
    agent.s3().create_bucket(Bucket="bucket")
    agent.stop()
    agent.process.stdout.close()
    assert " REST.PUT.BUCKET - " in s3d("logs", "--access", "-n", "1").out
    assert s3d("logs", "--access", "--json").code == 2


def test_without_an_access_log_a_hint_says_how_to_get_one(alone):
    result = alone("logs", "--access")
    assert result.code == 3
    assert "S3D_ACCESS_LOG=on" in result.err


def test_a_log_that_others_could_read_is_made_private(killed):
    path = killed.home / "home/state/agent.log"
    path.chmod(0o644)
    agent = launch(killed.home / "home")
    agent.kill()
    agent.process.stdout.close()
    assert os.stat(path).st_mode & 0o777 == 0o600
