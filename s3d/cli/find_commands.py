"""s3d find and s3d du: objects by their attributes, and how much space they take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, NamedTuple

import click

from s3d.cli.client.object_client import ObjectClient
from s3d.cli.filter_commands import Expression, filter_includes
from s3d.cli.object_commands import NO_BUCKETS, listed_row
from s3d.cli.output import json_line, note_empty
from s3d.cli.selection_options import Age, RuledCommand, rule_options
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.tag_commands import pairs
from s3d.cli.target import Names, Target, target_argument
from s3d.cli.target_objects import (
    Conditions,
    TargetObjects,
    folder_prefix,
    no_match,
    select,
    selected,
)
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import NotFoundError
from s3d.shared.filters.expression import Filter
from s3d.shared.object_patterns import PathRule
from s3d.shared.text import count, parse_size, safe, size


class Size(click.ParamType[int]):
    """A size, such as 10MiB; its value is in bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_size(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class Criteria(NamedTuple):
    """What s3d find looks for."""

    name: str = ""
    larger: int | None = None
    smaller: int | None = None
    tags: Mapping[str, str] = MappingProxyType({})
    metadata: Mapping[str, str] = MappingProxyType({})
    filter: Filter | None = None

    def fits_listed(self, item: ObjectInfo) -> bool:
        """Whether what a listing says about an object fits."""
        if self.name and not fnmatchcase(item.key.rstrip("/").rpartition("/")[2], self.name):
            return False
        if self.larger is not None and item.size <= self.larger:
            return False
        return self.smaller is None or item.size < self.smaller

    def fits(self, client: ObjectClient, item: ObjectInfo) -> bool:
        """Whether everything fits. Tags and metadata cost a request for each object."""
        if not self.fits_listed(item):
            return False
        try:
            if self.metadata:
                metadata = client.head(item.bucket, item.key).metadata
                if not self.metadata.items() <= metadata.items():
                    return False
            if self.tags and not self.tags.items() <= client.tags(item.bucket, item.key).items():
                return False
        except NotFoundError:  # it was deleted after the listing
            return False
        return self.filter is None or filter_includes(client, self.filter, item)


@click.command("find", cls=RuledCommand)
@target_argument(Names.PREFIX, many=True)
@click.option("--name", metavar="GLOB", default="", help="The last part of the key matches.")
@click.option("--larger", type=Size(), metavar="SIZE", help="Larger than this, such as 10MiB.")
@click.option("--smaller", type=Size(), metavar="SIZE", help="Smaller than this.")
@click.option("--older-than", "older", type=Age(), metavar="AGE",
              help="Last changed longer ago, such as 30d.")  # fmt: skip
@click.option("--newer-than", "newer", type=Age(), metavar="AGE", help="Last changed since.")
@click.option("--tag", "tags", metavar="NAME=VALUE", multiple=True, help="Has this tag.")
@click.option("--metadata", metavar="NAME=VALUE", multiple=True, help="Has this metadata.")
@click.option("--filter", "expression", type=Expression(), metavar="EXPR",
              help="A filter includes it.")  # fmt: skip
@rule_options
@click.option("-0", "-print0", "--print0", "nul", is_flag=True,
              help="End names with a NUL, for xargs -0.")  # fmt: skip
@click.option("-l", "--long", is_flag=True, help="Show times, sizes and ETags.")
@json_option
@socket_option
@pass_session
def find_command(
    session: Session, /, targets: tuple[Target, ...], *, name: str, larger: int | None,
    smaller: int | None, older: float | None, newer: float | None, tags: tuple[str, ...],
    metadata: tuple[str, ...], expression: Filter | None, rules: list[PathRule], nul: bool,
    long: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find objects below folders or buckets, and print them as s3://BUCKET/KEY.

    Names end with a line break, and control characters in them are made visible; with -print0 they
    are printed as they are.

    \b
    Examples:
      s3d find photos --name '*.raw' --larger 50MiB --older-than 1y
      s3d find logs/2026 --tag keep=no -print0 | xargs -0 s3d rm
      s3d find photos --filter '*/*[tag:public=yes]'
    """
    criteria = Criteria(
        name, larger, smaller, pairs(tags, "--tag"), pairs(metadata, "--metadata"), expression
    )
    client, conditions = session.objects(), Conditions(rules, older, newer)
    for target in targets:
        for item in selected(client, _below(client, target), conditions):
            if criteria.fits(client, item):
                _show(item, nul=nul, long=long, as_json=as_json)


def _below(client: ObjectClient, target: Target) -> TargetObjects:
    chosen = select(client, target, recursive=True)
    assert chosen is not None
    return chosen


def _show(item: ObjectInfo, *, nul: bool, long: bool, as_json: bool) -> None:
    uri = f"s3://{item.bucket}/{item.key}"
    if as_json:
        json_line(listed_row(item))
    elif nul:
        click.echo(f"{uri}\0", nl=False)
    elif long:
        click.echo(f"{size(item.size):>9}  {item.etag:34}  {safe(uri)}")
    else:
        click.echo(safe(uri))


@click.command("du")
@target_argument(Names.PREFIX, many=True, required=False, or_all=True)
@click.option("-d", "--depth", type=click.IntRange(0), default=0, metavar="N",
              help="Also show folders, N levels deep.")  # fmt: skip
@click.option("-s", "--summarize", is_flag=True, hidden=True, expose_value=False,
              help="The default.")  # fmt: skip
@click.option("-b/-h", "--bytes/--human-readable", "exact",
              help="Show bytes, or sizes with units, which is the default.")  # fmt: skip
@click.option("--all-versions", is_flag=True, help="Count older versions too.")
@json_option
@socket_option
@pass_session
def du_command(
    session: Session, /, targets: tuple[Target, ...], *, depth: int, exact: bool,
    all_versions: bool, as_json: bool,
) -> None:  # fmt: skip
    """Show how many objects there are below folders or buckets, and their size.

    Without an argument: all buckets. BUCKET/KEY means what is below BUCKET/KEY/.

    \b
    Examples:
      s3d du
      s3d du -d 1 photos
      s3d du photos/2026 --json
    """
    client = session.objects()
    show = _printer(exact=exact, as_json=as_json)
    everything = targets or [Target(bucket.name) for bucket in client.buckets()]
    note_empty(everything, NO_BUCKETS, as_json=as_json)
    for target in everything:
        chosen = _below(client, target)
        totals = Totals(target, chosen.base, depth)
        for item in selected(client, chosen, Conditions(), versions=all_versions):
            for folder in totals.add(item):
                show(*folder)
        if not totals.total[0] and target.key:
            raise no_match(client, target)
        for folder in totals.rest():
            show(*folder)


class Totals:
    """Sums of a listing by folder. A folder is complete when the listing has left it."""

    def __init__(self, target: Target, base: str, depth: int) -> None:
        self._target, self._base, self._depth = target, base, depth
        self._open: dict[str, list[int]] = {}
        self.total = [0, 0]
        """Objects and bytes of everything."""

    def add(self, item: ObjectInfo) -> Iterator[tuple[Target, int, int]]:
        """Count an object. Yields the folders that are complete: name, objects, bytes."""
        levels = item.key.removeprefix(self._base).split("/")[:-1][: self._depth]
        folders = ["/".join(levels[:end]) + "/" for end in range(1, len(levels) + 1)]
        yield from self._close(lambda name: name in folders)
        for total in (self.total, *(self._open.setdefault(name, [0, 0]) for name in folders)):
            total[0] += 1
            total[1] += item.size

    def rest(self) -> Iterator[tuple[Target, int, int]]:
        """The folders that are left, and the total."""
        yield from self._close(lambda name: False)
        name = folder_prefix(self._target.key) if self._target.key else ""
        if "*" in self._target.key or "?" in self._target.key:
            name = self._target.key
        yield Target(self._target.bucket, name), self.total[0], self.total[1]

    def _close(self, is_open: Callable[[str], bool]) -> Iterator[tuple[Target, int, int]]:
        for name in [name for name in reversed(self._open) if not is_open(name)]:
            objects, space = self._open.pop(name)
            yield Target(self._target.bucket, self._base + name), objects, space


def _printer(*, exact: bool, as_json: bool) -> Callable[[Target, int, int], None]:
    def show(place: Target, objects: int, space: int) -> None:
        if as_json:
            row = {"bucket": place.bucket, "prefix": place.key, "objects": objects, "size": space}
            json_line(row)
            return
        amount = str(space) if exact else size(space)
        shown = f"{place.bucket}/{place.key}"
        click.echo(f"{amount:>{15 if exact else 9}}  {count(objects, 'object'):>14}  {safe(shown)}")

    return show
