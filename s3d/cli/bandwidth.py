"""s3d bandwidth: how fast the queue may push."""

from __future__ import annotations

import click

from s3d.cli.output import fields, json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.config.values import parse_timetable
from s3d.shared.errors import UsageError
from s3d.shared.text import size


@click.command("bandwidth")
@click.argument("timetable", required=False)
@json_option
@socket_option
@pass_session
def bandwidth_command(session: Session, /, timetable: str | None, *, as_json: bool) -> None:
    """Show how fast writes go to the remote, or limit it until the agent's next start.

    TIMETABLE is a rate in bytes a second, rates by the time of the day, or off. For good:
    S3D_WRITE_QUEUE_BANDWIDTH.

    \b
    Examples:
      s3d bandwidth
      s3d bandwidth 2MiB
      s3d bandwidth "08:00 512KiB, 18:00 off"
    """
    client = session.queue()
    if timetable is None:
        answer = client.bandwidth()
    else:
        try:
            parse_timetable(timetable)
        except ValueError as error:
            raise UsageError("bad usage", f"{timetable!r}: {error}") from error
        answer = client.set_bandwidth(timetable)
    if as_json:
        json_line(answer)
        return
    limit = "none" if answer.limit is None else f"{size(answer.limit)}/s"
    rows = [("limit now", limit), ("pushing", f"{size(int(answer.rate))}/s")]
    fields([("timetable", answer.timetable), *rows])
