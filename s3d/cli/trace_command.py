"""s3d trace: the life of one object here, from the client's write to its arrival at the remote."""

from __future__ import annotations

from urllib.parse import quote

import click

from s3d.cli.client.control_client import path_of
from s3d.cli.output import json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.control import Scalar
from s3d.shared.diagnostics import ObjectEvent, ObjectLife
from s3d.shared.errors import NotFoundError, NotRunningError
from s3d.shared.text import moment, safe, size

_HIDDEN = ("seq", "operation", "size", "until")
"""Fields that the text shows in another way, or not at all."""


@click.command("trace")
@target_argument(Names.OBJECT)
@json_option
@socket_option
@pass_session
def trace_command(session: Session, /, target: Target, *, as_json: bool) -> None:
    """Print what has happened to an object here: accepted, pushed, cached, evicted.

    Each line has the time, the event, and the ids of the request and of its trace. Requests
    that belong together name each other: the push of a write has the write number that the client's
    request got. The record survives a restart. It is bounded, so it does not go back forever.
    When no agent runs, the lines come from the state folder of the remote that was used last.

    \b
    Examples:
      s3d trace photos/2026/a.jpg
      s3d trace photos/2026/a.jpg --json
    """
    try:
        path = path_of(f"/v1/buckets/{quote(target.bucket, '')}/object:trace", key=target.key)
        events = session.client().request("GET", path, ObjectLife).events
    except NotRunningError as error:
        events = _events_at_rest(session, target, error)
    if not events:
        raise NotFoundError("nothing is recorded about this object", str(target))
    for event in events:
        if as_json:
            json_line(event)
        else:
            click.echo(_row(event))


def _events_at_rest(session: Session, target: Target, error: NotRunningError) -> list[ObjectEvent]:
    """Read the files of an agent that does not run. Raises error when there are none."""
    from s3d.agent.app.tracing import history_at_rest

    history = history_at_rest(session.load()[1], target.bucket, target.key)
    if history is None:
        raise error
    click.echo(f"{error}: these lines are from {history.file}, of {history.remote}", err=True)
    return history.events


def _row(event: ObjectEvent) -> str:
    seconds, thousandths = divmod(round(event.at * 1000), 1000)
    parts = [f"{moment(seconds)}.{thousandths:03}", f"{event.event:11}", *_details(event)]
    return "  ".join(parts).rstrip()


def _details(event: ObjectEvent) -> list[str]:
    data, details = event.data, []
    if "operation" in data:
        held = data.get("size")
        length = f" {size(held)}" if isinstance(held, int) and held else ""
        staged = " staged" if length and event.event == "accepted" else ""
        details.append(f"{data['operation']}{length}{staged}")
    if "seq" in data:
        details.append(f"write={data['seq']}")
    fields: dict[str, Scalar] = {
        "request": event.request_id,
        "trace": event.trace_id,
        **{name: value for name, value in data.items() if name not in _HIDDEN},
    }
    details += [f"{name}={safe(str(value))}" for name, value in fields.items() if value != ""]
    return details
