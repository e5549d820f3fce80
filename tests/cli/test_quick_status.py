import os
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from s3d.cli import quick_status
from s3d.cli.client import control_client
from s3d.cli.quick_status import print_status
from tests.cli.client.one_answer import OneAnswer

AT_START = """
import sys
from s3d.__main__ import main
sys.argv = ["s3d", "status"]
try:
    main()
finally:
    print("click" in sys.modules or "msgspec" in sys.modules, file=sys.stderr)
"""


def test_it_prints_the_same_as_the_full_command(s3d, plain, capfd):
    assert print_status(plain)
    quick, full = capfd.readouterr().out.splitlines(), s3d("status").out.splitlines()
    assert quick[0].partition("running")[0] == full[0].partition("running")[0]  # its age grows
    assert quick[1:4] == full[1:4]


def test_it_imports_neither_click_nor_msgspec(plain):
    done = subprocess.run(
        [sys.executable, "-c", AT_START], env=plain, capture_output=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, b"False\n")
    assert done.stdout.startswith(b"agent ")


def test_without_an_agent_the_full_command_has_to(tmp_path, capfd):
    assert not print_status({"S3D_LOCAL_DIR": str(tmp_path)})
    assert capfd.readouterr() == ("", "")


def test_with_other_settings_the_full_command_has_to(plain, capfd):
    assert not print_status(plain | {"S3D_REGION": "here"})
    assert capfd.readouterr() == ("", "")


def test_an_agent_that_hangs_is_left_to_the_full_command_soon(tmp_path, monkeypatch):
    """Which waits for it itself, and says that it does not answer."""
    assert quick_status.TIMEOUT <= control_client.TIMEOUT / 10
    monkeypatch.setattr(quick_status, "TIMEOUT", 0.05)
    with closing(socket.socket(socket.AF_UNIX)) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        assert not print_status({"HOME": str(tmp_path), "S3D_SOCKET": str(tmp_path / "silent")})


@pytest.fixture
def plain(serving):
    """An environment in which only the folder of the agent is set."""
    return {"HOME": serving.env["HOME"], "S3D_LOCAL_DIR": serving.env["S3D_LOCAL_DIR"]}


@pytest.mark.parametrize("socket", ["x" * 200, "~nobody-of-that-name/x"])
def test_a_bad_path_of_the_socket_is_left_to_the_full_command(tmp_path, socket):
    assert not print_status({"S3D_LOCAL_DIR": str(tmp_path), "S3D_SOCKET": socket})


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n!",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nagent",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n\xff",
    ],
)
def test_any_other_answer_is_left_to_the_full_command(tmp_path, capfd, answer):
    """An older agent knows no text, and anything may listen on a socket."""
    path = tmp_path / "agent.sock"
    with OneAnswer(path, answer):
        assert not print_status({"S3D_LOCAL_DIR": str(tmp_path), "S3D_SOCKET": str(path)})
    assert capfd.readouterr() == ("", "")


def status_into(stdout, env):
    """s3d status with this stdout."""
    command = [sys.executable, "-m", "s3d", "status"]
    return subprocess.run(command, env=env, stdout=stdout, stderr=subprocess.PIPE, timeout=30)


def test_a_full_disk_is_reported(plain):
    with open("/dev/full", "wb") as full:
        done = status_into(full, plain)
    assert (done.returncode, b"No space left" in done.stderr) == (7, True)


def test_a_reader_that_has_enough_is_no_error(plain):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = status_into(stdout, plain)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_stdout_is_no_error(plain):
    command = [sys.executable, "-m", "s3d", "status"]
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    done = subprocess.run(shell, env=plain, stderr=subprocess.PIPE, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")


def test_other_commands_report_a_full_disk_once(plain):
    """Python flushes stdout again at its exit, with an exit code of its own."""
    with open("/dev/full", "wb") as full:
        done = status_into(full, plain | {"S3D_REGION": "here"})
    assert (done.returncode, done.stderr.count(b"No space left")) == (7, 1)
