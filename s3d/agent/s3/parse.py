"""Parses the members of a client's request and of a remote's response.

Compiled once per operation to tables by header name and query word, so that the cost of a
request depends on its headers, not on its shape. Streaming bodies are never read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from s3d.agent.s3 import model_overrides, scalars, xml
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, WireRequest
from s3d.agent.s3.model import Member, Operation, Shape, service
from s3d.agent.s3.routing import Address

META = "x-amz-meta-"
_IGNORED = object()
"""A reader returns it for a value to be ignored."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A header or query word: which member it is and how its text is read."""

    member: str
    wire: str
    """Its name as AWS spells it."""
    read: Callable[[str], Any]
    keeps_empty: bool
    error: tuple[str, str]
    """S3 error code and message ("" for the code's own) when read raises ValueError or KeyError."""


@dataclass(frozen=True, slots=True)
class _Document:
    """An XML body: its shape, its root, and the member it becomes; None: members of its own."""

    shape: str
    root: str | None
    member: str | None
    known_only: bool = False
    """Every element must be in the model."""


@dataclass(frozen=True, slots=True)
class _Plan:
    names: tuple[str, ...]
    """Of Bucket and Key, those that the operation has."""
    headers: Mapping[str, _Field]
    """By lower-case name."""
    query: Mapping[str, _Field]
    metadata: str | None
    """The member that takes the x-amz-meta-* headers."""
    document: _Document | None
    text: str | None
    """The member that is the whole body as text."""
    required: tuple[_Field, ...]
    body_required: bool
    size: str | None = None
    """The member that is the size of the streaming body."""


def parse_input(
    op: Operation,
    wire: WireRequest,
    address: Address,
    query: Mapping[str, str],
    payload: bytes | None,
    *,
    size: int | None = None,
) -> Members:
    """The input members of a request, with Bucket and Key and without a streaming Body.

    payload: the whole body, b"" when it streams; None: a document that has not come yet, whose
    members are missing then. size: of a streaming body without any coding, which becomes
    ContentLength. Values are as boto3 has them, but for Expires and ResponseExpires, which stay as
    written. x-amz-* headers may come in the query, where presigning SDKs put them; a header of the
    same name wins. ContentEncoding lacks aws-chunked, a coding of the transfer. Raises S3Error:
    InvalidArgument, InvalidRequest, InvalidStorageClass, MetadataTooLarge, MissingRequestBodyError,
    MalformedXML, MalformedACLError, MalformedPolicy.
    """
    plan = _input_plan(op.name)
    members: Members = {}
    for name in plan.names:
        members[name] = address.bucket if name == "Bucket" else address.key
    hoisted = _read_query(plan, query, members) if query else ()
    _read_headers(plan, (*hoisted, *wire.headers), members, len(hoisted))
    if op.streaming_input:
        _unframe(members)
        if plan.size is not None and size is not None:
            members[plan.size] = size
    if payload is not None and (plan.document is not None or plan.text is not None):
        try:
            _read_body(plan, payload, members, strict=True)
        except ValueError as error:
            raise S3Error(_body_error(op.name, payload)) from error
    for field in plan.required:
        if field.member not in members:
            code = "InvalidRequest" if field.wire.startswith("x-amz-") else "InvalidArgument"
            raise S3Error(code, f"{field.wire} is missing or empty", ArgumentName=field.wire)
    return members


def input_has_unknown_elements(op: Operation, payload: bytes) -> bool:
    """Whether parse_input ignores elements of the document, since the model lacks them."""
    document = _input_plan(op.name).document
    return document is not None and xml.has_unknown_elements(payload, document.shape, document.root)


def parse_output(
    op: Operation, status: int, headers: Iterable[tuple[str, str]], payload: bytes
) -> Members:
    """The output members of a successful response of a remote, without a streaming Body.

    headers: names in any letter case. Raises S3Error or ValueError for an invalid response.
    """
    plan = _output_plan(op.name)
    members: Members = {}
    _read_headers(plan, [(name.lower(), value) for name, value in headers], members, 0)
    if payload and status not in (204, 304):
        _read_body(plan, payload, members, strict=False)
    return members


# ---------------------------------------------------------------- reading by plan


def _read_query(plan: _Plan, query: Mapping[str, str], members: Members) -> list[tuple[str, str]]:
    """Read the words that are members; return those that are headers, by lower-case name."""
    hoisted = []
    for word, value in query.items():
        field = plan.query.get(word)
        if field is not None:
            _put(field, value, members)
        elif word[:6].lower() == "x-amz-":
            is_checksum = word[6:15].lower() == "checksum-"
            if not (is_checksum and value in model_overrides.EMPTY_CHECKSUMS):
                hoisted.append((word.lower(), value))
    return hoisted


def _read_headers(
    plan: _Plan, headers: Iterable[tuple[str, str]], members: Members, hoisted: int
) -> None:
    """Read headers by lower-case name; the first `hoisted` of them yield to later ones."""
    fields = plan.headers
    ours = [(n, h) for n, h in enumerate(headers) if h[0] in fields or h[0][:11] == META]
    if not ours:
        return
    found: dict[str, str] = {}
    weak: set[str] = set()
    for number, (name, value) in ours:
        if number < hoisted:
            weak.add(name)
        elif name in found and name not in weak:
            value = f"{found[name]},{value}"
        else:
            weak.discard(name)
        found[name] = value
    metadata = {}
    for name, value in found.items():
        value = value if value.isascii() else _unicode(value)
        field = plan.headers.get(name)
        if field is not None:
            _put(field, value, members)
        else:
            metadata[name[len(META) :]] = value
    if metadata and plan.metadata:
        members[plan.metadata] = metadata
        _check_metadata(metadata)


def _put(field: _Field, value: str, members: Members) -> None:
    if not value and not field.keeps_empty:
        error = model_overrides.NEVER_EMPTY.get(field.wire)
        if error is not None:
            raise S3Error(*error, ArgumentName=field.wire, ArgumentValue=value)
        return
    try:
        read = field.read(value)
    except (ValueError, KeyError) as error:
        raise _invalid(field, value) from error
    if read is not _IGNORED:
        members[field.member] = read


def _invalid(field: _Field, value: str) -> S3Error:
    (code, message), name = field.error, field.wire
    if name == "partNumber":
        message = "Part number must be an integer between 1 and 10000, inclusive"
    elif name in model_overrides.COUNTS:
        name, message = _count_error(name, value)
    return S3Error(code, message, ArgumentName=name, ArgumentValue=value)


def _count_error(wire: str, value: str) -> tuple[str, str]:
    """The name and message of AWS's error for a value that a parameter such as max-keys has not."""
    try:
        scalars.read_integer(value)
    except ValueError:
        return wire, f"Provided {wire} not an integer or within integer range"
    name = model_overrides.COUNTS[wire]
    return name, f"Argument {name} must be an integer between 0 and {scalars.INT_MAX}"


def _read_body(plan: _Plan, payload: bytes, members: Members, *, strict: bool) -> None:
    """Raises ValueError (UnicodeError is one)."""
    if not payload or payload.isspace():
        if plan.body_required:
            raise ValueError("a body is required")
    elif plan.text is not None:
        members[plan.text] = payload.decode()
    elif plan.document is not None:
        shape, root, member = plan.document.shape, plan.document.root, plan.document.member
        known_only = plan.document.known_only
        value = xml.read(payload, shape, root, strict=strict, known_only=known_only)
        members.update(value if member is None else {member: value})


def _body_error(name: str, payload: bytes) -> str:
    """The code of the error for a body that is no document of the operation."""
    malformed = model_overrides.MALFORMED.get(name, "MalformedXML")
    if payload and not payload.isspace():
        return malformed
    return malformed if name in model_overrides.MALFORMED_WHEN_EMPTY else "MissingRequestBodyError"


def _unframe(members: Members) -> None:
    """Remove aws-chunked, a coding of the transfer, from the members that describe the object."""
    encodings = [part.strip() for part in members.get("ContentEncoding", "").split(",")]
    if any(part.lower() == "aws-chunked" for part in encodings):
        del members["ContentEncoding"]
        kept = ",".join(part for part in encodings if part and part.lower() != "aws-chunked")
        if kept:
            members["ContentEncoding"] = kept


def _unicode(value: str) -> str:
    """Text of a header in UTF-8; if its bytes are not, each stands for a Latin-1 character."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeError:
        return raw.decode("latin-1")


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if "" in metadata:
        raise S3Error("InvalidArgument", "User metadata has no name", ArgumentName=META)
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > model_overrides.MAX_METADATA_SIZE:
        raise S3Error(
            "MetadataTooLarge", Size=size, MaxSizeAllowed=model_overrides.MAX_METADATA_SIZE
        )


# ---------------------------------------------------------------- plans


@cache
def _input_plan(name: str) -> _Plan:
    model = service().operations[name]
    root = model.input.location_name if model.input else None
    required = name in model_overrides.BODY_REQUIRED
    plan = _plan(service().input_of(name), model.input, root, body_required=required)
    headers = {
        wire: _Field(member, wire, str, keeps_empty=True, error=("InvalidArgument", ""))
        for wire, member in model_overrides.FURTHER_HEADERS.get(name, {}).items()
    }
    for wire, field in plan.headers.items():
        never_empty = wire in model_overrides.NEVER_EMPTY_HEADERS
        headers[wire] = replace(field, keeps_empty=True) if never_empty else field
    document = plan.document
    if document is not None and name in model_overrides.KNOWN_ELEMENTS_ONLY:
        document = replace(document, known_only=True)
    length = headers.pop("content-length", None)
    size = None if length is None else length.member
    return replace(plan, headers=headers, document=document, size=size)


@cache
def _output_plan(name: str) -> _Plan:
    model = service().operations[name]
    return _plan(service().output_of(name), model.output, None, body_required=False)


def _plan(shape: Shape, of: Member | None, root: str | None, *, body_required: bool) -> _Plan:
    headers = _fields(shape, "header")
    query = _fields(shape, "querystring")
    required = [f for f in (*headers.values(), *query.values()) if f.member in shape.required]
    document, text = _body(shape, of, root)
    return _Plan(
        names=tuple(name for name, m in shape.members.items() if m.location == "uri"),
        headers={field.wire.lower(): field for field in headers.values()},
        query=query,
        metadata=next((n for n, m in shape.members.items() if m.location == "headers"), None),
        document=document,
        text=text,
        required=tuple(required),
        body_required=body_required or shape.payload in shape.required or root is not None,
    )


def _body(shape: Shape, of: Member | None, root: str | None) -> tuple[_Document | None, str | None]:
    """The document, or the member that takes the body as text; neither for a streaming body."""
    shapes = service().shapes
    if shape.payload is None:
        has_body = any(member.location is None for member in shape.members.values())
        if not has_body or of is None:
            return None, None
        if list(shape.members) == ["LocationConstraint"]:
            # GetBucketLocation: the root element is the member
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
            member = shape.members["LocationConstraint"]
            return _Document(member.shape, None, "LocationConstraint"), None
        return _Document(of.shape, root, None), None
    member = shape.members[shape.payload]
    if member.streaming or shapes[member.shape].eventstream:
        return None, None
    if shapes[member.shape].type == "string":
        return None, shape.payload
    is_request = member.xml_namespace is not None  # only there must the root be a certain one
    expected = member.location_name if is_request else None
    return _Document(member.shape, expected, shape.payload), None


def _fields(shape: Shape, location: str) -> dict[str, _Field]:
    """By name on the wire."""
    members = shape.members.items()
    fields = [_field(name, member) for name, member in members if member.location == location]
    return {field.wire: field for field in fields}


def _field(name: str, member: Member) -> _Field:
    shape = service().shapes[member.shape]
    wire = member.location_name or name
    item = shape.member.shape if shape.member else member.shape
    keeps_empty = (
        member.location == "querystring"
        and shape.type == "string"
        and not shape.enum
        and wire not in model_overrides.NEVER_EMPTY
    )
    error = model_overrides.HEADER_ENUMS.get(item, ("InvalidArgument", ""))
    becomes_header = wire.startswith("response-")
    read = _read_text if becomes_header else _reader(member.shape, shape)
    return _Field(name, wire, read, keeps_empty, error)


def _reader(name: str, shape: Shape) -> Callable[[str], Any]:
    if name in model_overrides.VERBATIM:
        return _read_text
    if shape.member:
        return partial(_read_list, item=_reader(shape.member.shape, _shape(shape.member)))
    if name in model_overrides.HEADER_ENUMS:
        return {value: value for value in shape.enum}.__getitem__
    if name in model_overrides.LENIENT_TIMES:
        return _read_lenient_time
    if name in model_overrides.RANGES:
        low, high = model_overrides.RANGES[name]
        return partial(scalars.read_integer, low=low, high=high)
    return _READERS[shape.type]


def _shape(member: Member) -> Shape:
    return service().shapes[member.shape]


def _read_text(value: str) -> str:
    """Text that may become a header: control characters in it would end one and begin another."""
    if not value.isprintable() and any((c < " " and c != "\t") or c == "\x7f" for c in value):
        raise ValueError("a control character")
    return value


def _read_list(value: str, item: Callable[[str], Any]) -> list[Any]:
    return [item(part.strip()) for part in value.split(",") if part.strip()]


def _read_lenient_time(value: str) -> Any:
    try:
        return scalars.read_time(value)
    except ValueError:
        return _IGNORED


_READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": partial(scalars.read_integer, low=0),
    "long": partial(scalars.read_integer, low=0, high=scalars.LONG_MAX),
    "boolean": scalars.read_boolean,
    "timestamp": scalars.read_time,
}
