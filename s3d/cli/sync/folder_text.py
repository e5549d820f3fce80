"""How a sync folder and its plan are shown, and which folder an argument names."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from s3d.cli.client.sync_client import SyncClient
from s3d.shared.errors import NotFoundError, UsageError
from s3d.shared.syncing import FolderStatus, SyncPlan
from s3d.shared.text import age, count, safe, size

ACTIONS = {
    "upload": "to upload",
    "download": "to download",
    "delete-local": "to delete here (kept in the trash for 30 days)",
    "delete-remote": "to delete in the bucket",
    "compare": "on both sides, to compare; s3d keeps both versions of files that differ",
    "move": "to rename",
    "block": "that cannot be synced",
    "leave": "that no bucket can hold (links, devices): left out",
    "keep": "that differ, and stay as they are in this mode",
}
"""Action of a plan -> the words after the number of paths."""
REMOTE_SOURCES = {
    "marker": "the marker .s3d/changes, and a listing every hour",
    "queue": "events of a queue, and a listing every hour",
    "webhook": "events of the webhook, and a listing every hour",
    "": "listings only",
}
"""What reports changes at the remote -> how it is shown."""
SHOWN = 20
"""Paths of a plan that are printed, unless the user asks for all."""


def folder_name(client: SyncClient, folder: str | None) -> str:
    """The name of the folder that an argument names, or of the only one. Raises S3dError."""
    known = client.folders()
    if folder is None:
        if len(known) == 1:
            return known[0].name
        hint = "s3d sync ls lists them" if known else "s3d sync add PATH BUCKET/PREFIX adds one"
        why = "there is none" if not known else f"which one of {len(known)}?"
        raise UsageError("sync folder", why, hint)
    names = {status.name for status in known}
    if folder in names:
        return folder
    path = os.path.abspath(os.path.expanduser(folder))
    for status in known:
        if Path(path).is_relative_to(status.path):
            return status.name
    raise NotFoundError("there is no such sync folder", folder, "s3d sync ls lists them")


def evicted_path(client: SyncClient, argument: str | None) -> tuple[str, str]:
    """The name of a sync folder, and the path in it that an argument names: "" for the folder.

    A path of a folder ends with a slash. An evicted file does not exist, so a path without a file
    is that of a file, unless it is a folder or is written with a slash. Raises S3dError.
    """
    name = folder_name(client, argument)
    if argument is None or argument == name:
        return name, ""
    path = Path(os.path.abspath(os.path.expanduser(argument)))
    inside = path.relative_to(client.folder(name).path).as_posix()
    if inside == ".":
        return name, ""
    return name, f"{inside}/" if argument.endswith("/") or path.is_dir() else inside


def folder_row(folder: FolderStatus) -> str:
    """One line of s3d sync ls."""
    place = f"{folder.bucket}/{folder.prefix}"
    state = folder.state + (f": {folder.reason}" if folder.reason else "")
    amount = f"{count(folder.files, 'file')}, {size(folder.size)}"
    return safe(f"{folder.name:16} {folder.path} = {place}  {folder.mode}, {amount}, {state}")


def _kinds(status: FolderStatus) -> str:
    """How many of the paths that are not in sync failed, and how many have no room."""
    kinds = {"failed": status.blocked, "skipped: no room": status.skipped}
    shown = [f"{number:,} {kind}" for kind, number in kinds.items() if number]
    return f": {', '.join(shown)}" if shown else ""


def folder_fields(status: FolderStatus) -> list[tuple[str, str]]:
    """The fields of s3d sync status."""
    state = status.state + (f": {status.reason}" if status.reason else "")
    if status.state == "syncing" and status.todo:
        state += f" {status.done:,} of {status.todo:,}"
    seen = age(time.time() - status.last_pass) + " ago" if status.last_pass else "not yet"
    rows = [
        ("folder", status.path),
        ("bucket", f"{status.bucket}/{status.prefix}"),
        ("mode", status.mode),
        ("state", state),
        ("files", f"{status.files:,}, {size(status.size)}"),
        ("in sync", seen),
        ("changes", status.watch or "not watched yet"),
    ]
    if status.evicted:
        rows.append(("evicted", f"{count(status.evicted, 'file')}: s3d sync restore PATH"))
    rows += remote_fields(status)
    if status.filter:
        rows.append(("filter", status.filter.replace("\n", "; ")))
    if status.conflicts:
        rows.append(("conflicts", f"{status.conflicts}: s3d sync conflicts {status.name}"))
    if status.question:
        rows.append(("decide", f"s3d sync approve {status.name}, or s3d sync restore"))
    if status.failed:
        rows.append(("not in sync", f"{count(status.failed, 'path')}{_kinds(status)}"))
    if status.left_as_is:
        rows.append(("kept", f"{count(status.left_as_is, 'path')}: differ, as the mode allows"))
    if status.left_out:
        rows.append(("left out", f"{count(status.left_out, 'path')}: links and devices"))
    return [(name, safe(value)) for name, value in rows]


def remote_fields(status: FolderStatus) -> list[tuple[str, str]]:
    """How changes at the remote are noticed, and what that costs; empty without a remote."""
    if status.monthly_cost is None:
        return []
    cost = status.monthly_cost
    amount = f"about {cost:.2f}" if cost >= 0.005 else "less than 0.01"
    trouble = f"; {status.remote_trouble}" if status.remote_trouble else ""
    return [
        ("remote", safe(REMOTE_SOURCES.get(status.remote, status.remote) + trouble)),
        ("cost", f"{amount} $ a month at AWS prices, to look for changes"),
    ]


def show_plan(plan: SyncPlan, most: int) -> None:
    """Print the totals of a plan, and its first paths."""
    for action, number in sorted(plan.counts.items()):
        total = {"upload": plan.upload_size, "download": plan.download_size}.get(action)
        amount = f", {size(total)}" if total else ""
        click.echo(f"  {count(number, 'path')}{amount} {ACTIONS.get(action, action)}")
    for step in plan.steps[:most]:
        reason = f": {safe(step.reason)}" if step.reason else ""
        click.echo(f"    {step.action:13} {safe(step.path)}{reason}")
    if sum(plan.counts.values()) > most and plan.steps:
        click.echo(f"    and {count(sum(plan.counts.values()) - most, 'other')}")
    if plan.doubt:
        click.echo(f"  s3d would stop and ask first: {plan.doubt}")
