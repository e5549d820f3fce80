import io
import os
import sys

import pytest

from s3d.cli import output
from s3d.cli.output import Progress, complain, confirmed, fields, for_each, json_line
from s3d.shared.config.rules import ConfigError, Problem
from s3d.shared.errors import DeniedError, NotFoundError, NotRunningError, S3dError, UsageError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


def terminal_for(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal as stderr. Not a fixture: pytest puts its own stderr back before the test."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return stream


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(output, "time", clock)
    return clock


def test_fields_line_up_and_are_safe(capsys):
    fields([("a", "1"), ("long label", "\x1b[2J"), ("", "more")])
    assert capsys.readouterr().out == "a           1\nlong label  ␛[2J\n            more\n"


def test_json_escapes_controls_by_itself(capsys):
    json_line({"key": "a\n\x1bé"})
    assert capsys.readouterr().out == '{"key":"a\\n\\u001bé"}\n'


def test_an_error_is_a_line_and_its_hint(capsys):
    complain(S3dError("it failed", "b/\x1bk", "try \x07this"))
    assert capsys.readouterr().err == "s3d: it failed: b/␛k\n  hint: try ␇this\n"


def test_an_error_without_a_remedy_has_no_hint(capsys):
    complain(S3dError("it failed"))
    assert capsys.readouterr().err == "s3d: it failed\n"


def test_each_problem_of_a_configuration_has_its_line(capsys):
    complain(ConfigError([Problem("a", "f:1", "x"), Problem("b", "S3D_B", "y")]))
    first, second, hint = capsys.readouterr().err.splitlines()
    assert (first, second) == ("s3d: f:1: a: x", "s3d: S3D_B: y")
    assert hint.startswith("  hint: ")


def test_colour_is_for_terminals_that_want_it(monkeypatch):
    terminal = terminal_for(monkeypatch)
    complain(S3dError("x"))
    assert "\x1b[31m" in terminal.getvalue()
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        terminal.truncate(0)
        terminal.seek(0)
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            complain(S3dError("x"))
        assert "\x1b" not in terminal.getvalue()


def test_progress_is_silent_for_a_second(monkeypatch, clock):
    terminal = terminal_for(monkeypatch)
    progress = Progress("b/k", 100)
    clock.now = 0.9
    progress.add(50)
    progress.close()
    assert terminal.getvalue() == ""


def test_progress_tells_how_far_and_how_fast_and_goes_away(monkeypatch, clock):
    terminal = terminal_for(monkeypatch)
    progress = Progress("b/\x1bk", 64 << 20)
    clock.now = 2.0
    progress.add(32 << 20)
    assert terminal.getvalue() == "\r\x1b[Kb/␛k  50 %  32 MiB of 64 MiB  16 MiB/s"
    progress.close()
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("columns", "shown"), [(80, "b/k  1 MiB  512 KiB/s"), (9, "…2 KiB/s")])
def test_progress_fits_into_the_terminal(monkeypatch, clock, columns, shown):
    terminal = terminal_for(monkeypatch)
    monkeypatch.setattr(terminal, "fileno", lambda: 2)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
    progress = Progress("b/k")
    clock.now = 2.0
    progress.add(1 << 20)
    assert terminal.getvalue().endswith(shown)
    assert len(terminal.getvalue().removeprefix("\r\x1b[K")) < columns


def test_progress_is_not_written_at_every_block(monkeypatch, clock):
    terminal = terminal_for(monkeypatch)
    progress = Progress("b/k")
    clock.now = 2.0
    for _ in range(10):
        progress.add(1)
    assert terminal.getvalue().count("\r") == 1


def test_progress_is_for_terminals(capsys, clock):
    progress = Progress("b/k", 10)
    clock.now = 5.0
    progress.add(5)
    progress.close()
    assert capsys.readouterr().err == ""


def test_each_is_done_and_the_first_failure_gives_the_code(capsys):
    failures = {2: NotFoundError("none"), 3: DeniedError("no")}
    done = []

    def act(number: int) -> None:
        if number in failures:
            raise failures[number]
        done.append(number)

    assert for_each([1, 2, 3, 4], act) == 3
    assert done == [1, 4]
    assert capsys.readouterr().err == "s3d: none\ns3d: no\n"


def test_what_would_fail_for_all_stops_at_once():
    def act(number: int) -> None:
        raise NotRunningError("x")

    with pytest.raises(NotRunningError):
        for_each([1, 2], act)


@pytest.mark.parametrize(
    ("line", "said"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_yes_is_yes(monkeypatch, line, said):
    terminal = terminal_for(monkeypatch)
    monkeypatch.setattr(sys, "stdin", Terminal(line))
    assert confirmed("sure?") is said
    assert "sure? [y/N]" in terminal.getvalue()


def test_without_a_terminal_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError) as caught:
        confirmed("sure?")
    assert "--yes" in caught.value.remedy
