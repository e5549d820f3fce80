"""s3d key: create, list, rotate and revoke the access keys of the agent's clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from s3d.cli.completers import complete_access_key
from s3d.cli.output import fields, json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.access_key import DEFAULT_OWNER, check_name, check_scope
from s3d.shared.access_key_changes import (
    KeyInfo,
    KeyRequest,
    NewKey,
    RotateRequest,
)
from s3d.shared.errors import NotRunningError, UsageError
from s3d.shared.local_access_keys import LocalKeys
from s3d.shared.text import moment, parse_age, safe

if TYPE_CHECKING:
    from s3d.cli.client.access_key_client import AccessKeyClient


@click.group("key")
def key_command() -> None:
    """Access keys for programs, users and tests, each with an owner and a scope of its own.

    The agent need not run; when it does, a change takes effect with the next request.

    \b
    Examples:
      s3d key create ci --bucket builds/nightly/ --expires 30d
      s3d key rotate default
      s3d key revoke ci
    """


@key_command.command("create")
@click.argument("name", default="")
@click.option(
    "--owner",
    default=DEFAULT_OWNER,
    show_default=True,
    help="Account that owns what the key creates.",
)
@click.option(
    "--bucket", "scope", metavar="BUCKET[/PREFIX]", default="", help="Allow nothing else."
)
@click.option("--read-only", is_flag=True, help="Allow no changes.")
@click.option(
    "--expires", metavar="AGE", default="", help="Until when it works, such as 8h or 30d."
)
@json_option
@socket_option
@pass_session
def create_command(
    session: Session, /, *, name: str, owner: str, scope: str, read_only: bool, expires: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Create an access key, and print it with its secret.

    \b
    Examples:
      s3d key create ci --bucket builds/nightly/ --expires 30d
      s3d key create guest --owner guest --read-only --json
      eval "$(s3d env --key ci)"
    """
    bucket, _, prefix = scope.removeprefix("s3://").partition("/")
    if scope and not bucket:
        raise UsageError("bad usage", f"--bucket {scope!r}: write BUCKET or BUCKET/PREFIX")
    if name:
        check_name("key", name)
    check_name("owner", owner)
    check_scope(bucket, prefix)
    lifetime = _seconds("--expires", expires) if expires else None
    request = KeyRequest(name, owner, bucket, prefix, read_only, lifetime)
    _show_new(_keys(session).create(request), as_json=as_json)


@key_command.command("ls")
@json_option
@socket_option
@pass_session
def list_command(session: Session, /, *, as_json: bool) -> None:
    """List the access keys, without their secrets."""
    listed = _keys(session).list_keys()
    if as_json:
        json_line(listed)
        return
    for key in listed.keys:
        click.echo(f"{key.access_key_id}  {safe(key.name):12}  {safe(_description(key))}")


@key_command.command("rotate")
@click.argument("name", shell_complete=complete_access_key)
@click.option(
    "--grace",
    metavar="AGE",
    default="1d",
    show_default=True,
    help="How long the old secret still works; 0 ends it at once.",
)
@click.option("--expires", metavar="AGE", default="", help="Until when the new key works.")
@json_option
@socket_option
@pass_session
def rotate_command(
    session: Session, /, *, name: str, grace: str, expires: str, as_json: bool
) -> None:
    """Give a key a new id and secret, and print them. NAME can be "default".

    \b
    Example:
      s3d key rotate ci --grace 1h
    """
    lifetime = _seconds("--expires", expires) if expires else None
    request = RotateRequest(_seconds("--grace", grace, least=0.0), lifetime)
    _show_new(_keys(session).rotate(name, request), as_json=as_json)


@key_command.command("revoke", short_help="End a key and its temporary credentials at once.")
@click.argument("name", shell_complete=complete_access_key)
@json_option
@socket_option
@pass_session
def revoke_command(session: Session, /, *, name: str, as_json: bool) -> None:
    """End a key at once, with its older secrets and all temporary credentials made with it.

    NAME is the name of a key, or one access key id.
    """
    gone = _keys(session).revoke(name)
    if as_json:
        json_line(gone)
    else:
        report(f"revoked {', '.join(key.access_key_id for key in gone.keys)}")


def _keys(session: Session) -> AccessKeyClient | LocalKeys:
    """The keys of the running agent; while none runs, those of its file."""
    client = session.access_keys()
    try:
        client.list_keys()
    except NotRunningError:
        config, places = session.load()
        return LocalKeys(places, config)
    return client


def _seconds(option: str, text: str, *, least: float = 1.0) -> float:
    try:
        seconds = parse_age(text)
    except ValueError as error:
        raise UsageError("bad usage", f"{option} {text!r}: {error}") from error
    if seconds < least:
        raise UsageError("bad usage", f"{option} {text}: must be at least {least:.0f}s")
    return seconds


def _show_new(new: NewKey, *, as_json: bool) -> None:
    if as_json:
        json_line(new)
        return
    key = new.key
    rows = [
        ("name", key.name),
        ("access key id", new.access_key_id),
        ("secret access key", new.secret_access_key),
        ("owner", f"{key.owner} ({key.owner_id})"),
        ("scope", _scope(key)),
    ]
    if key.expires is not None:
        rows.append(("expires", moment(key.expires)))
    fields(rows)


def _scope(key: KeyInfo) -> str:
    place = f"{key.bucket}/{key.prefix}" if key.bucket else "everything"
    return f"{place}, read only" if key.read_only else place


def _description(key: KeyInfo) -> str:
    parts = [key.owner, _scope(key)]
    if key.state == "expired":
        parts.append("expired")
    elif key.expires is not None:
        until = f"until {moment(key.expires)}"
        parts.append(f"rotated, works {until}" if key.state == "rotated" else until)
    return ", ".join(parts)
