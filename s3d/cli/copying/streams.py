"""cp - s3://BUCKET/KEY and cp s3://BUCKET/KEY -: objects from stdin, to stdout, or another pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, cast
from urllib.parse import quote, urlencode

from s3d.cli.client.unix_http import BLOCK
from s3d.cli.copying.copy_location import CopyLocation
from s3d.cli.copying.copy_options import Carrying, planned_text
from s3d.cli.copying.copy_requests import DOWNLOAD, UPLOAD, CopyOptions
from s3d.cli.copying.transfer_progress import Output
from s3d.cli.get_put_commands import Counted, guessed_type
from s3d.cli.output import Progress, json_line, report
from s3d.cli.queue.push_commands import after_writes
from s3d.cli.session import Session
from s3d.shared.errors import UsageError
from s3d.shared.text import size
from s3d.shared.transfer_options import NewObject, PlannedTransfer


def copy_stream(
    session: Session, source: CopyLocation, to: CopyLocation, options: CopyOptions, how: Carrying
) -> int:
    """Copy stdin or a pipe to an object, or an object to one. Raises UsageError for anything
    else."""
    stored = to if to.bucket else source
    if bool(source.bucket) == bool(to.bucket) or stored.is_folder_name:
        raise UsageError("bad usage", f"{source} to {to}: - needs one object on the other side",
                         "s3d cp - s3://BUCKET/KEY, or s3d cp s3://BUCKET/KEY -")  # fmt: skip
    if options.move or options.recursive or how.detach:
        raise UsageError("bad usage", "- cannot be moved, copied with -r or detached")
    if how.dry_run:
        _show_plan(session, source, to, options.version, how.output)
        return 0
    if source.bucket:
        with _opened(to, "wb") as out:
            _to_stream(session, source, out, options.version, how.output)
        return 0
    with _opened(source, "rb") as data:
        _from_stream(session, data, to, options, how.output)
    after_writes(session, wait=how.wait, quiet=how.output.quiet or how.output.as_json)
    return 0


def _show_plan(
    session: Session, source: CopyLocation, to: CopyLocation, version: str, output: Output
) -> None:
    """Print what would be copied. Raises NotFoundError for an object that is not there."""
    if not source.bucket:
        row = PlannedTransfer(UPLOAD, str(source), str(to))
    else:
        info = session.objects().head(*source.target, version=version)
        row = PlannedTransfer(DOWNLOAD, str(source), str(to), info.size)
    if output.as_json:
        json_line(row)
    elif not output.quiet:
        report(f"would {planned_text(row)}")


@contextmanager
def _opened(place: CopyLocation, mode: str) -> Iterator[IO[bytes]]:
    if place.is_stream:
        yield sys.stdin.buffer if mode == "rb" else sys.stdout.buffer
        return
    with open(place.path, mode) as pipe:
        yield cast(IO[bytes], pipe)


def _to_stream(
    session: Session, source: CopyLocation, out: IO[bytes], version: str, output: Output
) -> None:
    info, body = session.objects().get(*source.target, version=version)
    progress = Progress(str(source), info.size)
    with body:
        try:
            while block := body.read(BLOCK):
                out.write(block)
                if output.with_progress:
                    progress.add(len(block))
        finally:
            progress.close()
        out.flush()


def _from_stream(
    session: Session, source: IO[bytes], to: CopyLocation, options: CopyOptions, output: Output
) -> None:
    headers = object_headers(options.new_object)
    if "Content-Type" not in headers and (kind := guessed_type(to.key)):
        headers["Content-Type"] = kind
    if options.skip_existing:
        headers["If-None-Match"] = "*"
    elif options.if_match:
        headers["If-Match"] = options.if_match
    progress = Progress(str(to))
    try:
        if output.with_progress:
            source = cast(IO[bytes], Counted(source, progress))
        info = session.objects().put(*to.target, source, None, headers)
    finally:
        progress.close()
    if output.as_json:
        json_line(info)
    elif not output.quiet:
        report(f"stored {to.target}, {size(info.size)}")


def object_headers(new: NewObject) -> dict[str, str]:
    """The headers of PutObject."""
    headers: dict[str, str] = dict(_named(new.headers))
    if new.content_type:
        headers["Content-Type"] = new.content_type
    headers |= {f"x-amz-meta-{name}": value for name, value in (new.metadata or {}).items()}
    if new.tags:
        headers["x-amz-tagging"] = urlencode(new.tags, quote_via=quote)
    if new.storage_class:
        headers["x-amz-storage-class"] = new.storage_class
    return headers | new.protection


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items()}
