"""s3d receipts: list, export and verify the signed receipts of uploads, without the agent."""

from __future__ import annotations

from pathlib import Path

import click

from s3d.cli.output import json_line, note_empty, report
from s3d.cli.session import Session, json_option, pass_session
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.errors import NotFoundError, S3dError, UsageError
from s3d.shared.receipts import Finding, export_line
from s3d.shared.text import count, moment, safe, size

SHOWN = 20
"""Findings that are printed."""
OTHER_DEVICE_HINT = (
    "for an export of another device, give its public key: --key PUB (s3d receipts key)"
)


@click.group("receipts")
def receipts_command() -> None:
    """List, export and verify the signed receipts of uploads.

    A receipt says that the remote has an upload: s3d asks the remote for its size and checksum, and
    signs what agrees with the key of this device. The commands need no agent.

    \b
    Examples:
      s3d receipts ls cams/2026/
      s3d receipts verify receipts.jsonl --key camera-7.pem
    """


@receipts_command.command("ls")
@target_argument(Names.PREFIX, required=False)
@json_option
@pass_session
def ls_command(session: Session, /, target: Target | None, *, as_json: bool) -> None:
    """List the receipts, the oldest first.

    \b
    Examples:
      s3d receipts ls
      s3d receipts ls cams/2026/ --json
    """
    from s3d.agent.app.receipts_at_rest import receipts_of

    places = session.load()[1]
    bucket, prefix = (target.bucket, target.key) if target is not None else ("", "")
    receipt = None
    for signed in receipts_of(places, bucket, prefix):
        receipt = signed.receipt()
        if as_json:
            json_line(receipt)
            continue
        click.echo(
            f"{moment(receipt.verified)}  {size(receipt.size):>10}  {receipt.algorithm:9} "
            f"{safe(f'{receipt.bucket}/{receipt.key}')}"
        )
    if receipt is None:
        note_empty((), "no receipts", as_json=as_json)


@receipts_command.command(
    "export", short_help="Write all receipts to a file, with their signatures."
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@pass_session
def export_command(session: Session, /, file: Path) -> None:
    """Write all receipts with their signatures to FILE, one JSON object per line; - is stdout.

    \b
    Example:
      s3d receipts export receipts.jsonl
    """
    from s3d.agent.app.receipts_at_rest import receipts_of

    places, number = session.load()[1], 0
    with click.open_file(str(file), "wb") as out:
        for signed in receipts_of(places):
            out.write(export_line(signed))
            number += 1
    if str(file) != "-":
        report(f"wrote {count(number, 'receipt')} to {file}")


@receipts_command.command("key", short_help="Print the public key of this device.")
@pass_session
def key_command(session: Session, /) -> None:
    """Print the public key of this device, with which others verify its receipts.

    \b
    Example:
      s3d receipts key > camera-7.pem
    """
    from s3d.agent.app.receipts_at_rest import public_key

    click.echo(public_key(session.load()[1]).pem, nl=False)


@receipts_command.command("verify", short_help="Verify signatures, and that none is missing.")
@click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=False
)
@click.option(
    "--key", "key_file", metavar="PUB", type=click.Path(path_type=Path, exists=True),
    help="File with the public key; otherwise that of this device.",
)  # fmt: skip
@pass_session
def verify_command(session: Session, /, file: Path | None, *, key_file: Path | None) -> None:
    """Verify the signatures of receipts, and that none is missing in between.

    FILE is an export. Without it, the receipts of this device are verified.

    \b
    Examples:
      s3d receipts verify
      s3d receipts verify receipts.jsonl --key camera-7.pem
    """
    from s3d.agent.app import receipts_at_rest

    places = session.load()[1]
    try:
        key = (
            receipts_at_rest.public_key(places)
            if key_file is None
            else receipts_at_rest.read_public_key(key_file)
        )
    except NotFoundError as error:
        if file is None:
            raise
        raise UsageError(error.title, error.detail, OTHER_DEVICE_HINT) from error
    if file is not None:
        checked = [(file, receipts_at_rest.check_export(file, key))]
    else:
        checked = list(receipts_at_rest.check_files(places, key))
    wrong = 0
    for name, found in checked:
        _report_findings(name, found.findings)
        wrong += len(found.findings)
    total = sum(found.total for _, found in checked)
    if wrong:
        remedy = OTHER_DEVICE_HINT if file is not None and key_file is None else ""
        raise S3dError("receipts", f"{wrong:,} of {total:,} cannot be trusted", remedy)
    report(f"{count(total, 'receipt')} verified")


def _report_findings(file: Path, findings: list[Finding]) -> None:
    for finding in findings[:SHOWN]:
        click.echo(f"{file}: receipt {finding.number}: {finding.what}", err=True)
    if len(findings) > SHOWN:
        click.echo(f"{file}: and {len(findings) - SHOWN:,} others", err=True)
