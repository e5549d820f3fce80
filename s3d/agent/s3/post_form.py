"""POST Object: reads an upload by an HTML form piece by piece, and what the form asks for.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
The form of browsers and of HTTP libraries is RFC 7578. post_policy authorizes the
form: call it when in_file turns true, before the first byte of the file is stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from logging import CRITICAL, Logger
from typing import Any, cast
from urllib.parse import unquote_to_bytes, urlencode, urlsplit

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from s3d.agent.s3 import xml
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.object_headers import CONTENT_HEADERS
from s3d.agent.s3.parse import parse_input
from s3d.agent.s3.routing import Address, check_key
from s3d.agent.s3.scalars import is_header

MAX_FIELDS = 20 * 1024
"""Bytes of everything that comes before the file's own bytes."""

_BOUNDARY = re.compile(r"[!-~](?:[ -~]{0,68}[!-~])?")
_PARAMETER = re.compile(r";\s*([\w!#$%&+^`|~.*-]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\";\s]*)\s*")
_HEADERS = {"acl": "x-amz-acl", **{name: name for name in CONTENT_HEADERS.values()}}
"""Field -> header of PutObject; so are x-amz-* fields, under their own name."""
_SIGNED = frozenset({"policy", "signature", "x-amz-signature", "x-amz-credential"})
"""Fields in which ${filename} stays: a replacement would make them fail."""
_STATUSES = {"200": 200, "201": 201}
_ESCAPE = re.compile(r"\\([\"\\])")


class FormReader:
    """Reads one multipart/form-data body without keeping more than its fields.

    Raises S3Error: PreconditionFailed (another content type), MalformedPOSTRequest,
    MaxPostPreDataLengthExceededError, InvalidArgument (no file, or a field twice).
    """

    def __init__(self, content_type: str) -> None:
        boundary = _boundary(content_type)
        self.fields: dict[str, str] = {}
        """Lower-case name -> value of the fields before the file; later ones are ignored."""
        self.in_file = False
        """The fields are complete: the file has begun."""
        self._parser = self._new_parser(boundary)
        self._preamble: bytearray | None = bytearray(b"\r\n")
        """What precedes the first delimiter, which need not have a line break before it."""
        self._delimiter = b"\r\n--" + boundary
        self._parsed = 0
        """Bytes that the parser was given before the piece in hand."""
        self._header = ("", "")
        """Name and value of the header in hand."""
        self._disposition: dict[str, str] = {}
        """Of the part in hand; a field has a name."""
        self._value = bytearray()
        """Of the field in hand."""
        self._file: list[bytes] = []
        """Bytes of the file in the piece in hand."""
        self._ended = False
        """The file is complete."""

    def feed(self, data: bytes) -> bytes:
        """The bytes of the file in this piece of the body."""
        if self._ended:
            return b""
        if self._preamble is not None:
            data = self._skip_preamble(data)
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            if not self._ended:
                raise S3Error("MalformedPOSTRequest") from error
        self._parsed += len(data)
        if not self.in_file and self._parsed > MAX_FIELDS:
            raise S3Error("MaxPostPreDataLengthExceededError")
        file = b"".join(self._file)
        self._file.clear()
        return file

    def finish(self) -> None:
        """Must be called when the body has ended. Raises when the form did not end."""
        if not self._ended:
            raise S3Error("MalformedPOSTRequest")

    def _new_parser(self, boundary: bytes) -> MultipartParser:
        callbacks: dict[str, Callable[..., None]] = {
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        parser = MultipartParser(boundary, cast(Any, callbacks), max_header_size=MAX_FIELDS)
        # It logs each mistake in a form as a warning, and any web page may send forms.
        parser.logger = Logger(__name__, CRITICAL)  # noqa: LOG001
        return parser

    def _skip_preamble(self, data: bytes) -> bytes:
        """What follows the preamble (RFC 2046 section 5.1.1), which the parser does not know."""
        assert self._preamble is not None
        self._preamble += data
        at = self._preamble.find(self._delimiter)
        if at < 0:
            if len(self._preamble) > MAX_FIELDS:
                raise S3Error("MaxPostPreDataLengthExceededError")
            return b""
        data = bytes(self._preamble[at + 2 :])
        self._preamble = None
        self._parsed = at
        return data

    # ------------------------------------------------------------------ called by the parser

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        name, value = self._header
        self._header = (name + data[start:end].decode("latin-1"), value)

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        name, value = self._header
        self._header = (name, value + data[start:end].decode("latin-1"))

    def _on_header_end(self) -> None:
        name, value = self._header
        self._header = ("", "")
        text = _text(value.encode("latin-1"))
        if name.lower() == "content-disposition" and not self._disposition:
            kind, parameters = _header_value(text)
            if kind == "form-data" and parameters.get("name"):
                self._disposition = parameters

    def _on_headers_finished(self) -> None:
        if self.in_file:
            return
        if not self._disposition:
            raise S3Error("MalformedPOSTRequest")
        if self._disposition["name"].lower() == "file":
            self._begin_file()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if not self.in_file:
            self._value += data[start:end]
        elif not self._ended:
            self._file.append(data[start:end])

    def _on_part_end(self) -> None:
        if self.in_file:
            self._ended = True
            return
        name = self._disposition["name"].lower()
        if name in self.fields:
            raise S3Error("InvalidArgument", "A field was given twice", ArgumentName=name)
        self.fields[name] = _text(self._value)
        self._value.clear()
        self._disposition = {}

    def _on_end(self) -> None:
        if not self.in_file:
            raise _no_file()

    def _begin_file(self) -> None:
        """${filename} becomes the user's name of the file, without its folders, in every field
        but those that were signed.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
        """
        self.in_file = True
        if sum(len(name) + len(value) for name, value in self.fields.items()) > MAX_FIELDS:
            raise S3Error("MaxPostPreDataLengthExceededError")
        filename = self._disposition.get("filename", "").replace("\0", "")
        name = re.split(r"[/\\]", filename)[-1]
        for field, value in self.fields.items():
            if field not in _SIGNED:
                self.fields[field] = value.replace("${filename}", name)


@dataclass(frozen=True, slots=True)
class Success:
    """The response that a form asks for after success."""

    status: int
    """200, 201 (with a PostResponse document), 204, or 303 with a location()."""
    redirect: str = ""

    def location(self, bucket: str, key: str, etag: str) -> str:
        """The redirect with what was stored in its query. etag: quoted."""
        stored = urlencode({"bucket": bucket, "key": key, "etag": etag})
        return f"{self.redirect}{'&' if urlsplit(self.redirect).query else '?'}{stored}"


def success(fields: Mapping[str, str]) -> Success:
    """The response that the fields ask for; a redirect to no http URL is ignored, as by AWS."""
    target = fields.get("success_action_redirect") or fields.get("redirect", "")
    if _is_http_url(target):
        return Success(303, target)
    return Success(_STATUSES.get(fields.get("success_action_status", ""), 204))


def key_of(fields: Mapping[str, str]) -> str:
    """The field "key". Raises InvalidArgument when it is missing, whatever the policy says."""
    key = fields.get("key")
    if not key:
        raise S3Error(
            "InvalidArgument",
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the "
            "order of the fields.",
            ArgumentName="key",
        )
    return key


def put_members(fields: Mapping[str, str], bucket: str) -> Members:
    """The members of the PutObject that the fields ask for.

    Raises S3Error: InvalidArgument (no key, or what no header can hold), KeyTooLongError,
    MalformedXML (tagging), and those of parse_input for PutObject's headers.
    """
    key = key_of(fields)
    check_key(key)
    headers = [_header(name, value) for name, value in fields.items() if _is_header(name)]
    if "tagging" in fields:
        headers.append(("x-amz-tagging", _tagging(fields["tagging"])))
    wire = WireRequest("PUT", "", "", tuple(headers))
    return parse_input(operations()["PutObject"], wire, Address(bucket, key, False), {}, b"")


def _is_header(field: str) -> bool:
    return field in _HEADERS or field.startswith("x-amz-")


def _header(field: str, value: str) -> tuple[str, str]:
    if not is_header(field, value):
        raise S3Error("InvalidArgument", ArgumentName=field)
    return _HEADERS.get(field, field), value.strip(" \t")


def _tagging(document: str) -> str:
    """The tag set of an XML document in the form of the x-amz-tagging header."""
    try:
        tags = xml.read(document.encode(), "Tagging", "Tagging", strict=True)["TagSet"]
    except ValueError as error:
        raise S3Error("MalformedXML") from error
    return urlencode([(tag["Key"], tag["Value"]) for tag in tags])


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    printable = text.isascii() and text.isprintable() and " " not in text
    return printable and parts.scheme in ("http", "https") and bool(parts.netloc)


def _boundary(content_type: str) -> bytes:
    kind, parameters = _header_value(content_type)
    if kind != "multipart/form-data":
        raise S3Error(
            "PreconditionFailed",
            "Bucket POST must be of the enclosure-type multipart/form-data",
            Condition="Bucket POST must be of the enclosure-type multipart/form-data",
        )
    boundary = parameters.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise S3Error("MalformedPOSTRequest")
    return boundary.encode()


def _header_value(text: str) -> tuple[str, dict[str, str]]:
    """Lower-case value and parameters: 'form-data; name="key"' -> ("form-data", {"name": "key"}).

    An extended filename* (RFC 5987, from HTTP libraries) wins over filename.
    """
    kind, _, rest = text.partition(";")
    found = {name.lower(): _unquote(value) for name, value in _PARAMETER.findall(f";{rest}")}
    charset, _, extended = found.get("filename*", "").partition("'")
    if charset.lower() == "utf-8":
        found["filename"] = _text(unquote_to_bytes(extended.partition("'")[2]))
    return kind.strip().lower(), found


def _unquote(value: str) -> str:
    """The text of a quoted string. Old browsers do not escape backslashes: they stay."""
    return _ESCAPE.sub(r"\1", value[1:-1]) if value.startswith('"') else value


def _text(data: bytes | bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise S3Error("MalformedPOSTRequest", "The form is not UTF-8") from error


def _no_file() -> S3Error:
    return S3Error(
        "InvalidArgument",
        "POST requires exactly one file upload per request.",
        ArgumentName="file",
        ArgumentValue="0",
    )
