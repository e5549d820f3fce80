"""s3d fleet: the devices that read their settings from the same object.

No device keeps the list: it is made of the heartbeats, which the agent reads from the remote.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from s3d.cli.output import json_line, note_empty
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.fleet import FleetDevice, FleetList
from s3d.shared.text import age, count, safe, size


@click.command("fleet")
@click.option("--bad", is_flag=True, help="Only devices that are silent or have problems.")
@json_option
@socket_option
@pass_session
def fleet_command(session: Session, /, *, bad: bool, as_json: bool) -> None:
    """List the devices with the same S3D_CONFIG_URL.

    Each device writes a heartbeat to the remote every 60 seconds. The list has the age of the last
    one, the pending writes, the version of s3d and the problems of each device. ! marks a device
    without a heartbeat for three minutes.

    \b
    Examples:
      s3d fleet
      s3d fleet --bad --json
    """
    # The agent reads all of them from the remote, so this takes a request for each device.
    found = session.client().request("GET", "/v1/fleet", FleetList)
    shown = [device for device in found.devices if not bad or _is_bad(device)]
    note_empty(shown, _why_none(found.devices), as_json=as_json)
    for device in shown:
        if as_json:
            json_line(device)
            continue
        click.echo(_row(device))
        for problem in device.heartbeat.problems if device.heartbeat is not None else ():
            click.echo(f"    {safe(problem)}")


def _why_none(devices: Sequence[FleetDevice]) -> str:
    """Why no device is listed."""
    if not devices:
        return "no device has written a heartbeat yet"
    return f"none of {count(len(devices), 'device')} is silent or has problems"


def _is_bad(device: FleetDevice) -> bool:
    """Whether somebody should look at a device."""
    return device.is_silent or device.heartbeat is None or bool(device.heartbeat.problems)


def _row(device: FleetDevice) -> str:
    mark = "!" if device.is_silent else " "
    beat = device.heartbeat
    if beat is None:
        return f"{mark} {safe(device.name):32} its heartbeat cannot be read"
    pending = f"{count(beat.pending, 'write')} pending"
    if beat.pending:
        pending += f", {size(beat.pending_size)}"
    seen = f"{age(device.age)} ago"
    return f"{mark} {safe(device.name):32} {seen:>14}  s3d {safe(beat.version)}  {pending}"
