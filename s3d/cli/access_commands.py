"""s3d env, presign and explain: what other programs need to use s3d, and what they may do."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import click

from s3d.cli.completers import complete_access_key
from s3d.cli.output import json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.access_key import DEFAULT_KEY, AccessKey
from s3d.shared.access_key_changes import key_named
from s3d.shared.access_key_file import load_keys
from s3d.shared.errors import NotRunningError, UsageError
from s3d.shared.text import parse_age, safe

MAX_EXPIRES = 7 * 86400
"""The most seconds that S3 allows: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"""
PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
FOREIGN = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
"""Variables that would be used with our key, or would keep programs from our endpoint."""
AWS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
       "AWS_REGION", "AWS_DEFAULT_REGION")  # fmt: skip
RCLONE_NAMES = ("TYPE", "PROVIDER", "ENDPOINT", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION")
RCLONE = tuple(f"RCLONE_CONFIG_S3D_{name}" for name in RCLONE_NAMES)
"""The variables that s3d env sets; no_proxy is not among them, since others can have set it."""
REFUSED = 1
"""Exit code of `s3d explain` when the key may not do it."""
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


@click.command("env")
@click.option("--shell", type=click.Choice(["sh", "fish"]), default="sh", show_default=True)
@click.option(
    "--rclone", is_flag=True, help='Print variables that define the rclone remote "s3d:".'
)
@click.option(
    "--key",
    "name",
    metavar="NAME",
    default=DEFAULT_KEY,
    help="Of this access key.",
    shell_complete=complete_access_key,
)
@click.option("--unset", is_flag=True, help="Print the commands that remove the variables again.")
@json_option
@socket_option
@pass_session
def env_command(
    session: Session, /, *, shell: str, rclone: bool, name: str, unset: bool, as_json: bool
) -> None:
    """Print the environment variables that point S3 programs to the agent.

    The variables contain your local access key and its secret. The command also works while the
    agent is not running, unless the port of the endpoint is 0.

    \b
    Examples:
      eval "$(s3d env)"
      s3d env --shell fish | source
      eval "$(s3d env --rclone)" && rclone ls s3d:photos
      eval "$(s3d env --key ci)"
      eval "$(s3d env --unset)"
    """
    if unset:
        _print_unset(RCLONE if rclone else AWS, shell)
        return
    config, places = session.load()
    endpoint = _endpoint(session, config.endpoint)
    key = key_named(load_keys(places, config), name)
    values = (_rclone if rclone else _aws)(endpoint, key, config.region) | _no_proxy(
        endpoint, os.environ
    )
    if as_json:
        json_line(values)
        return
    _print_unset([name for name in FOREIGN if not rclone and name in os.environ], shell)
    form = "set -gx {} {}" if shell == "fish" else "export {}={}"
    for name, value in values.items():
        click.echo(form.format(name, shlex.quote(value)))


def _print_unset(names: Iterable[str], shell: str) -> None:
    for name in names:
        click.echo(f"set -e {name}" if shell == "fish" else f"unset {name}")


def _endpoint(session: Session, configured: str) -> str:
    """The endpoint of the running agent, or else the configured one, as clients can reach it."""
    try:
        endpoint = session.client().hello().endpoint
    except NotRunningError:
        if urlsplit(configured).port == 0:
            raise
        endpoint = configured
    url = urlsplit(endpoint)
    host = ANY_ADDRESS.get(url.hostname or "")
    return f"http://{host}:{url.port}" if host else endpoint


def _aws(endpoint: str, key: AccessKey, region: str) -> dict[str, str]:
    secret = key.secret.reveal()
    values = (endpoint, endpoint, key.access_key_id, secret, region, region)
    return dict(zip(AWS, values, strict=True))


def _rclone(endpoint: str, key: AccessKey, region: str) -> dict[str, str]:
    values = ("s3", "Other", endpoint, key.access_key_id, key.secret.reveal(), region)
    return dict(zip(RCLONE, values, strict=True))


def _no_proxy(endpoint: str, env: Mapping[str, str]) -> dict[str, str]:
    """Exclude the endpoint from a configured proxy, which would otherwise receive our requests."""
    if not any(env.get(name) for name in PROXIES):
        return {}
    host = urlsplit(endpoint).hostname or ""
    listed = env.get("no_proxy") or env.get("NO_PROXY") or ""
    if host in listed.split(","):
        return {}
    value = f"{listed},{host}" if listed else host
    return {"no_proxy": value, "NO_PROXY": value}


@click.command("presign")
@target_argument(Names.OBJECT)
@click.option(
    "--expires",
    "--expires-in",
    "expires",
    metavar="AGE",
    default="1h",
    show_default=True,
    help="How long it works, from 1s to 7d.",
)
@click.option(
    "--method",
    type=click.Choice(["GET", "PUT", "HEAD", "DELETE"]),
    default="GET",
    show_default=True,
)
@json_option
@socket_option
@pass_session
def presign_command(
    session: Session, /, target: Target, *, expires: str, method: str, as_json: bool
) -> None:
    """Print a URL that works without credentials, for a limited time.

    \b
    Examples:
      s3d presign photos/cat.jpg
      curl -T cat.jpg "$(s3d presign photos/cat.jpg --method PUT --expires 5m)"
    """
    try:
        seconds = int(parse_age(expires))
    except ValueError as error:
        raise UsageError("bad usage", f"--expires {expires!r}: {error}") from error
    if not 1 <= seconds <= MAX_EXPIRES:
        raise UsageError("bad usage", f"--expires {expires}: must be from 1s to 7d")
    answer = session.objects().presign(*target, method=method, expires=seconds)
    if as_json:
        json_line(answer)
    else:
        click.echo(answer.url)
        if {".", ".."} & set(target.key.split("/")):
            note = "programs remove . and .. from URLs; for curl, add --path-as-is"
            click.echo(f"s3d: {note}", err=True)


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
