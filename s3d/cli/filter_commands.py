"""s3d filter: explain a filter, and show which objects it includes."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from s3d.cli.client.object_client import ObjectClient
from s3d.cli.output import fields, json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.tag_commands import pairs
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import NotFoundError, UsageError
from s3d.shared.filters.expression import Filter, Verdict
from s3d.shared.filters.parser import FilterError
from s3d.shared.filters.terms import Attributes, FilterSubject
from s3d.shared.text import count, safe, size

DEFAULT_LIMIT = 1_000
"""Objects that a preview checks by default."""


class BadFilterError(UsageError):
    """A filter that cannot be parsed. quoted: the filter, and a line that marks the error."""

    def __init__(self, error: FilterError) -> None:
        self.quoted = error.quoted
        super().__init__(
            "the filter cannot be read", str(error), "docs/guide/filters.md explains the syntax"
        )


class Expression(click.ParamType):  # type: ignore[type-arg]
    """The click type of a filter expression. of_folder: of a sync folder."""

    name = "expr"

    def __init__(self, *, of_folder: bool = False) -> None:
        self._parse = Filter.parse_of_folder if of_folder else Filter.parse

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Filter:
        try:
            return self._parse(str(value))
        except FilterError as error:
            raise BadFilterError(error) from None


_expression = click.argument("expression", metavar="EXPR", type=Expression())


@click.group("filter")
def filter_command() -> None:
    """Explain a filter, and test it on objects. These commands change nothing.

    \b
    Examples:
      s3d filter explain 'photos/*;!photos/tmp/*'
      s3d filter test 'photos/*[hdr:content-length<10M]' photos/cat.jpg
      s3d filter preview '!*/*.tmp' photos/2026/
    """


@filter_command.command("explain")
@_expression
@json_option
def explain_command(expression: Filter, *, as_json: bool) -> None:
    """Explain each term of a filter."""
    if as_json:
        needs = [attribute.name for attribute in Attributes if attribute & expression.needs]
        json_line({"terms": [str(term) for term in expression.terms], "needs": needs})
        return
    rows = list(expression.sentences())
    fields((str(number), text) for number, text in enumerate(rows, 1))
    click.echo(expression.fallback_sentence)


@filter_command.command("test")
@_expression
@target_argument(Names.OBJECT)
@click.option(
    "--tag",
    "tags",
    metavar="NAME=VALUE",
    multiple=True,
    help="Assume that the object has this tag.",
)
@json_option
@socket_option
@pass_session
def test_command(
    session: Session, /, expression: Filter, target: Target, *, tags: tuple[str, ...], as_json: bool
) -> int:
    """Say whether a filter includes an object, and which term decides.

    The exit code is 1 if the filter excludes the object. s3d reads the object's tags and metadata
    only if its name alone does not decide.
    """
    subject = FilterSubject(bucket=target.bucket, key=target.key, tags=pairs(tags, "--tag") or None)
    decision = expression.explain(subject)
    if decision.verdict is Verdict.UNKNOWN:
        client = session.objects()
        info = client.object_status(target.bucket, target.key)
        decision = expression.explain(_known(client, subject, info))
    if as_json:
        json_line({"verdict": decision.verdict.value, "term": decision.term, "why": decision.why})
    else:
        click.echo(f"{decision.verdict.value}: {safe(decision.why)}")
    return 0 if decision.verdict is Verdict.INCLUDE else 1


@filter_command.command("preview", short_help="List the objects that a filter includes.")
@_expression
@target_argument(Names.PREFIX)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=DEFAULT_LIMIT,
    help="Maximum number of objects to check.",
)
@json_option
@socket_option
@pass_session
def preview_command(
    session: Session, /, expression: Filter, target: Target, *, limit: int, as_json: bool
) -> None:
    """List the objects of BUCKET or BUCKET/PREFIX that a filter includes.

    s3d reads the tags and metadata of each object whose name and size alone do not decide.
    """
    client, included, looked = session.objects(), 0, 0
    for info in _candidates(client, expression, target):
        if looked == limit:
            click.echo(f"stopped after {count(looked, 'object')}; --limit checks more", err=True)
            break
        looked += 1
        if not filter_includes(client, expression, info):
            continue
        included += 1
        if as_json:
            json_line(info)
        else:
            click.echo(f"{size(info.size):>10}  {safe(f'{info.bucket}/{info.key}')}")
    click.echo(f"{included} of {count(looked, 'object')} would be included", err=True)


def _candidates(client: ObjectClient, expression: Filter, target: Target) -> Iterator[ObjectInfo]:
    """The objects that the filter may include; it does not list other keys."""
    for literal in expression.prefixes(target.bucket):
        if not (literal.startswith(target.key) or target.key.startswith(literal)):
            continue
        for page in client.pages(target.bucket, max(literal, target.key, key=len)):
            yield from page.objects


def filter_includes(client: ObjectClient, expression: Filter, info: ObjectInfo) -> bool:
    """Whether a filter includes a listed object. Asks for its attributes if they decide."""
    subject = FilterSubject(bucket=info.bucket, key=info.key, size=info.size)
    verdict = expression.verdict(subject)
    if verdict is Verdict.UNKNOWN:
        try:
            info = client.object_status(info.bucket, info.key)
        except NotFoundError:  # it was deleted after the listing
            return False
        verdict = expression.verdict(_known(client, subject, info))
    return verdict is Verdict.INCLUDE


def _known(client: ObjectClient, subject: FilterSubject, info: ObjectInfo) -> FilterSubject:
    """The subject with everything that the agent knows about the object."""
    return msgspec.structs.replace(
        subject,
        size=info.size,
        bucket_tags=client.tags(info.bucket),
        tags=subject.tags if subject.tags is not None else info.tags,
        headers=info.http_headers,
        metadata=info.metadata,
    )
