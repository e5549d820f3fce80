"""s3d get and s3d put: one object, to and from a file or a pipe."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote, urlencode

import click
import msgspec

from s3d.cli.client.object_client import ObjectClient
from s3d.cli.client.unix_http import BLOCK
from s3d.cli.output import Progress, json_line, report
from s3d.cli.queue.push_commands import after_writes, wait_option
from s3d.cli.session import Session, json_option, pass_session, socket_option
from s3d.cli.tag_commands import metadata_entries, pairs
from s3d.cli.target import LocalPath, Names, Target, target_argument
from s3d.shared.control import ObjectInfo
from s3d.shared.errors import UnavailableError, UsageError
from s3d.shared.text import safe, size

STDIO = "-"
_NOT_TEXT = bytes(set(range(32)) - set(b"\t\n\r\f\b")) + b"\x7f"


@click.command("get")
@target_argument(Names.OBJECT)
@click.argument("file", required=False, type=LocalPath())
@click.option("--version", metavar="ID", default="", help="Read this version of the object.")
@click.option("-q", "--quiet", is_flag=True, help="Do not print metadata.")
@json_option
@socket_option
@pass_session
def get_command(
    session: Session,
    /,
    target: Target,
    file: str | None,
    *,
    version: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the data of an object to stdout or FILE, and its metadata and tags to stderr.

    FILE appears only when it is complete. If FILE is a folder, the file in it is named after the
    key; a missing folder is written with / at the end, and is made. - means stdout.

    \b
    Examples:
      s3d get photos/cat.jpg cat.jpg
      s3d get logs/today.gz | zcat
    """
    path = None if file in (None, STDIO) else _file_for(file, target)
    info, source = session.objects().get(*target, version=version)
    progress = Progress(str(target), info.size)
    if path is not None and file is not None and file.endswith(os.sep):
        path.parent.mkdir(parents=True, exist_ok=True)
    with source:
        first = source.read(BLOCK)
        if path is None and file is None and sys.stdout.isatty() and _is_binary(first or b""):
            hint = f"s3d get {target} FILE; or s3d get {target} - to print it anyway"
            raise UsageError("not printed", f"{target} is not text", hint)
        with destination(path) as out:
            if not quiet:
                _print_metadata(_with_tags(session.objects(), info), as_json=as_json)
            block = first
            try:
                while block:
                    out.write(block)
                    progress.add(len(block))
                    block = source.read(BLOCK)
            finally:
                progress.close()
            out.flush()


def _with_tags(client: ObjectClient, info: ObjectInfo) -> ObjectInfo:
    """S3 returns only the number of tags with the data. The tags may be at the remote alone, which
    can be unreachable while the data is cached."""
    try:
        tags = client.tags(info.bucket, info.key)
    except UnavailableError as error:
        click.echo(f"s3d: the tags are unavailable: {safe(error.title)}", err=True)
        return info
    return msgspec.structs.replace(info, tags=tags)


def _file_for(file: str, target: Target) -> Path:
    """The file to write; in a folder, it is named by the last part of the key."""
    path = Path(file)
    if not path.is_dir() and not file.endswith(os.sep):
        return path
    name = target.key.rpartition("/")[2]
    if name in ("", ".", ".."):
        raise UsageError(
            "no file name",
            f"{target} has no name for a file in {path}",
            "name the file",
        )
    return path / name


@contextmanager
def destination(path: Path | None) -> Iterator[IO[bytes]]:
    """stdout, or the file. The file is replaced in one step, and not at all on errors."""
    with _named(path or "stdout"):
        if path is None:
            yield sys.stdout.buffer
            return
        with _replacement(path) as out:
            yield out


@contextmanager
def _named(what: Path | str) -> Iterator[None]:
    """Make errors of the system name the file that the user has named, not the temporary file."""
    try:
        yield
    except OSError as error:
        error.filename = str(what)
        raise


@contextmanager
def _replacement(path: Path) -> Iterator[IO[bytes]]:
    mode = _mode_of(path)
    if mode is not None and not stat.S_ISREG(mode):
        with path.open("wb") as device:  # a pipe or a device cannot be replaced
            yield device
        return
    path = path.resolve()  # a link stays a link
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
    try:
        with open(handle, "wb") as out:
            yield out
        os.chmod(name, 0o666 & ~_umask() if mode is None else stat.S_IMODE(mode))
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _mode_of(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _umask() -> int:
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _is_binary(data: bytes) -> bool:
    """Whether data is unsuitable for a terminal: not UTF-8, or with control characters."""
    if data.translate(None, _NOT_TEXT) != data:
        return True
    try:
        data[:-4].decode()  # a character may be cut at the end of the block
    except UnicodeDecodeError as error:
        return error.start < len(data) - 8
    return False


def _print_metadata(info: ObjectInfo, *, as_json: bool) -> None:
    if as_json:
        json_line(info, err=True)
        return
    for name, value in _headers(info).items():
        click.echo(f"{name}: {safe(value)}", err=True)


def _headers(info: ObjectInfo) -> Mapping[str, str]:
    """Headers and metadata by their names in S3, and the tags."""
    headers = {"content-length": str(info.size), "etag": info.etag}
    if info.content_type:
        headers["content-type"] = info.content_type
    headers |= {name.lower(): value for name, value in info.headers.items()}
    headers |= {f"x-amz-meta-{name}": value for name, value in sorted(info.metadata.items())}
    headers |= {f"tag {safe(name)}": value for name, value in sorted(info.tags.items())}
    return headers


@click.command("put")
@target_argument(Names.EITHER)
@click.argument("file", required=False, type=click.Path())
@click.option("--tag", "tags", metavar="NAME=VALUE", multiple=True, help="Set a tag.")
@click.option("--metadata", metavar="NAME=VALUE", multiple=True, help="Set a metadata entry.")
@click.option("--content-type", metavar="TYPE", help="MIME type; by default guessed from the name.")
@wait_option
@json_option
@socket_option
@pass_session
def put_command(
    session: Session,
    /,
    target: Target,
    file: str | None,
    *,
    tags: tuple[str, ...],
    metadata: tuple[str, ...],
    content_type: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Store FILE or stdin as an object.

    If KEY is empty or ends in /, s3d appends the name of FILE. The previous object stays until the
    new one is complete. The command ends when the data is safe on this machine, and says how much
    the remote still lacks.

    \b
    Examples:
      s3d put photos/cat.jpg cat.jpg --tag project=pets
      s3d put photos/2026/ cat.jpg
      tar c src | s3d put backup/src.tar --metadata host=laptop
    """
    path = None if file in (None, STDIO) else Path(file)
    _check_order(target, file)
    target = _full_key(target, path)
    headers = _put_headers(pairs(tags, "--tag"), metadata_entries(metadata))
    if kind := content_type or guessed_type(path.name if path else target.key):
        headers["Content-Type"] = kind
    with _source(path) as source:
        length = _length(source)
        progress = Progress(str(target), length)
        try:
            counted = cast(IO[bytes], Counted(source, progress))
            info = session.objects().put(*target, counted, length, headers)
        finally:
            progress.close()
    if as_json:
        json_line(info)
    else:
        report(f"stored {target}, {size(info.size)}")
    after_writes(session, wait=wait, quiet=as_json)


def _check_order(target: Target, file: str | None) -> None:
    """Raises UsageError for FILE BUCKET/KEY, the order of cp. The other order has precedence."""
    is_wrong = not target.key if file is None else file != STDIO and not os.path.lexists(file)
    if is_wrong and os.path.isfile(str(target)):
        raise UsageError(
            "bad usage",
            f"{target} is a file" + (f", and {safe(file)} is none" if file else ""),
            f"the place in S3 comes first: s3d put {safe(file or Names.EITHER)} {target}",
        )


def _full_key(target: Target, path: Path | None) -> Target:
    if target.key and not target.key.endswith("/"):
        return target
    if path is None:
        raise UsageError(
            "no key",
            f"stdin has no name that could be appended to {target}",
            "s3d put BUCKET/KEY < FILE",
        )
    return Target(target.bucket, target.key + path.name)


def _put_headers(tags: Mapping[str, str], metadata: Mapping[str, str]) -> dict[str, str]:
    headers = {f"x-amz-meta-{name}": value for name, value in metadata.items()}
    if tags:
        headers["x-amz-tagging"] = urlencode(tags, quote_via=quote)
    return headers


def guessed_type(name: str) -> str:
    """The MIME type for a file name; for compressed files, that of the compression."""
    import mimetypes

    kind, encoding = mimetypes.guess_type(name)
    return f"application/{encoding}" if encoding else kind or ""


@contextmanager
def _source(path: Path | None) -> Iterator[IO[bytes]]:
    if path is None:
        if sys.stdin.isatty():
            click.echo("reading from the terminal; end the input with Ctrl-D", err=True)
        yield sys.stdin.buffer
        return
    if path.is_dir():
        hint = f"for a folder: s3d cp -r {path} s3://BUCKET/"
        raise UsageError("bad usage", f"{path} is a folder", hint)
    with path.open("rb") as file:
        yield file


def _length(source: IO[bytes]) -> int | None:
    """The bytes from the current position to the end of a regular file; None for a pipe."""
    status = os.fstat(source.fileno())
    return status.st_size - source.tell() if stat.S_ISREG(status.st_mode) else None


class Counted:
    """A source that counts the bytes read from it."""

    def __init__(self, source: IO[bytes], progress: Progress) -> None:
        self._source = source
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        block = self._source.read(size)
        self._progress.add(len(block))
        return block
