"""What the commands print: fields, JSON, questions, errors and progress.

Data goes to stdout; progress, questions and errors go to stderr. Control characters become visible.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Sized
from typing import IO, Any, TypeVar

import click

from s3d.shared.errors import NotRunningError, S3dError, UsageError
from s3d.shared.text import in_columns, safe, size

T = TypeVar("T")

RED = "\x1b[31m"
DIM = "\x1b[2m"
_PLAIN = "\x1b[0m"
_CLEAR_LINE = "\r\x1b[K"

PROGRESS_AFTER = 1.0
"""Seconds before the progress is shown."""
PROGRESS_EVERY = 0.2


def fields(rows: Iterable[tuple[str, str]]) -> None:
    """Print labels and values in two columns. An empty label continues the row above."""
    click.echo(in_columns(rows), nl=False)


def json_line(value: Any, *, err: bool = False) -> None:
    """Print a JSON value on one line."""
    import msgspec  # not needed for s3d --help

    click.echo(msgspec.json.encode(value), err=err)


def complain(error: S3dError) -> None:
    """Print an error, or each of its problems, to stderr, and then the hint.

    If a problem quotes a line of the input, it is printed below.
    """
    for line in getattr(error, "problems", (error,)):
        click.echo(f"{_styled('s3d:', RED)} {safe(str(line))}", err=True)
        for quoted in getattr(line, "quoted", ()):
            click.echo(f"  {safe(quoted)}", err=True)
    if error.remedy:
        click.echo(_styled(f"  hint: {safe(error.remedy)}", DIM), err=True)


def report(done: str) -> None:
    """Print what a command has done."""
    click.echo(safe(done))


def note_empty(rows: Sized, text: str, *, as_json: bool) -> None:
    """Say on stderr that a list is empty, so that nobody takes it for a failure."""
    if not rows and not as_json:
        click.echo(safe(text), err=True)


def for_each(targets: Iterable[T], act: Callable[[T], None]) -> int:
    """Act on each target, and report those that fail. Returns the exit code of the first error."""
    code = 0
    for target in targets:
        try:
            act(target)
        except S3dError as error:
            if isinstance(error, NotRunningError):
                raise
            complain(error)
            code = code or error.exit_code
    return code


def confirmed(question: str) -> bool:
    """Ask a question on the terminal. Raises UsageError when there is no terminal."""
    if not sys.stdin.isatty():
        raise UsageError("no terminal to ask on", question, "add --yes to confirm")
    click.echo(f"{safe(question)} [y/N] ", nl=False, err=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class StatusLine:
    """A line on stderr that is updated in place, if stderr is a terminal. Close it at the end."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._shown = False

    def show(self, text: str) -> None:
        if self._on:
            self._shown = True
            sys.stderr.write(_CLEAR_LINE + _fitting(safe(text)))
            sys.stderr.flush()

    def close(self) -> None:
        """Erase the line."""
        if self._shown:
            sys.stderr.write(_CLEAR_LINE)
            sys.stderr.flush()


class Progress:
    """Progress of a data transfer, on stderr if it is a terminal. Close it at the end."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        self._next = self._start + PROGRESS_AFTER
        self._line = StatusLine()

    def add(self, count: int) -> None:
        """Count further bytes."""
        self._done += count
        if (now := time.monotonic()) >= self._next:
            self._next = now + PROGRESS_EVERY
            self._line.show(self._text(now - self._start))

    def close(self) -> None:
        """Erase the line."""
        self._line.close()

    def _text(self, seconds: float) -> str:
        of = f" of {size(self._total)}" if self._total else ""
        part = f" {100 * self._done // self._total:3} %" if self._total else ""
        return f"{self._what}{part}  {size(self._done)}{of}  {size(int(self._done / seconds))}/s"


def _fitting(line: str) -> str:
    """The end of a line that does not fit, because a wrapped line cannot be erased."""
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return line
    return line if len(line) < width or width < 2 else "…" + line[2 - width :]


def _styled(text: str, style: str) -> str:
    return f"{style}{text}{_PLAIN}" if _coloured(sys.stderr) else text


def _coloured(stream: IO[str]) -> bool:
    """https://no-color.org: any value that is not empty turns colours off."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
