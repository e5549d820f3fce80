"""The engine, on a struct of its own with a section, as later features add them."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from s3d.shared.config.rules import (
    ENV,
    FILE,
    FLAG,
    ConfigError,
    Problem,
    Rule,
    collect,
    fill,
    settings_of,
)
from s3d.shared.config.validators import parse_bool, parse_text
from s3d.shared.config.values import Secret
from s3d.shared.text import parse_size


class Queue(msgspec.Struct, frozen=True):
    enabled: Annotated[bool, Rule("On or off", parse_bool)] = True
    max_size: Annotated[int, Rule("Bytes", parse_size)] = 10


class Sample(msgspec.Struct, frozen=True):
    region: Annotated[str, Rule("A text", parse_text)] = "r"
    names: Annotated[
        tuple[str, ...], Rule("Names", lambda t: tuple(t.split(",")), "--name", many=True)
    ] = ()
    key: Annotated[
        Secret | None, Rule("Hidden", parse_size, secret=True, sources=frozenset({FILE, ENV}))
    ] = None
    once: Annotated[bool, Rule("For this run", parse_bool, sources=frozenset({FLAG}))] = False
    queue: Queue = Queue()
    note: str = "not a setting"


SETTINGS = settings_of(Sample)


def loaded(tmp_path: Path, toml: str = "", env=None, flags=None):
    file = tmp_path / "c.toml"
    file.write_text(toml)
    given, problems = collect(SETTINGS, file, env or {}, flags or {})
    return fill(Sample, given, problems), [str(p).replace(str(tmp_path), "") for p in problems]


def test_names_follow_one_rule_both_ways():
    assert {name: (s.env, s.flag) for name, s in SETTINGS.items()} == {
        "region": ("S3D_REGION", "--region"),
        "names": ("S3D_NAMES", "--name"),
        "key": ("S3D_KEY", "--key"),
        "once": ("S3D_ONCE", "--once"),
        "queue.enabled": ("S3D_QUEUE", "--queue"),
        "queue.max_size": ("S3D_QUEUE_MAX_SIZE", "--queue-max-size"),
    }


def test_defaults_without_any_source(tmp_path):
    assert loaded(tmp_path) == (Sample(), [])


def test_a_flag_beats_the_environment_beats_the_file(tmp_path):
    toml = 'region = "file"\n[queue]\nmax_size = "1K"\nenabled = false'
    env = {"S3D_REGION": "env", "S3D_QUEUE_MAX_SIZE": "2K", "OTHER": "x"}
    sample, problems = loaded(tmp_path, toml, env, {"region": "flag"})
    assert not problems
    assert sample == Sample(region="flag", queue=Queue(enabled=False, max_size=2048))


def test_an_empty_variable_is_as_good_as_none(tmp_path):
    assert loaded(tmp_path, 'region = "file"', {"S3D_REGION": ""})[0].region == "file"


def test_a_list_is_written_as_a_list_or_with_commas(tmp_path):
    assert loaded(tmp_path, 'names = ["a", "b"]')[0].names == ("a", "b")
    assert loaded(tmp_path, 'names = "a,b"')[0].names == ("a", "b")


def test_numbers_and_booleans_of_toml_are_read_as_text_is(tmp_path):
    sample, problems = loaded(tmp_path, "[queue]\nmax_size = 7\nenabled = true")
    assert (sample.queue, problems) == (Queue(True, 7), [])


def test_all_problems_come_at_once_with_their_place(tmp_path):
    toml = """\
regoin = "x"
once = true
names = [1]
[queue]
max_size = "big"
maxsize = 3
[nothing]
at = 1
"""
    env = {"S3D_QUEU": "off", "S3D_ONCE": "1", "S3D_QUEUE": "maybe"}
    _, problems = loaded(tmp_path, toml, env)
    size = "not a size: write a number with a unit, such as 512MiB or 10GiB"
    assert sorted(problems) == [
        "/c.toml:1: regoin: unknown setting; did you mean region?",
        "/c.toml:2: once: cannot be set in the file; use --once",
        "/c.toml:3: names: must be a list of texts",
        f"/c.toml:5: queue.max_size: 'big': {size}",
        "/c.toml:6: queue.maxsize: unknown setting; did you mean queue.max_size?",
        "/c.toml:8: nothing.at: unknown setting",
        "S3D_ONCE: cannot be set by a variable; use --once",
        "S3D_QUEU: unknown variable; did you mean S3D_QUEUE?",
        "S3D_QUEUE: 'maybe': write true or false",
    ]


@pytest.mark.parametrize("value", ["[]", "{a = 1}", "1979-05-27"])
def test_a_value_of_a_wrong_form_is_a_problem(tmp_path, value):
    assert len(loaded(tmp_path, f"region = {value}")[1]) == 1


def test_a_broken_file_is_one_problem_and_the_rest_is_still_judged(tmp_path):
    _, problems = loaded(tmp_path, "region = ", {"S3D_QUEUE": "x"})
    assert [problem.partition(": ")[0] for problem in problems] == ["/c.toml", "S3D_QUEUE"]


def test_a_bad_secret_is_not_repeated(tmp_path):
    _, (problem,) = loaded(tmp_path, env={"S3D_KEY": "hunter2"})
    assert "hunter2" not in problem
    assert problem.startswith("S3D_KEY: ")


def test_the_crash_points_of_tests_are_no_unknown_variable(tmp_path):
    assert loaded(tmp_path, env={"S3D_FAILPOINT": "x:exit"})[1] == []


SERVICE_VARIABLES = {
    "S3D_SERVICE_HOST": "10.0.0.7",
    "S3D_SERVICE_PORT": "33333",
    "S3D_SERVICE_PORT_S3": "33333",
    "S3D_PORT": "tcp://10.0.0.7:33333",
    "S3D_PORT_33333_TCP": "tcp://10.0.0.7:33333",
    "S3D_PORT_33333_TCP_PROTO": "tcp",
    "S3D_PORT_33333_TCP_PORT": "33333",
    "S3D_PORT_33333_TCP_ADDR": "10.0.0.7",
    "S3D_STORE_SERVICE_HOST": "10.0.0.8",
    "S3D_STORE_PORT": "udp://10.0.0.8:33333",
}
"""https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables"""


def test_what_kubernetes_sets_for_a_service_named_s3d_is_no_unknown_variable(tmp_path):
    assert loaded(tmp_path, env=SERVICE_VARIABLES)[1] == []


@pytest.mark.parametrize("variable", ["S3D_PORT", "S3D_SERVICE", "S3D_HOST", "S3D_PORT_NUMBER"])
def test_a_variable_like_those_of_kubernetes_is_still_unknown(tmp_path, variable):
    _, problems = loaded(tmp_path, env={variable: "33333"})
    assert [problem.partition(";")[0] for problem in problems] == [f"{variable}: unknown variable"]


def test_a_problem_is_safe_for_a_terminal():
    assert str(Problem("a", "f:1", "\x1b[2J")) == "f:1: a: ␛[2J"


def test_the_error_is_of_usage_and_has_all_problems():
    problems = [Problem("a", "f:1", "x"), Problem("b", "S3D_B", "y")]
    error = ConfigError(problems)
    assert error.exit_code == 2
    assert error.problems == tuple(problems)
    assert "f:1: a: x; S3D_B: y" in str(error)
    assert error.remedy
