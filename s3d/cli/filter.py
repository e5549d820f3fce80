"""s3d filter: what a filter says, and which objects it takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click
import msgspec

from s3d.cli.client.object_client import ObjectClient
from s3d.cli.output import fields, json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.tags import pairs
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import NotFoundError, UsageError
from s3d.shared.filter_parse import FilterError
from s3d.shared.filter_terms import Fact, Subject
from s3d.shared.filters import Filter, Verdict
from s3d.shared.text import count, safe, size

MOST = 1_000
"""Objects that a preview looks at, unless told otherwise."""


class BadFilterError(UsageError):
    """quoted: the filter, with the place marked."""

    def __init__(self, error: FilterError) -> None:
        self.quoted = error.quoted
        super().__init__(
            "the filter cannot be read", str(error), "the language: docs/user-guide.md"
        )


class Expression(click.ParamType):  # type: ignore[type-arg]
    name = "expr"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Filter:
        try:
            return Filter.parse(str(value))
        except FilterError as error:
            raise BadFilterError(error) from None


_expression = click.argument("wanted", metavar="EXPR", type=Expression())


@click.group("filter")
def filter_command() -> None:
    """Explain a filter, and try it on objects. Nothing is changed by it.

    \b
    Examples:
      s3d filter explain 'photos/*;!photos/tmp/*'
      s3d filter test 'photos/*[hdr:content-length<10M]' photos/cat.jpg
      s3d filter preview '!*/*.tmp' photos/2026/
    """


@filter_command.command("explain")
@_expression
@json_option
def explain_command(wanted: Filter, *, as_json: bool) -> None:
    """Say how a filter is read, term by term."""
    if as_json:
        needs = [fact.name for fact in Fact if fact & wanted.needs]
        json_line({"terms": [str(term) for term in wanted.terms], "needs": needs})
        return
    rows = list(wanted.sentences())
    fields((str(number), text) for number, text in enumerate(rows, 1))
    click.echo(wanted.otherwise)


@filter_command.command("test")
@_expression
@target_argument(Names.OBJECT)
@click.option("--tag", "tags", metavar="NAME=VALUE", multiple=True, help="As if it had this tag.")
@json_option
@socket_option
@pass_session
def test_command(
    session: Session, /, wanted: Filter, target: Target, *, tags: tuple[str, ...], as_json: bool
) -> int:
    """Say whether a filter takes an object, and which term decides. Exit code 1: it does not.

    The agent is only asked about the object when its name does not decide.
    """
    subject = Subject(bucket=target.bucket, key=target.key, tags=pairs(tags, "--tag") or None)
    decision = wanted.explain(subject)
    if decision.verdict is Verdict.UNKNOWN:
        client = session.objects()
        info = client.object_status(target.bucket, target.key)
        decision = wanted.explain(_known(client, subject, info))
    if as_json:
        json_line({"verdict": decision.verdict.value, "term": decision.term, "why": decision.why})
    else:
        click.echo(f"{decision.verdict.value}: {safe(decision.why)}")
    return 0 if decision.verdict is Verdict.INCLUDE else 1


@filter_command.command("preview")
@_expression
@target_argument(Names.PREFIX)
@click.option("--limit", type=click.IntRange(1), default=MOST, help="Objects to look at, at most.")
@json_option
@socket_option
@pass_session
def preview_command(
    session: Session, /, wanted: Filter, target: Target, *, limit: int, as_json: bool
) -> None:
    """List what a filter would take of a bucket, or of what is below BUCKET/PREFIX.

    Of objects whose name, size and date do not decide, tags and metadata are asked for one by one.
    """
    client, taken, looked = session.objects(), 0, 0
    for info in _listed(client, wanted, target):
        if looked == limit:
            click.echo(f"stopped after {count(looked, 'object')}: --limit looks at more", err=True)
            break
        looked += 1
        if not _takes(client, wanted, info):
            continue
        taken += 1
        if as_json:
            json_line(info)
        else:
            click.echo(f"{size(info.size):>10}  {safe(f'{info.bucket}/{info.key}')}")
    click.echo(f"{taken} of {count(looked, 'object')} would be taken", err=True)


def _listed(client: ObjectClient, wanted: Filter, target: Target) -> Iterator[ObjectInfo]:
    """What may be taken: other keys are not even listed."""
    for literal in wanted.prefixes(target.bucket):
        if not (literal.startswith(target.key) or target.key.startswith(literal)):
            continue
        for page in client.pages(target.bucket, max(literal, target.key, key=len)):
            yield from page.objects


def _takes(client: ObjectClient, wanted: Filter, info: ObjectInfo) -> bool:
    subject = Subject(bucket=info.bucket, key=info.key, size=info.size)
    verdict = wanted.verdict(subject)
    if verdict is Verdict.UNKNOWN:
        try:
            info = client.object_status(info.bucket, info.key)
        except NotFoundError:  # gone since it was listed
            return False
        verdict = wanted.verdict(_known(client, subject, info))
    return verdict is Verdict.INCLUDE


def _known(client: ObjectClient, subject: Subject, info: ObjectInfo) -> Subject:
    """With all that the agent knows of the object."""
    headers = {
        **info.headers,
        "content-type": info.content_type,
        "etag": info.etag,
        "last-modified": _date(info.last_modified),
        "x-amz-storage-class": info.storage_class,
    }
    return msgspec.structs.replace(
        subject,
        size=info.size,
        bucket_tags=client.tags(info.bucket),
        tags=subject.tags if subject.tags is not None else info.tags,
        headers={name: value for name, value in headers.items() if value},
        metadata=info.metadata,
    )


def _date(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat()
