"""s3d mount and s3d umount: buckets as folders, for programs that do not speak S3."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from s3d.cli.output import json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import SCHEME, Names, Target, parse_target
from s3d.shared.config.mount_settings import DEFAULT_DIR
from s3d.shared.errors import UsageError
from s3d.shared.mounting import MountSpec, mount_text, shown_part
from s3d.shared.text import safe

LIST = "ls"


class _Folder(click.Path):
    """A path that is not looked at, as click.Path does: it may be a mount that does not answer."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value


@click.command("mount")
@click.argument("dirs", metavar=f"[DIR | {LIST}]", nargs=-1, type=_Folder())
@click.option("--bucket", "target", metavar=Names.PREFIX.value,
              help="Show only this bucket, or the keys below a prefix of it.")  # fmt: skip
@click.option("--read-only", is_flag=True, help="Refuse every change.")
@click.option(
    "--allow-other", is_flag=True,
    help="Let other users in; needs user_allow_other in /etc/fuse.conf.",
)  # fmt: skip
@json_option
@socket_option
@pass_session
def mount_command(
    session: Session, /, dirs: tuple[str, ...], *, target: str | None, read_only: bool,
    allow_other: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show buckets as folders of a file system, at the empty folder DIR; by default ~/S3.

    The command returns when programs can use it. The agent mounts it again at each start, until s3d
    umount. s3d mount ls lists the mounts, with the writes that wait, failed or conflict.

    \b
    Examples:
      s3d mount
      s3d mount ~/photos --bucket photos/2026 --read-only
      s3d mount ls
      s3d umount ~/photos
    """
    if len(dirs) > 1 or any(each.startswith(SCHEME) for each in dirs):
        raise _places_given(dirs)
    dir = dirs[0] if dirs else DEFAULT_DIR
    if dir == LIST:
        _list(session, as_json=as_json)
        return
    _refuse_macos(session)
    place = Target("") if target is None else parse_target(Names.PREFIX, target)
    spec = MountSpec(
        dir=_absolute(dir),
        bucket=place.bucket,
        prefix=place.key,
        read_only=read_only,
        allow_other=allow_other,
    )
    status = session.mounts().mount(spec)
    if as_json:
        json_line(status)
    else:
        shown = safe(status.dir)
        report(f"mounted {shown_part(status)} at {shown}; s3d umount {shown} ends it")


def _places_given(places: Sequence[str]) -> UsageError:
    """The error for BUCKET DIR, the order of other programs, and for s3://BUCKET alone."""
    bucket, *dirs = sorted(places, key=lambda place: place.startswith(("/", "~", ".")))
    dir = dirs[0] if dirs else "DIR"
    hint = f"for one bucket: s3d mount {safe(dir)} --bucket {safe(bucket)}"
    return UsageError("bad usage", "mount takes one DIR, and no place in S3", hint)


def _list(session: Session, *, as_json: bool) -> None:
    for status in session.mounts().list():
        if as_json:
            json_line(status)
        else:
            click.echo(safe(mount_text(status)))


@click.command("umount")
@click.argument("dir", required=False, type=_Folder())
@click.option("--all", "every", is_flag=True, help="Unmount everything.")
@click.option(
    "--force", is_flag=True,
    help="Even if programs use it: they get errors, but what they wrote is safe.",
)  # fmt: skip
@json_option
@socket_option
@pass_session
def umount_command(
    session: Session, /, dir: str | None, *, every: bool, force: bool, as_json: bool
) -> None:
    """Unmount DIR; without it, the only mount that there is. If programs use it, they are named,
    and it stays.

    \b
    Examples:
      s3d umount
      s3d umount ~/S3
      s3d umount --all --force
    """
    if every and dir is not None:
        raise UsageError("bad usage", "name one DIR, or --all", "s3d mount ls lists the mounts")
    if dir is None and not every:
        dir = _only_mount(session)
    gone = session.mounts().unmount("" if dir is None else _absolute(dir), force=force)
    for status in gone:
        if as_json:
            json_line(status)
        else:
            report(f"unmounted {safe(status.dir)}")


def _only_mount(session: Session) -> str:
    """Raises UsageError unless there is exactly one mount."""
    rows = session.mounts().list()
    mounts = [row for row in rows if row.state == "mounted"] or rows  # others have failed
    if len(mounts) == 1:
        return mounts[0].dir
    shown = ", ".join(safe(each.dir) for each in mounts)
    why = f"there are {len(mounts)} mounts: {shown}" if mounts else "nothing is mounted"
    raise UsageError("bad usage", why, "name one DIR, or --all" if mounts else "s3d mount")


def _absolute(folder: str) -> str:
    """Without looking at the folder, which may be a mount."""
    return os.path.abspath(os.path.expanduser(folder))


def _refuse_macos(session: Session) -> None:
    if sys.platform == "darwin":
        endpoint = session.client().hello().endpoint
        raise UsageError(
            "s3d mount", "macOS is not supported yet", f"use the S3 endpoint, {endpoint}: s3d env"
        )
