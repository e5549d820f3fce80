"""s3d cp and s3d mv: copy and move files and objects. The agent carries them out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

import click

from s3d.cli.client.control_client import ERRORS
from s3d.cli.client.transfer_client import TransferClient
from s3d.cli.output import StatusLine, complain, report
from s3d.cli.session import F, Session, pass_session, socket_option
from s3d.cli.target import SCHEME
from s3d.shared.errors import S3dError, UsageError
from s3d.shared.text import age, count, safe, size
from s3d.shared.transfers import LOCAL_CODES, Transfer, TransferError, TransferRequest

ENDED = ("done", "failed", "cancelled")
EVERY = "0.5"
"""Seconds between two updates of the progress."""


class Place(NamedTuple):
    """s3://BUCKET/KEY; or a path on this machine, when bucket is empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}" if self.bucket else self.key


def _places_and_options(*, recursive: str) -> Callable[[F], F]:
    """The arguments and options of cp and mv. recursive: the help of -r."""
    parameters = (
        click.argument("sources", metavar="SOURCE...", nargs=-1, required=True),
        click.argument("target"),
        click.option("-r", "--recursive", is_flag=True, help=recursive),
        click.option("--skip-existing", is_flag=True, help="Do not replace what exists."),
        click.option("--detach", is_flag=True,
                     help="Do not wait for the end; s3d transfers shows the progress."),
        socket_option,
    )  # fmt: skip

    def decorate(command: F) -> F:
        for parameter in reversed(parameters):
            command = parameter(command)
        return command

    return decorate


@click.command("cp")
@_places_and_options(recursive="Copy folders and prefixes.")
@pass_session
def cp_command(
    session: Session, /, sources: tuple[str, ...], target: str, *, recursive: bool,
    skip_existing: bool, detach: bool,
) -> int:  # fmt: skip
    """Copy files to S3, objects to files, or objects to objects.

    Write S3 places as s3://BUCKET/KEY; everything else is a path. With -r, the contents of a folder
    or prefix go below the target, as in aws s3 cp. The agent carries out the copy, and continues
    after Ctrl-C and after a restart.

    \b
    Examples:
      s3d cp cat.jpg s3://photos/2026/
      s3d cp -r s3://photos/2026/ ~/Pictures/
      s3d cp -r s3://photos/2025/ s3://archive/photos/2025/
    """
    requests = _requests("copy", sources, target, recursive, "skip" if skip_existing else "replace")
    return _carry_out(session.transfers(), requests, detach=detach)


@click.command("mv")
@_places_and_options(recursive="Move all objects of a prefix.")
@pass_session
def mv_command(
    session: Session, /, sources: tuple[str, ...], target: str, *, recursive: bool,
    skip_existing: bool, detach: bool,
) -> int:  # fmt: skip
    """Move or rename objects. s3d copies each object, verifies the copy, and deletes the source.

    \b
    Examples:
      s3d mv s3://photos/cat.jpg s3://photos/cats/tom.jpg
      s3d mv -r s3://photos/2025/ s3://archive/2025/
    """
    requests = _requests("move", sources, target, recursive, "skip" if skip_existing else "replace")
    return _carry_out(session.transfers(), requests, detach=detach)


def parse_place(text: str) -> Place:
    """Raises UsageError."""
    if not text.startswith(SCHEME):
        return Place("", text)
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise UsageError("bad usage", f"{text!r} names no bucket", f"write {SCHEME}BUCKET/KEY")
    return Place(bucket, key)


def _requests(
    kind: str, sources: Sequence[str], target: str, recursive: bool, existing: str
) -> list[TransferRequest]:
    """The transfers to start, one for each source. Raises UsageError."""
    to, places = parse_place(target), [parse_place(source) for source in sources]
    if to.bucket and len(places) > 1 and to.key and not to.key.endswith("/"):
        raise UsageError("bad usage", f"{to} is a single key, but there are several sources",
                         "end the prefix with /")  # fmt: skip
    return [_request(kind, place, to, recursive, existing) for place in places]


def _request(
    kind: str, source: Place, to: Place, recursive: bool, existing: str
) -> TransferRequest:
    if not source.bucket and not to.bucket:
        raise UsageError("bad usage", f"neither {source} nor {to} is in S3",
                         f"write {SCHEME}BUCKET/KEY")  # fmt: skip
    if kind == "move" and not (source.bucket and to.bucket):
        raise UsageError(
            "bad usage", "mv is for objects", "use s3d cp, and delete the source yourself"
        )
    if not source.bucket:
        return _upload(source, to, recursive, existing)
    is_prefix = not source.key or source.key.endswith("/")
    if is_prefix and not recursive:
        raise UsageError("bad usage", f"{source} is a prefix", "add -r to include all its objects")
    base = source.key if is_prefix else source.key.rpartition("/")[0] + "/" * ("/" in source.key)
    keys, prefixes = ([], [source.key]) if is_prefix else ([source.key], [])
    if not to.bucket:
        return TransferRequest(
            "download", source.bucket, keys, prefixes, base=base,
            to_path=os.path.abspath(os.path.expanduser(to.key)), existing=existing,
        )  # fmt: skip
    is_folder = is_prefix or not to.key or to.key.endswith("/")
    return TransferRequest(
        kind, source.bucket, keys, prefixes, base=base, to_bucket=to.bucket,
        to_prefix=to.key if is_folder else "", as_key="" if is_folder else to.key,
        existing=existing,
    )  # fmt: skip


def _upload(source: Place, to: Place, recursive: bool, existing: str) -> TransferRequest:
    path = os.path.abspath(os.path.expanduser(source.key))
    if os.path.isdir(path) and not recursive:
        raise UsageError("bad usage", f"{source} is a folder", "add -r to include its contents")
    prefix = to.key
    if prefix and not prefix.endswith("/"):
        if os.path.basename(path) != prefix.rpartition("/")[2] or os.path.isdir(path):
            raise UsageError("bad usage", f"cp keeps the names of files, and {to} has another name",
                             f"s3d put {to.bucket}/{to.key} {source}")  # fmt: skip
        prefix = prefix[: len(prefix) - len(os.path.basename(path))]
    base = f"{os.path.basename(path)}/" if os.path.isdir(path) else ""
    return TransferRequest(
        "upload", to.bucket, paths=[path], base=base, to_prefix=prefix, existing=existing
    )


def _carry_out(client: TransferClient, requests: Sequence[TransferRequest], *, detach: bool) -> int:
    started = [each for request in requests for each in client.start(request)]
    if detach:
        for each in started:
            report(f"{each.id}: {named(each)}")
        return 0
    try:
        return _wait(client, [each.id for each in started])
    except KeyboardInterrupt:
        report(
            "the agent continues: s3d transfers shows the progress, s3d transfers cancel ends it"
        )
        raise


def _wait(client: TransferClient, ids: Sequence[str]) -> int:
    """Wait until all transfers have ended. Returns the exit code."""
    line, left, code = StatusLine(), list(ids), 0
    try:
        while left:
            first = client.get(left[0], wait=EVERY)
            current = [first, *(client.get(id) for id in left[1:])]
            for each in [each for each in current if each.state in ENDED]:
                line.close()
                code = max(code, report_end(each))
                left.remove(each.id)
            if left:
                moving = [each for each in current if each.id in left]
                line.show(" ".join(progress(each) for each in moving[:2]))
    finally:
        line.close()
    return code


def report_end(transfer: Transfer) -> int:
    """Print how a transfer has ended. Returns the exit code for its first error."""
    what = f"{named(transfer)}: {count(transfer.files_done, 'object')}, {size(transfer.done)}"
    if transfer.state == "done":
        report(what)
        return 0
    error = transfer.error
    why = failure_text(error) if error is not None else transfer.state
    failed = f"{count(transfer.files_failed, 'object')} failed; " if transfer.files_failed else ""
    more = f", s3d transfers show {transfer.id} lists all" if transfer.files_failed > 1 else ""
    kind = S3dError if error is None else ERRORS.get(error.code, S3dError)
    hint = f"s3d transfers retry {transfer.id} moves the failed objects again{more}"
    problem = kind(safe(what), safe(f"{failed}{why}"), hint)
    complain(problem)
    return problem.exit_code


def failure_text(error: TransferError) -> str:
    """Why an object was not moved, with the code if it is one of S3's."""
    return error.message if error.code in LOCAL_CODES else f"{error.code}: {error.message}"


def named(transfer: Transfer) -> str:
    """The kind of a transfer, its source and its target."""
    source = transfer.source or f"{transfer.bucket}/{transfer.key}"
    target = transfer.target or (f"{transfer.bucket}/{transfer.key}" if transfer.source else "")
    return safe(f"{transfer.kind} {source}" + (f" to {target}" if target else ""))


def progress(transfer: Transfer) -> str:
    """The progress of a transfer, its speed and the remaining time."""
    share = f"{100 * transfer.done // transfer.size} %" if transfer.size else transfer.state
    left = f", {age(transfer.remaining)} to go" if transfer.remaining is not None else ""
    rate = f", {size(round(transfer.rate))}/s" if transfer.rate else ""
    files = f", {transfer.files_done:,} of {transfer.files:,}" if transfer.files > 1 else ""
    return f"{transfer.id} {share}{files}{rate}{left}"
