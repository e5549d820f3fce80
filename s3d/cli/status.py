"""s3d status: the agent, a bucket or an object, in fields or as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import click

from s3d.cli.output import fields, json_line
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.target import Names, Target, target_argument
from s3d.shared.control import AgentStatus, BucketInfo, ObjectInfo
from s3d.shared.text import age, count, moment, size

Row = tuple[str, str]


@click.command("status")
@target_argument(Names.EITHER, required=False)
@json_option
@socket_option
@pass_session
def status_command(session: Session, /, target: Target | None, *, as_json: bool) -> None:
    """Show the agent, a bucket, or an object with its metadata and tags.

    \b
    Examples:
      s3d status
      s3d status photos
      s3d status photos/2026/cat.jpg --json
    """
    client = session.client()
    answer: AgentStatus | BucketInfo | ObjectInfo
    if target is None:
        answer = client.status()
        rows = _agent(answer)
    elif not target.key:
        answer = client.bucket_status(target.bucket)
        rows = _bucket(answer)
    else:
        answer = client.object_status(*target)
        rows = _object(answer)
    if as_json:
        json_line(answer)
    else:
        fields(rows)


def _agent(status: AgentStatus) -> Iterator[Row]:
    running = age(time.time() - status.started)
    yield "agent", f"s3d {status.version}, process {status.pid}, running for {running}"
    yield "endpoint", f"{status.endpoint} (auth: {status.auth})"
    yield "socket", status.socket
    if status.remote:
        yield "remote", status.remote.url
    if status.store:
        store = status.store
        held = f"{count(store.buckets, 'bucket')}, {count(store.objects, 'object')}"
        yield "store", store.path + (" (gone at the end)" if status.ephemeral else "")
        yield "", f"{held}, {size(store.size)}; {size(store.free)} free"
    for warning in status.warnings:
        yield "warning", warning


def _bucket(info: BucketInfo) -> Iterator[Row]:
    yield "bucket", info.name
    yield "created", moment(info.created)
    if info.objects is not None and info.size is not None:
        yield "holds", f"{count(info.objects, 'object')}, {size(info.size)}"
    if info.versioning:
        yield "versioning", info.versioning
    yield from _pairs("tag", info.tags)


def _object(info: ObjectInfo) -> Iterator[Row]:
    yield "object", f"{info.bucket}/{info.key}"
    yield "size", f"{size(info.size)}" + (f" ({info.size:,} bytes)" if info.size >= 1024 else "")
    yield "modified", moment(info.last_modified)
    yield "etag", info.etag
    if info.version_id:
        yield "version", info.version_id
    yield "storage class", info.storage_class
    if info.content_type:
        yield "content-type", info.content_type
    for name, value in info.headers.items():
        yield name.lower(), value
    for algorithm, value in info.checksums.items():
        yield "checksum", f"{algorithm} {value}"
    yield from _pairs("metadata", info.metadata)
    yield from _pairs("tag", info.tags)


def _pairs(label: str, pairs: Mapping[str, str]) -> Iterator[Row]:
    for number, (name, value) in enumerate(sorted(pairs.items())):
        yield "" if number else label, f"{name} = {value}"
