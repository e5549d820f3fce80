"""s3d cat and s3d head: objects, or their first lines, on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from s3d.cli.client.unix_http import BLOCK
from s3d.cli.output import for_each
from s3d.cli.session import Session, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.cli.target_objects import Conditions, no_match, select, selected
from s3d.shared.errors import UsageError

if TYPE_CHECKING:
    from s3d.cli.client.object_client import ObjectClient

LINES = 10


@click.command("cat")
@target_argument(Names.OBJECT, many=True)
@click.option("--version", metavar="ID", default="", help="Print this version of one object.")
@click.option("--no-glob", is_flag=True, help="Take * and ? as they are.")
@socket_option
@pass_session
def cat_command(
    session: Session, /, targets: tuple[Target, ...], *, version: str, no_glob: bool
) -> int:
    """Write the data of objects to stdout, one after the other.

    \b
    Examples:
      s3d cat logs/today.txt
      s3d cat 'logs/2026-*.gz' | zcat
    """
    if version and len(targets) > 1:
        raise UsageError("bad usage", "--version is for one object")
    client = session.objects()

    def show(target: Target) -> None:
        for one in _objects(client, target, no_glob=no_glob):
            _, body = client.get(*one, version=version)
            with body:
                while block := body.read(BLOCK):
                    sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()

    return for_each(targets, show)


@click.command("head")
@target_argument(Names.OBJECT, many=True)
@click.option("-n", "--lines", type=click.IntRange(0), default=LINES, show_default=True,
              help="How many lines.")  # fmt: skip
@click.option("-c", "--bytes", "size", type=click.IntRange(0), help="How many bytes, instead.")
@click.option("--no-glob", is_flag=True, help="Take * and ? as they are.")
@socket_option
@pass_session
def head_command(
    session: Session, /, targets: tuple[Target, ...], *, lines: int, size: int | None, no_glob: bool
) -> int:
    """Print the first lines of objects. Not more than these are read.

    \b
    Examples:
      s3d head logs/today.txt
      s3d head -c 512 disks/image.raw | file -
    """
    client = session.objects()

    def show(target: Target) -> None:
        for one in _objects(client, target, no_glob=no_glob):
            if size is None:
                sys.stdout.buffer.writelines(first_lines(_blocks(client, one), lines))
            elif size:
                sys.stdout.buffer.writelines(_first_bytes(client, one, size))
        sys.stdout.buffer.flush()

    return for_each(targets, show)


def _objects(client: ObjectClient, target: Target, *, no_glob: bool) -> Iterator[Target]:
    """The object, or those that match the glob. Raises NotFoundError when none does."""
    chosen = select(client, target, recursive=False, no_glob=no_glob)
    if chosen is None:
        yield target
        return
    is_empty = True
    for item in selected(client, chosen, Conditions()):
        is_empty = False
        yield Target(item.bucket, item.key)
    if is_empty:
        raise no_match(client, target)


def _blocks(client: ObjectClient, target: Target) -> Iterator[bytes]:
    _, body = client.get(*target)
    with body:
        while block := body.read(BLOCK):
            yield block


def _first_bytes(client: ObjectClient, target: Target, size: int) -> Iterator[bytes]:
    left = size
    for block in _blocks(client, target):
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return


def first_lines(blocks: Iterable[bytes], count: int) -> Iterator[bytes]:
    """The first lines of data that arrives in blocks, with their line breaks."""
    for block in blocks:
        if not count:
            return
        end = -1
        while count and (end := block.find(b"\n", end + 1)) >= 0:
            count -= 1
        yield block if count else block[: end + 1]
