"""s3d cp and s3d mv: copy and move files and objects. The agent carries them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from s3d.cli.aws_options import aws_options
from s3d.cli.copying.copy_location import (
    CopyLocation,
    as_objects,
    check_source,
    complete_location,
    parse_location,
)
from s3d.cli.copying.copy_options import Carrying, carry_out, carrying, new_object, shared_options
from s3d.cli.copying.copy_requests import CopyOptions, Source, check_locations, copy_requests
from s3d.cli.copying.streams import copy_stream
from s3d.cli.selection_options import RuledCommand
from s3d.cli.session import F, Session, pass_session
from s3d.cli.target_objects import glob_of, no_match
from s3d.shared.errors import UsageError
from s3d.shared.transfers import Transfer, TransferRequest


def _places_and_options(*, recursive: str) -> Callable[[F], F]:
    """The arguments and options of cp and mv. recursive: the help of -r."""
    parameters: tuple[Callable[[Any], Any], ...] = (
        click.argument("places", metavar="SOURCE... TARGET", nargs=-1,
                       shell_complete=complete_location),
        click.option("-r", "-R", "--recursive", is_flag=True, help=recursive),
        click.option("--skip-existing", "--no-overwrite", "skip_existing", is_flag=True,
                     help="Do not replace what exists."),
        click.option("--if-match", metavar="ETAG", default="",
                     help="Of an upload: replace only the object with this ETag."),
        click.option("--version", metavar="ID", default="", help="Copy this version of an object."),
        click.option("--no-glob", is_flag=True, help="Take * and ? as they are."),
        shared_options,
    )  # fmt: skip

    def decorate(command: F) -> F:
        for parameter in reversed(parameters):
            command = parameter(command)
        return command

    return decorate


@click.command("cp", cls=RuledCommand)
@aws_options("cp")
@_places_and_options(recursive="Copy folders and prefixes.")
@pass_session
def cp_command(session: Session, /, places: tuple[str, ...], **values: Any) -> int:
    """Copy files to S3, objects to files, or objects to objects, as aws s3 cp does.

    Write S3 places as s3://BUCKET/KEY; everything else is a path, and - is stdin or stdout. A
    target that ends with / or is a folder keeps the names; any other target is the new name. With
    -r, the contents of a folder or prefix go below the target. * and ? in a key stay within one
    level, and ** crosses levels.

    The command ends when the data is safe on this machine. The agent carries out the copy, and
    continues after Ctrl-C and after a restart.

    \b
    Examples:
      s3d cp cat.jpg s3://photos/2026/
      s3d cp -r s3://photos/2026 ~/Pictures
      s3d cp 's3://photos/**.jpg' pictures/
      s3d cp -r src s3://backup/src --exclude '*.o' --dry-run
      tar c src | s3d cp - s3://backup/src.tar
    """
    return _copy(session, "cp", places, values)


@click.command("mv", cls=RuledCommand)
@aws_options("mv")
@_places_and_options(recursive="Move all that is in a folder or prefix.")
@pass_session
def mv_command(session: Session, /, places: tuple[str, ...], **values: Any) -> int:
    """Move or rename objects and files, as aws s3 mv does. Sources and targets are those of cp.

    s3d copies each object, verifies the copy, and deletes the source. A local file is deleted once
    its object is safe on this machine, and only if the file has not changed meanwhile.

    \b
    Examples:
      s3d mv s3://photos/cat.jpg s3://photos/cats/tom.jpg
      s3d mv -r s3://photos/2025 s3://archive/2025
      s3d mv recording.mp4 s3://videos/
    """
    return _copy(session, "mv", places, values)


def _copy(session: Session, name: str, texts: Sequence[str], values: dict[str, Any]) -> int:
    if len(texts) < 2:
        raise UsageError(
            "bad usage",
            f"{name} takes a source and a target" + (f", not only {texts[0]}" if texts else ""),
            f"s3d {name} SOURCE TARGET, with s3://BUCKET/KEY for a place in S3",
        )
    *sources, to = as_objects(session, [parse_location(text) for text in texts])
    how, no_glob = carrying(values), values.pop("no_glob")
    options = CopyOptions(move=name == "mv", new_object=new_object(values), **values)
    if any(_is_stream(place, sources, options) for place in (*sources, to)):
        if len(sources) > 1:
            raise UsageError("bad usage", "- is for a single source")
        return copy_stream(session, sources[0], to, options, how)
    check_locations(sources, to)
    for source in sources:
        check_source(source, recursive=options.recursive)
    requests = copy_requests(
        [_with_glob(session, source, no_glob=no_glob) for source in sources], to, options
    )
    return _carry_out(session, requests, how)


def _is_stream(place: CopyLocation, sources: Sequence[CopyLocation], options: CopyOptions) -> bool:
    """Whether this command reads or writes the place itself, instead of the agent: a pipe can be
    one of this process, and one copy reads or writes it to its end."""
    is_single = len(sources) == 1 and not options.recursive and not options.move
    return place.is_stream or (is_single and place.is_pipe())


def _with_glob(session: Session, source: CopyLocation, *, no_glob: bool) -> Source:
    if not source.bucket:
        return Source(source)
    return Source(source, glob_of(session.objects(), source.target, no_glob=no_glob))


def _carry_out(session: Session, requests: Sequence[TransferRequest], how: Carrying) -> int:
    code, ended = carry_out(session, requests, how)
    by_prefix = [request.prefixes[0] for request in requests if request.prefixes]
    if code or not by_prefix or how.dry_run or how.detach or any(map(_moved, ended)):
        return code
    request = next(request for request in requests if request.prefixes)
    if request.rules:
        return code
    place = CopyLocation(request.bucket, request.glob or request.prefixes[0].rstrip("/"))
    if not place.key:  # the whole of a bucket, which can be empty
        return code
    raise no_match(session.objects(), place.target)


def _moved(transfer: Transfer) -> bool:
    return transfer.files_done > 0
