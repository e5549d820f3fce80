import json
import os
import re
import resource
import subprocess
import sys
import time

import click
import pytest

from s3d import __version__
from s3d.cli.main import COMMANDS, cli, execute
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


def test_ctrl_c_while_it_starts_is_130_without_a_word_about_it(tmp_path):
    """While its modules are imported, of which click is the first large one."""
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"}
    done = subprocess.run([*S3D, "status"], env=env, cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr) == (130, b"")


def test_a_group_without_a_command_shows_its_help(capsys):
    assert execute(["config"]) == 2
    assert "\n  check  " in capsys.readouterr().err


def test_json_of_an_agent_is_one_line(s3d):
    assert json.loads(s3d("status", "--json").out)["version"] == __version__
    assert time.time() - json.loads(s3d("status", "--json").out)["started"] < 600
