"""s3d logs: what the agent says."""

from __future__ import annotations

import click

from s3d.cli.output import json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.diagnostics import LogLine
from s3d.shared.text import moment, safe

LEVELS = ("info", "warning", "error")
LONGEST = "20"
"""Seconds that one call waits for another line, with -f."""


@click.command("logs")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--level", type=click.Choice(LEVELS), default="info", show_default=True,
              help="This and what is more serious.")  # fmt: skip
@click.option("--source", default="", help="Only those of a source that begins so, as sync.")
@click.option("-n", "--lines", type=click.IntRange(1, 5000), default=50, show_default=True,
              help="The last ones.")  # fmt: skip
@json_option
@socket_option
@pass_session
def logs_command(
    session: Session, /, *, follow: bool, level: str, source: str, lines: int, as_json: bool
) -> None:
    """Print the last lines of the running agent's log; it keeps 5,000.

    \b
    Examples:
      s3d logs --level warning
      s3d logs -f --source sync
    """
    client = session.client()
    found = client.logs(limit=lines, level=level, source=source)
    while True:
        for line in found.lines:
            if as_json:
                json_line(line)
            else:
                click.echo(_row(line))
        if not follow:
            return
        found = client.logs(since=found.seq, limit=5000, level=level, source=source, wait=LONGEST)


def _row(line: LogLine) -> str:
    return f"{moment(line.at)} {line.level:7} {safe(line.source)}: {safe(line.message)}"
