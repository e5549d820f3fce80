"""s3d fault: requests that fail on demand, in a store made for tests."""

from __future__ import annotations

import click

from s3d.cli.output import json_line, report
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.shared.errors import UsageError
from s3d.shared.testing import Fault, FaultSpec
from s3d.shared.text import count, duration, parse_age, safe


@click.group("fault")
def fault_command() -> None:
    """Faults on demand, in a store made for tests (s3d run --test).

    Requests to the S3 endpoint fail; the commands of s3d do not. Faults end with the agent.

    \b
    Examples:
      s3d fault add --operation PutObject --error SlowDown --rate 0.1
      s3d fault ls
      s3d fault rm --all
    """


@fault_command.command("add", short_help="Let requests fail.")
@click.option("--operation", metavar="NAME", default="", help="Such as PutObject; unset: all.")
@click.option("--bucket", "place", metavar="BUCKET[/PREFIX]", default="", help="Unset: all.")
@click.option("--rate", type=float, default=1.0, show_default=True, help="Share that fails.")
@click.option("--times", type=int, default=None, help="How many fail; unset: no limit.")
@click.option("--error", metavar="CODE", default="", help="Answer with this error: SlowDown.")
@click.option("--delay", metavar="AGE", default="", help="Wait first, such as 200ms.")
@click.option("--close", is_flag=True, help="Close the connection without an answer.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the choice by --rate.")
@json_option
@socket_option
@pass_session
def add_command(
    session: Session, /, *, operation: str, place: str, rate: float, times: int | None,
    error: str, delay: str, close: bool, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Let requests fail: with an error, after a delay, or by a closed connection.

    The same seed chooses the same requests. A delay can be combined with an error or --close.

    \b
    Examples:
      s3d fault add --operation PutObject --error SlowDown --rate 0.1
      s3d fault add --operation GetObject --bucket photos/2026/ --delay 200ms
      s3d fault add --operation CompleteMultipartUpload --close --times 1
    """
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    try:
        seconds = parse_age(delay) if delay else 0.0
    except ValueError as problem:
        raise UsageError("bad usage", f"--delay {delay!r}: {problem}") from problem
    spec = FaultSpec(
        operation=operation,
        bucket=bucket,
        prefix=prefix,
        rate=rate,
        times=times,
        error=error,
        delay=seconds,
        close=close,
        seed=seed,
    )
    fault = session.testing().add_fault(spec)
    if as_json:
        json_line(fault)
    else:
        report(f"added {_row(fault)}")


@fault_command.command("ls")
@json_option
@socket_option
@pass_session
def list_command(session: Session, /, *, as_json: bool) -> None:
    """List the faults, with how many requests they concerned and failed."""
    for fault in session.testing().faults():
        if as_json:
            json_line(fault)
        else:
            click.echo(f"{_row(fault)}  ({fault.failed:,} of {count(fault.matched, 'request')})")


@fault_command.command("rm")
@click.argument("number", metavar="ID", type=int, required=False)
@click.option("--all", "is_all", is_flag=True, help="Remove all faults.")
@socket_option
@pass_session
def remove_command(session: Session, /, *, number: int | None, is_all: bool) -> None:
    """Remove a fault, or all."""
    if (number is None) != is_all:
        raise UsageError("bad usage", "name the ID of a fault, or write --all")
    if number is None:
        session.testing().clear_faults()
        report("removed all faults")
    else:
        session.testing().remove_fault(number)
        report(f"removed fault {number}")


def _row(fault: Fault) -> str:
    spec = fault.spec
    place = f" {spec.bucket}/{spec.prefix}" if spec.bucket else ""
    effects = [f"wait {duration(spec.delay)}"] if spec.delay else []
    effects += [f"answer {spec.error}"] if spec.error else []
    effects += ["close the connection"] if spec.close else []
    limits = [f"rate {spec.rate:g}"] if spec.rate < 1 else []
    limits += [f"times {spec.times:,}"] if spec.times is not None else []
    what = safe(f"{spec.operation or 'every operation'}{place}")
    return f"{fault.id}: {what}: {', '.join([*effects, *limits])}"
