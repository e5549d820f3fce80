import errno
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

import click
import pytest

from s3d import __version__
from s3d.cli import main
from s3d.cli.main import COMMANDS, OS_ERRORS, cli, execute
from s3d.shared.errors import DeniedError, FullError, NotFoundError, S3dError
from tests.cli.conftest import S3D
from tests.user_guide import GUIDE

HEAVY = {
    "json",
    "asyncio",
    "aiohttp",
    "botocore",
    "aioboto3",
    "boto3",
    "textual",
    "rich",
    "uvloop",
}
SLOW = {"dataclasses", "difflib", "email.utils", "http.client", "logging", "tomllib"}
"""Modules that take a millisecond or more each, and that `s3d status` can do without."""
SETTINGS = ("s3d.shared.config", "s3d.shared.filters")
"""Modules that a command needs only when there are settings to check."""
BUDGET = 0.150
"""Seconds of CPU, all of Python's own start-up among them."""

SEE_MODULES = """
import atexit, sys
atexit.register(lambda: print("MODULES", *sys.modules, file=sys.stderr))
from s3d.cli.main import main
sys.argv = ["s3d", *sys.argv[1:]]
main()
"""


def modules_of(env: dict[str, str], *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SEE_MODULES, *arguments], env=env, capture_output=True, text=True
    )
    return set(done.stderr.rpartition("MODULES")[2].split())


def cpu_of(command: list[str], env: dict[str, str]) -> float:
    """Seconds of CPU, the best of a few runs: what is more was other work of the machine."""
    best = 60.0
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=env, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best, used)
    return best


@pytest.mark.parametrize("arguments", [("--help",), ("status",), ("ls",), ("run", "--help")])
def test_start_imports_nothing_heavy(alone, arguments):
    modules = modules_of(alone.env, *arguments)
    assert "s3d.cli.main" in modules
    assert not modules & HEAVY


@pytest.mark.parametrize("arguments", [("status",), ("ls",), ("queue", "ls")])
def test_finding_the_agent_imports_no_settings(alone, arguments):
    env = {name: value for name, value in alone.env.items() if name != "S3D_ENDPOINT"}
    modules = modules_of(env, *arguments)
    assert "s3d.shared.socket_path" in modules
    assert not {name for name in modules if name.startswith(SETTINGS)}
    assert not modules & SLOW


def test_checking_the_settings_imports_nothing_slow(alone):
    modules = modules_of(alone.env, "status")
    assert "s3d.shared.config.schema" in modules
    assert not modules & (SLOW | {"s3d.shared.filters.parser"})


def test_help_imports_no_command(alone):
    ours = {name for name in modules_of(alone.env, "--help") if name.startswith("s3d.")}
    loaded = {f"s3d.cli.{module}" for module, _ in COMMANDS.values()} & ours
    assert not loaded
    assert "msgspec" not in ours


@pytest.mark.parametrize("arguments", [("--help",), ("status",)])
def test_start_is_quick(serving, arguments):
    command = [*S3D, *arguments]
    subprocess.run(command, env=serving.env, capture_output=True)  # writes the bytecode
    bare = cpu_of([sys.executable, "-c", "pass"], serving.env)
    budget = max(BUDGET, 12 * bare)  # a busy machine is no fault of ours
    assert cpu_of(command, serving.env) < budget


def test_the_status_takes_at_most_four_times_as_long_as_bare_python(serving):
    env = {name: serving.env[name] for name in ("HOME", "S3D_LOCAL_DIR")}
    command = [*S3D, "status"]
    assert b"endpoint" in subprocess.run(command, env=env, capture_output=True).stdout
    assert cpu_of(command, env) <= 4 * cpu_of([sys.executable, "-c", "pass"], env)


def test_version(alone):
    assert alone("--version").out == f"s3d {__version__}\n"


def test_help_and_version_are_also_words(alone):
    assert alone("version").out == alone("--version").out
    assert alone("help") == alone("--help")
    assert alone("help", "sync", "add").out.startswith("Usage: s3d sync add ")


def test_without_a_command_the_help_is_shown(alone):
    result = alone()
    assert result.code == 0
    assert all(f"  {name} " in result.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help_with_an_example(name):
    import click

    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    text = command.get_help(click.Context(command, info_name=name, parent=click.Context(cli)))
    assert "Example" in text
    assert f"s3d {name}" in text


def test_the_user_guide_has_each_command_in_its_table():
    table = GUIDE.partition("\n# Command line\n")[2].partition("Every command has")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(?:s3d )?([a-z]+)", row)}
    assert [name for name in COMMANDS if name not in named] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summaries_of_a_group_are_whole_sentences(name):
    command = cli.get_command(None, name)
    if isinstance(command, click.Group):
        listed = command.get_help(click.Context(command, info_name=name)).partition("Commands:")[2]
        assert "..." not in listed


@pytest.mark.parametrize("option", ["--profile", "--region", "--endpoint-url"])
def test_options_of_aws_that_mean_nothing_here_say_so(capsys, option):
    assert execute(["mb", "s3://photos", option, "x"]) == 2
    assert "leave it out: the agent has endpoint, region and" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lss"], "s3d: no such command 'lss'"),
        (["ls", "--jsn"], "s3d: no such option '--jsn'"),
        (["get"], "s3d: missing argument 'BUCKET/KEY'"),
        (["completion", "tcsh"], "s3d: invalid value for '{bash|zsh|fish}'"),
        (["put", "b/k", "f", "more"], "s3d: got unexpected extra argument (more)"),
        (["--socket"], "s3d: option '--socket' requires an argument"),
    ],
)
def test_bad_usage_is_a_line_a_hint_and_exit_code_2(capsys, arguments, message):
    assert execute(arguments) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first.startswith(message)
    assert hint.startswith("  hint: ")
    assert hint.endswith("--help")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, NotFoundError),
        (errno.EACCES, DeniedError),
        (errno.ENOSPC, FullError),
        (errno.EISDIR, S3dError),
    ],
)
def test_an_error_of_the_system_has_its_exit_code(monkeypatch, capsys, number, kind):
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/some/\x1b[2Jfile")

    monkeypatch.setattr(cli, "main", fail)
    assert execute([]) == kind.exit_code
    assert capsys.readouterr().err == f"s3d: /some/␛[2Jfile: {os.strerror(number)}\n"
    assert OS_ERRORS.get(number, S3dError) is kind


def test_a_bug_is_one_line_and_the_traceback_for_those_who_ask(monkeypatch, capsys):
    monkeypatch.delenv("S3D_LOG_LEVEL", raising=False)
    error = KeyError("oops")
    main._unexpected(KeyError, error, None)
    text = capsys.readouterr().err
    assert text.startswith("s3d: internal error: KeyError: 'oops'\n  hint: ")
    monkeypatch.setenv("S3D_LOG_LEVEL", "debug")
    main._unexpected(KeyError, error, None)
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


def test_ctrl_c_while_it_starts_is_130_without_a_word_about_it(tmp_path):
    """While its modules are imported, of which click is the first large one."""
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"}
    done = subprocess.run([*S3D, "status"], env=env, cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_half_file(s3d, store, number):
    target = store("k", os.urandom(32 << 20))
    command = subprocess.Popen(
        [*S3D, "get", target, "out"], env=s3d.env, cwd=s3d.home, stderr=subprocess.PIPE
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


def test_a_group_without_a_command_shows_its_help(capsys):
    assert execute(["config"]) == 2
    assert "\n  check  " in capsys.readouterr().err


def test_json_of_an_agent_is_one_line(s3d):
    assert json.loads(s3d("status", "--json").out)["version"] == __version__
    assert time.time() - json.loads(s3d("status", "--json").out)["started"] < 600
