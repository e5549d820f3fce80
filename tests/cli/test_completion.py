"""Completion, by real key presses in real shells."""

import fcntl
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from s3d.cli.completion import SHELLS, kept_length

TIMEOUT = 30.0
START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SET_UP = {
    "bash": 'eval "$(s3d completion bash)"; echo READY""DONE',
    "zsh": 'autoload -U compinit; compinit -u -D; eval "$(s3d completion zsh)"; echo READY""DONE',
    "fish": 's3d completion fish | source; echo READY""DONE',
}
TAB, HOME, LINE_END = "\t", "\x01", "\x05"
BREAKS = " \t\n\"'@><=;|&(:"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("s3d get s3://b/p", len("s3:")),
        ("s3d get b/a=b", len("b/a=")),
        (r"s3d get b/a\=b", 0),
        ("s3d get 's3://b/p", 0),
        ("s3d cp s3://b/a\\ b:c", len("s3://b/a b:")),
        ("s3d get s3://b ", 0),
    ],
)
def test_bash_keeps_what_is_before_its_last_break(line, kept):
    assert kept_length(line, BREAKS) == kept


class Terminal:
    """A shell that is typed into."""

    def __init__(self, shell: str, home: Path, env: dict[str, str]) -> None:
        self.ours, theirs = pty.openpty()
        path = f"{Path(sys.executable).parent}:{env['PATH']}"
        self.process = subprocess.Popen(
            START[shell],
            env={**env, "PATH": path, "TERM": "dumb" if shell == "bash" else "xterm",
                 "PS1": "> ", "HOME": str(home)},
            cwd=home, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""
        self.type(SET_UP[shell] + "\r")
        self.until("READYDONE")

    def type(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for a text on the screen."""
        deadline = time.monotonic() + TIMEOUT
        while not (match := re.search(pattern, self.shown, re.DOTALL)):
            left = deadline - time.monotonic()
            assert left > 0, self.shown
            if select.select([self.ours], [], [], left)[0]:
                self.shown += os.read(self.ours, 65536).decode(errors="replace")
        self.shown = ""
        return match

    def words(self, keys: str) -> list[str]:
        """The words of the line after these keys."""
        self.type(f"{keys}{LINE_END} END{HOME}printf '<%s>' BEGIN \r")
        found = self.until(r"<BEGIN><s3d>(.*?)<END>")
        return [word for word in re.split("><|[<>]", found[1]) if word]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture(scope="module", params=SHELLS)
def shell(request, serving, tmp_path_factory):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    home = tmp_path_factory.mktemp("typed")
    (home / "local file.txt").touch()
    terminal = Terminal(request.param, home, serving.env)
    yield terminal
    terminal.close()


@pytest.fixture(scope="module")
def completed(serving):
    """Buckets, objects and a transfer to complete."""
    import io

    serving.objects.create_bucket("completed-bucket")
    for key in ("deep/er/object one.txt", "top", "it's"):
        serving.objects.put("completed-bucket", key, io.BytesIO(b"x"), 1)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (f"s3d get comple{TAB}de{TAB}er/o{TAB}",
         ["get", "completed-bucket/deep/er/object one.txt"]),
        (f"s3d cp loc{TAB}s3://comple{TAB}deep/{TAB}",
         ["cp", "local file.txt", "s3://completed-bucket/deep/er/"]),
        (f"s3d stat completed-bucket/i{TAB}", ["stat", "completed-bucket/it's"]),
    ],
)  # fmt: skip
def test_tab_completes(shell, completed, keys, words):
    assert shell.words(keys) == words


def answer(s3d, line, **env):
    result = s3d(_S3D_COMPLETE="fish_complete", COMP_LINE=f"s3d {line}", **env)
    return [row.split("\t")[:2] for row in result.out.splitlines() if row]


def test_ids_folders_and_keys_are_completed(s3d, store, tmp_path):
    target = store("k")
    id = s3d("cp", "--detach", f"s3://{target}", "d/").out.partition(":")[0]
    assert ["plain", id] in answer(s3d, "transfers show ")
    (tmp_path / "tabbed").mkdir()
    bucket = target.partition("/")[0]
    assert s3d("sync", "add", "tabbed", f"{bucket}/tabbed", "--yes").code == 0
    assert answer(s3d, "sync plan tab") == [["plain", "tabbed"]]
    assert s3d("sync", "rm", "tabbed", "--yes").code == 0
    assert s3d("key", "create", "typed").code == 0
    assert answer(s3d, "key rotate ty") == [["plain", "typed"]]
    assert answer(s3d, "cp s3:") == [["plain", "s3://"], ["file", "s3:"]]
    assert answer(s3d, "get s3") == [["plain", "s3://"]]


def test_without_an_agent_nothing_is_completed_and_nothing_is_printed(alone):
    for line in ("get x", "transfers show ", "sync plan ", "key rotate "):
        assert answer(alone, line) == []


@pytest.mark.parametrize("name", SHELLS)
def test_the_script_is_printed(alone, name):
    assert f"_S3D_COMPLETE={name}_complete" in alone("completion", name).out


def test_zsh_without_compinit_is_set_up_too(serving, tmp_path):
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    path = f"{Path(sys.executable).parent}:{serving.env['PATH']}"
    typed = 'eval "$(s3d completion zsh)"; print -r -- $_comps[s3d]'
    env = serving.env | {"PATH": path, "HOME": str(tmp_path)}
    done = subprocess.run(["zsh", "-f", "-c", typed], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("_s3d_completion\n", "")
