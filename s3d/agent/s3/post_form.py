"""POST Object: an upload by an HTML form, read piece by piece, and what it asks for.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
The form of browsers and of HTTP libraries is RFC 7578. Whether the caller may is post_policy's
business: check it when in_file turns true, before the first byte of the file is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlencode, urlsplit

from s3d.agent.s3 import xml
from s3d.agent.s3.address import Address, check_key
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, WireRequest
from s3d.agent.s3.model import operations
from s3d.agent.s3.object_headers import CONTENT_HEADERS
from s3d.agent.s3.parse import parse_input

MAX_FIELDS = 20 * 1024
"""Bytes of everything that comes before the file's own bytes."""

_BOUNDARY = re.compile(r"[!-~](?:[ -~]{0,68}[!-~])?")
_PARAMETER = re.compile(r";\s*([\w!#$%&+^`|~.*-]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\";\s]*)\s*")
_HEADERS = {"acl": "x-amz-acl", **{name: name for name in CONTENT_HEADERS.values()}}
"""Field -> header of PutObject; so are x-amz-* fields, under their own name."""
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_STATUSES = {"200": 200, "201": 201}
_ESCAPE = re.compile(r"\\([\"\\])")


class FormReader:
    """Reads one multipart/form-data body without keeping more than its fields.

    Raises S3Error: PreconditionFailed (another content type), MalformedPOSTRequest,
    MaxPostPreDataLengthExceededError, InvalidArgument (no file, or a field twice).
    """

    def __init__(self, content_type: str) -> None:
        self.fields: dict[str, str] = {}
        """Lower-case name -> value of the fields before the file; what comes after is ignored."""
        self.in_file = False
        """The fields are complete: the file has begun."""
        self._delimiter = b"\r\n--" + _boundary(content_type)
        # The first delimiter has no line break before it.
        self._head = bytearray(b"\r\n")
        self._at = 0
        """What is before this in _head is done with."""
        self._searched = 0
        self._name = ""
        """Of the field whose value comes; "" for what stands before the first delimiter."""
        self._step: Callable[[], bool] = self._read_value
        self._tail = b""
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        """The bytes of the file in this piece of the body."""
        if self._ended:
            return b""
        if not self.in_file:
            data = self._read_fields(data)
        return self._read_file(data) if self.in_file else b""

    def finish(self) -> None:
        """Must be called when the body has ended. Raises when the form did not end."""
        if not self._ended:
            raise S3Error("MalformedPOSTRequest")

    def _read_fields(self, data: bytes) -> bytes:
        """Take what is whole; the bytes of the file that are already there."""
        self._head += data
        while not self.in_file and self._step():
            pass
        if (self._at if self.in_file else len(self._head)) > MAX_FIELDS:
            raise S3Error("MaxPostPreDataLengthExceededError")
        return bytes(self._head[self._at :]) if self.in_file else b""

    def _read_value(self) -> bool:
        """Take the value of a field; False when its end has not come."""
        end = self._find(self._delimiter)
        if end < 0:
            return False
        if self._name in self.fields:
            raise S3Error("InvalidArgument", "A field was given twice", ArgumentName=self._name)
        if self._name:
            self.fields[self._name] = _text(self._head[self._at : end])
        self._at = end + len(self._delimiter)
        self._step = self._read_headers
        return True

    def _read_headers(self) -> bool:
        """Take the headers of a part; False when their end has not come."""
        opening = bytes(self._head[self._at : self._at + 2])
        if opening == b"--":
            raise _no_file()
        if not b"\r\n".startswith(opening) and opening != b"-":
            raise S3Error("MalformedPOSTRequest")
        end = self._find(b"\r\n\r\n")
        if end < 0:
            return False
        disposition = _disposition(_text(self._head[self._at : end]))
        self._at = end + 4
        self._name = disposition["name"].lower()
        self._step = self._read_value
        if self._name == "file":
            self._begin_file(disposition)
        return True

    def _find(self, what: bytes) -> int:
        """Like find from _at on, but what was searched in vain before is not searched again."""
        at = self._head.find(what, max(self._at, self._searched - len(what)))
        self._searched = len(self._head) if at < 0 else 0
        return at

    def _begin_file(self, disposition: dict[str, str]) -> None:
        """${filename} in the key becomes the user's name of the file, without its folders."""
        self.in_file = True
        name = re.split(r"[/\\]", disposition.get("filename", "").replace("\0", ""))[-1]
        if "key" in self.fields:
            self.fields["key"] = self.fields["key"].replace("${filename}", name)

    def _read_file(self, data: bytes) -> bytes:
        data = self._tail + data if self._tail else data
        end = data.find(self._delimiter)
        if end >= 0:
            self._ended, self._tail = True, b""
            return data[:end]
        # Keep back what may be the beginning of the delimiter; only its first byte is a CR.
        cut = data.rfind(b"\r", max(0, len(data) - len(self._delimiter)))
        if cut < 0 or not self._delimiter.startswith(data[cut:]):
            self._tail = b""
            return data
        self._tail = data[cut:]
        return data[:cut]


@dataclass(frozen=True, slots=True)
class Success:
    """How a form wants its success to be told."""

    status: int
    """200, 201 (with a PostResponse document), 204, or 303 with a location()."""
    redirect: str = ""

    def location(self, bucket: str, key: str, etag: str) -> str:
        """The redirect with what was stored in its query. etag: quoted."""
        stored = urlencode({"bucket": bucket, "key": key, "etag": etag})
        return f"{self.redirect}{'&' if urlsplit(self.redirect).query else '?'}{stored}"


def success(fields: Mapping[str, str]) -> Success:
    """What the fields ask for; a redirect that is no http URL counts as absent, as with AWS."""
    target = fields.get("success_action_redirect") or fields.get("redirect", "")
    if _is_http_url(target):
        return Success(303, target)
    return Success(_STATUSES.get(fields.get("success_action_status", ""), 204))


def put_members(fields: Mapping[str, str], bucket: str) -> Members:
    """The members of the PutObject that the fields ask for.

    Raises S3Error: InvalidArgument (no key, or what no header can hold), KeyTooLongError,
    MalformedXML (tagging), and what parse_input says of PutObject's headers.
    """
    key = fields.get("key")
    if not key:
        raise S3Error(
            "InvalidArgument",
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the "
            "order of the fields.",
            ArgumentName="key",
        )
    check_key(key)
    headers = [_header(name, value) for name, value in fields.items() if _is_header(name)]
    if "tagging" in fields:
        headers.append(("x-amz-tagging", _tagging(fields["tagging"])))
    wire = WireRequest("PUT", "", "", tuple(headers))
    return parse_input(operations()["PutObject"], wire, Address(bucket, key, False), {}, b"")


def _is_header(field: str) -> bool:
    return field in _HEADERS or field.startswith("x-amz-")


def _header(field: str, value: str) -> tuple[str, str]:
    """Unlike a real header, a field can hold what would end a header of an answer one day."""
    if not _HEADER_NAME.fullmatch(field) or _CONTROL.search(value):
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


def _disposition(headers: str) -> dict[str, str]:
    """The parameters of the Content-Disposition of a part; name is always there."""
    for line in headers.split("\r\n"):
        header, _, value = line.partition(":")
        if header.strip().lower() == "content-disposition":
            kind, parameters = _header_value(value)
            if kind == "form-data" and parameters.get("name"):
                return parameters
    raise S3Error("MalformedPOSTRequest")


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
    """The text of a quoted string. Old browsers send back slashes of paths bare: they stay."""
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
