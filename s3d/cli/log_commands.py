"""s3d logs: read the log of the agent that runs, or of one that does not run any more."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click

from s3d.cli.log_reader import LogFile, last_lines, new_lines
from s3d.cli.output import json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.diagnostics import LogLine
from s3d.shared.errors import NotFoundError, NotRunningError, S3dError, UsageError
from s3d.shared.logs import LEVELS, message_text
from s3d.shared.paths import access_log_path
from s3d.shared.text import moment, safe

LONG_POLL = "20"
"""Seconds that one request waits for another line, with -f."""
MAX_LINES = 5000


@click.command("logs")
@click.option("-f", "--follow", is_flag=True, help="Print new lines as they arrive, until Ctrl-C.")
@click.option("--level", type=click.Choice(tuple(LEVELS)), default="info", show_default=True,
              help="Lines of at least this level. debug reads the file.")  # fmt: skip
@click.option(
    "--source", default="", help="Only lines from sources with this prefix, such as sync."
)
@click.option("-n", "--lines", type=click.IntRange(1, MAX_LINES), default=50, show_default=True,
              help="How many lines.")  # fmt: skip
@click.option("--file", "from_file", is_flag=True,
              help="Read the log file, with the lines of earlier runs.")  # fmt: skip
@click.option("--access", is_flag=True, help="Print the access log instead (S3D_ACCESS_LOG).")
@json_option
@socket_option
@pass_session
def logs_command(
    session: Session,
    /,
    *,
    follow: bool,
    level: str,
    source: str,
    lines: int,
    from_file: bool,
    access: bool,
    as_json: bool,
) -> None:
    """Print the last lines of the agent's log.

    A running agent has the last 5,000 lines since its start. When none runs, or with --file, they
    come from the log file, which survives a crash and has the lines of earlier runs too.

    \b
    Examples:
      s3d logs --level warning
      s3d logs -f --source sync
      s3d logs --file -n 500
      s3d logs --access -f
    """
    if access:
        if as_json or source or level != "info":
            raise UsageError("--access has no other options than -n and -f", "", "leave them out")
        _print_access_log(session, lines, follow=follow)
        return
    for line in _lines(session, level, source, lines, follow=follow, from_file=from_file):
        if as_json:
            json_line(line)
        else:
            click.echo(_row(line))


def _lines(
    session: Session, level: str, source: str, count: int, *, follow: bool, from_file: bool
) -> Iterator[LogLine]:
    """From the agent; from the file when it does not run, or when the file is asked for."""
    newest = 0.0
    if not from_file and level != "debug":
        try:
            for line in _lines_of_agent(session, level, source, count, follow=follow):
                newest = line.at
                yield line
        except S3dError as error:
            path = session.load()[1].log_file
            if not (path.exists() and _is_gone(session, error)):
                raise
            click.echo(f"{error}: these lines are from {path}", err=True)
        else:
            return
    file = LogFile(session.load()[1].log_file, level=level, source=source)
    new = file.follow() if follow else iter(())
    try:
        yield from (line for line in file.last(count) if line.at > newest)
    except FileNotFoundError as error:
        raise NotFoundError("there is no log yet", str(file.path), "start an agent") from error
    yield from new


def _is_gone(session: Session, error: S3dError) -> bool:
    """Whether no agent runs. Another error may be how the end of one shows."""
    if isinstance(error, NotRunningError):
        return True
    try:
        session.client().hello()
    except NotRunningError:
        return True
    except S3dError:
        pass
    return False


def _lines_of_agent(
    session: Session, level: str, source: str, count: int, *, follow: bool
) -> Iterator[LogLine]:
    client = session.client()
    answer = client.logs(limit=count, level=level, source=source)
    yield from answer.lines
    while follow:
        answer = client.logs(
            since=answer.seq, limit=MAX_LINES, level=level, source=source, wait=LONG_POLL
        )
        yield from answer.lines


def _print_access_log(session: Session, count: int, *, follow: bool) -> None:
    config, places = session.load()
    path: Path = access_log_path(config, places) or places.access_log_file
    new = new_lines(path) if follow else iter(())
    try:
        rows = list(islice(filter(None, last_lines(path)), count))[::-1]
    except FileNotFoundError as error:
        hint = "start the agent with S3D_ACCESS_LOG=on"
        raise NotFoundError("there is no access log", str(path), hint) from error
    for rows_to_print in (rows, new):
        for row in rows_to_print:
            click.echo(safe(row.decode("utf-8", "replace")))


def _row(line: LogLine) -> str:
    text = message_text(line.message, line)
    return f"{moment(line.at)} {line.level:7} {safe(line.source)}: {safe(text)}"
