"""s3d explain: whether a key may do something, and what decides."""

from __future__ import annotations

import click

from s3d.cli.output import json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.errors import UsageError
from s3d.shared.text import safe

REFUSED = 1
"""Exit code when the key may not do it, as of grep."""


@click.command("explain")
@click.argument("action")
@click.argument("target", metavar="BUCKET[/KEY]")
@click.option(
    "--as",
    "caller",
    metavar="KEY",
    default="",
    help='Name or id of an access key, or "anonymous"; unset: the default key.',
)
@json_option
@socket_option
@pass_session
def explain_command(
    session: Session, /, *, action: str, target: str, caller: str, as_json: bool
) -> int:
    """Say whether a key may do something, and which statement, grant, scope or switch decides.

    ACTION is an action of a policy, such as s3:GetObject, or an operation. The exit code is 1 if
    it is refused. A condition of a policy that looks at the request, such as its headers, sees a
    plain request without any.

    \b
    Examples:
      s3d explain s3:GetObject photos/2026/a.jpg --as ci
      s3d explain ListObjectsV2 photos --as anonymous
    """
    bucket, _, key = target.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError("bad usage", f"{target!r}: write BUCKET or BUCKET/KEY")
    explanation = session.access_keys().explain(action, bucket, key, caller)
    if as_json:
        json_line(explanation)
    else:
        verdict = "allowed" if explanation.allowed else "refused"
        click.echo(f"{verdict}: {safe(explanation.reason)}")
        click.echo(f"  {explanation.action} on {safe(explanation.resource)}")
        click.echo(f"  as {safe(explanation.caller)}")
    return 0 if explanation.allowed else REFUSED
