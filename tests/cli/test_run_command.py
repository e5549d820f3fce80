import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from s3d.cli.main import cli
from tests.agent_process import StartFailed, environment
from tests.cli.conftest import S3D, Commands


def failure(start_agent, *arguments: str, **options: object) -> StartFailed:
    with pytest.raises(StartFailed) as caught:
        start_agent(*arguments, **options)
    assert "Traceback" not in caught.value.stderr
    return caught.value


def test_there_is_a_flag_for_every_setting_that_may_have_one():
    text = CliRunner().invoke(cli, ["run", "--help"]).output
    for flag in ("--local-dir", "--endpoint", "--socket", "--auth", "--bucket", "--host",
                 "--region", "--log-level", "--log-format", "--ephemeral"):  # fmt: skip
        assert f"{flag} " in text
    assert "secret" not in text.lower()
    assert "[env: S3D_ENDPOINT; default: http://127.0.0.1:33333]" in " ".join(text.split())


def test_signals_for_users_end_no_agent(agent):
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        agent.process.send_signal(number)
    assert agent.client.hello().pid == agent.process.pid
    assert agent.process.poll() is None


def test_ready_goes_to_stdout_and_the_log_to_stderr(tmp_path, start_agent):
    agent = start_agent("--bucket", "one,two", "--bucket", "three", "--log-format", "json")
    assert {item.name for item in agent.objects.buckets()} == {"one", "two", "three"}
    assert agent.stop(signal.SIGTERM) == 0
    assert all(json.loads(line)["logger"] for line in agent.stderr.splitlines())


def test_it_prints_the_real_port(tmp_path):
    process = subprocess.Popen(
        [*S3D, "run"],
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    port = int(line.rpartition(":")[2])
    process.send_signal(signal.SIGTERM)
    rest = process.communicate()[0]
    assert port > 0
    assert b'eval "$(s3d env)"' in rest
    assert process.returncode == 0


def test_a_second_agent_is_75_and_names_the_first(agent, start_agent):
    error = failure(start_agent, home=agent.home)
    assert error.code == 75
    assert str(agent.process.pid) in error.stderr


def test_a_bad_setting_is_2(start_agent):
    error = failure(start_agent, "--endpoint", "https://x", env={"S3D_AUTH": "maybe"})
    assert error.code == 2
    assert "s3d: --endpoint: " in error.stderr
    assert "s3d: S3D_AUTH: " in error.stderr


def test_credentials_that_others_may_read_are_2_with_the_chmod(agent, start_agent):
    agent.stop()
    file = agent.places.credentials_file
    file.chmod(0o644)
    error = failure(start_agent, home=agent.home)
    assert error.code == 2
    assert f"  hint: chmod 600 {file}" in error.stderr


def test_a_port_in_use_is_told(start_agent):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        error = failure(start_agent, "--endpoint", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert error.code == 1
    assert "another program is listening on this port" in error.stderr


def test_a_home_that_is_no_folder_is_told(tmp_path, start_agent):
    (tmp_path / "file").write_text("")
    error = failure(start_agent, env={"S3D_LOCAL_DIR": str(tmp_path / "file" / "home")})
    assert error.code == 1
    assert error.stderr.startswith("s3d: ")


def test_an_ephemeral_agent_says_how_to_reach_it(tmp_path):
    env = environment(tmp_path / "home", TMPDIR=str(tmp_path))
    with subprocess.Popen(
        [*S3D, "run", "--ephemeral"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().decode() for _ in range(7)]
        assert lines[1].endswith("(temporary)\n")
        (export,) = [line.strip() for line in lines if "S3D_SOCKET" in line]
        socket_path = export.removeprefix("export S3D_SOCKET=")
        s3d = Commands(tmp_path, env | {"S3D_SOCKET": socket_path})
        assert s3d("mb", "demo").code == 0
        assert s3d("put", "demo/k", stdin=b"x").code == 0
        process.send_signal(signal.SIGTERM)
        process.wait()
    assert not Path(socket_path).exists()
    assert not (tmp_path / "home" / "data" / "store").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_no_secret_in_the_arguments_or_the_log(start_agent):
    agent = start_agent("--log-level", "debug")
    secret = agent.key[1]
    assert secret.encode() not in Path(f"/proc/{agent.process.pid}/cmdline").read_bytes()
    client = agent.s3()
    client.create_bucket(Bucket="demo")
    client.close()
    agent.stop()
    assert secret not in agent.stderr
    assert "Signature=" not in agent.stderr


def test_files_are_the_owner_s_only(agent):
    agent.objects.create_bucket("demo")
    modes = {}
    for folder, _, files in os.walk(agent.home):
        for path in [Path(folder), *(Path(folder) / name for name in files)]:
            modes[str(path)] = path.lstat().st_mode & 0o077
    del modes[str(agent.home / "stderr")]
    assert {path: oct(mode) for path, mode in modes.items() if mode} == {}
