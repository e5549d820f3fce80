"""What a process of s3d does around its command."""

import errno
import os
import select
import signal
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from s3d.cli import command_process
from s3d.cli.command_process import OS_ERRORS, exit_code_of
from s3d.shared.errors import DeniedError, FullError, NotFoundError, S3dError
from tests.cli.conftest import S3D


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, NotFoundError),
        (errno.EACCES, DeniedError),
        (errno.ENOSPC, FullError),
        (errno.EISDIR, S3dError),
    ],
)
def test_an_error_of_the_system_has_its_exit_code(capsys, number, kind):
    def fail() -> int:
        raise OSError(number, os.strerror(number), "/some/\x1b[2Jfile")

    assert exit_code_of(fail) == kind.exit_code
    assert capsys.readouterr().err == f"s3d: /some/␛[2Jfile: {os.strerror(number)}\n"
    assert OS_ERRORS.get(number, S3dError) is kind


def test_a_bug_is_one_line_and_the_traceback_for_those_who_ask(monkeypatch, capsys):
    monkeypatch.delenv("S3D_LOG_LEVEL", raising=False)
    error = KeyError("oops")
    command_process._unexpected(KeyError, error, None)
    text = capsys.readouterr().err
    assert text.startswith("s3d: internal error: KeyError: 'oops'\n  hint: ")
    monkeypatch.setenv("S3D_LOG_LEVEL", "debug")
    command_process._unexpected(KeyError, error, None)
    assert "KeyError: 'oops'\ns3d: internal error" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_news(s3d, store):
    for number in range(3):
        target = store(f"{number}-" + "x" * 900)
    bucket = target.partition("/")[0]
    command = subprocess.Popen(
        [*S3D, "ls", "-r", bucket], env=s3d.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    assert command.stderr.read() == b""
    command.stderr.close()
    assert command.wait() == 0


def test_ctrl_c_is_130_without_a_word_about_it(s3d, bucket):
    """While put waits for its stdin."""
    command = subprocess.Popen(
        [*S3D, "put", f"{bucket}/k", "--json"],
        env=s3d.env,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert command.stdin is not None
    command.stdin.write(b"x" * 10_000_000)  # it reads, so it is past its start
    command.stdin.flush()
    command.send_signal(signal.SIGINT)
    _, err = command.communicate()
    assert command.returncode == 130
    assert b"Traceback" not in err
    assert s3d("status", f"{bucket}/k").code == 3


class HalfAnswers:
    """A socket before that of an agent, which passes on the first MiB of each answer."""

    def __init__(self, path: Path, agent: Path) -> None:
        self._agent = agent
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client = self._listener.accept()[0]
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        left = 1 << 20
        with client, socket.socket(socket.AF_UNIX) as agent, suppress(OSError):
            agent.connect(str(self._agent))
            while True:
                ready, _, _ = select.select([client, agent] if left else [client], [], [])
                source, other = (client, agent) if client in ready else (agent, client)
                block = source.recv(left if source is agent else 65536)
                if not block:
                    return
                other.sendall(block)
                left -= len(block) if source is agent else 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_half_file(s3d, serving, store, tmp_path_factory, number):
    target = store("k", os.urandom(32 << 20))
    path = tmp_path_factory.mktemp("half") / "s"
    HalfAnswers(path, serving.places.socket)
    command = subprocess.Popen(
        [*S3D, "get", target, "out", "--socket", str(path)],
        env=s3d.env,
        cwd=s3d.home,
        stderr=subprocess.PIPE,
    )
    assert command.stderr is not None
    assert command.stderr.readline().startswith(b"content-length")  # the file is open by now
    command.send_signal(number)
    command.communicate()
    assert command.returncode == 128 + number
    assert list(s3d.home.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ('"$@" ls >&-', 0),
        ('"$@" ls 2>&-', 0),
        ('"$@" get "$BUCKET/none" 2>&-', 3),
        ('"$@" put "$BUCKET/k" <&-', 1),
    ],
)
def test_closed_streams_are_no_bugs(s3d, bucket, command, code):
    done = subprocess.run(
        ["sh", "-c", command, "sh", *S3D], env=s3d.env | {"BUCKET": bucket}, capture_output=True
    )
    assert done.returncode == code
    assert b"internal error" not in done.stderr
