"""Input members -> the query, the headers and the document of a request.

The client half of the codec, as far as the agent asks a remote without aioboto3. Streamed bodies
are not touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from s3d.agent.s3 import model_overrides, scalars, xml
from s3d.agent.s3.model import Member, service

Write = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where each input member of an operation goes."""

    query: str
    """Query words that the operation itself has."""
    in_query: Mapping[str, tuple[str, Write]]
    in_headers: Mapping[str, tuple[str, Write]]
    maps: Mapping[str, str]
    """Member that is a map -> prefix of its headers."""


@cache
def is_header_only(name: str) -> bool:
    """Whether the named operation has no document: its body is absent or one stream."""
    given = service().input_of(name)
    if given.payload is not None:
        return given.members[given.payload].streaming
    return all(member.location is not None for member in given.members.values())


def serialize_input(name: str, members: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """(raw query, headers with lower-case names) of the named operation.

    Bucket and Key are not in it, nor is the body or the document. None and "" count as absent.
    Members that the operation does not have are ignored; a time may be a text as it came from a
    client; a value that no header can hold is ValueError.
    """
    plan = _plan(name)
    query = [plan.query] if plan.query else []
    headers: list[tuple[str, str]] = []
    for member, value in members.items():
        if value is None or value == "":
            continue
        if member in plan.in_headers:
            header, write = plan.in_headers[member]
            headers.append((header, _printable(write(value))))
        elif member in plan.in_query:
            word, write = plan.in_query[member]
            query.append(f"{word}={quote(write(value), safe='-_.~')}")
        elif member in plan.maps:
            prefix = plan.maps[member]
            headers += [(prefix + k.lower(), _printable(v)) for k, v in value.items()]
    return "&".join(query), headers


def serialize_document(name: str, members: Mapping[str, Any]) -> bytes:
    """The document of the named operation, b"" when it has none or its member is absent.

    Raises ValueError for a value that is not of its shape, or that XML cannot express: another text
    in its place could name another key. An operation whose document is not one member has no plan
    here, and is ValueError, too.
    """
    if is_header_only(name):
        return b""
    given = service().input_of(name)
    if given.payload is None:
        raise ValueError(f"the document of {name} is not one member")
    member, value = given.members[given.payload], members.get(given.payload)
    if value is None:
        return b""
    if service().shapes[member.shape].type == "string":
        return str(value).encode()
    write = xml.writer(
        member.shape, member.location_name or given.payload, namespace=model_overrides.NAMESPACE
    )
    try:
        return (xml.DECLARATION + write(_checked(member.shape, value))).encode()
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{given.payload} is not of its shape") from error


def _checked(name: str, value: Any) -> Any:
    """The value of a document's shape without members that are None. Raises TypeError for another
    shape, and ValueError for text that XML 1.0 cannot express.

    https://www.w3.org/TR/xml/#charsets
    """
    shape = service().shapes[name]
    if shape.type == "structure":
        if not isinstance(value, Mapping):
            raise TypeError(name)
        given = {member: inner for member, inner in value.items() if inner is not None}
        members = shape.members
        return {k: _checked(members[k].shape, v) for k, v in given.items() if k in members}
    if shape.member is not None:
        if not isinstance(value, list | tuple):
            raise TypeError(name)
        return [_checked(shape.member.shape, each) for each in value]
    if isinstance(value, str) and _INEXPRESSIBLE.search(value):
        raise ValueError("XML cannot express a character of the document")
    return value


_INEXPRESSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@cache
def _plan(name: str) -> _Plan:
    given = service().input_of(name)
    places: dict[str, dict[str, tuple[str, Write]]] = {"header": {}, "querystring": {}}
    maps: dict[str, str] = {}
    for member_name, member in given.members.items():
        word = member.location_name or member_name
        if member.location in places:
            lower = word.lower() if member.location == "header" else word
            places[member.location][member_name] = lower, _writer(member)
        elif member.location == "headers":
            maps[member_name] = word.lower()
    query = service().operations[name].http.request_uri.partition("?")[2]
    return _Plan(query, places["querystring"], places["header"], maps)


def _writer(member: Member) -> Write:
    shape = service().shapes[member.shape]
    if shape.type == "timestamp":
        default = "rfc822" if member.location == "header" else "iso8601"
        form = _TIMES[member.timestamp_format or shape.timestamp_format or default]
        return lambda value: value if isinstance(value, str) else form(value)
    return _WRITERS.get(shape.type, str)


def _write_boolean(value: bool) -> str:
    return "true" if value else "false"


def _write_list(value: list[str]) -> str:
    return ",".join(value)


def _write_text(value: str | datetime) -> str:
    """Expires is a text for the model, since it may be garbage, and a time for boto3."""
    return scalars.http_time(value) if isinstance(value, datetime) else value


_WRITERS: Mapping[str, Write] = {
    "boolean": _write_boolean,
    "list": _write_list,
    "string": _write_text,
}
_TIMES: Mapping[str, Write] = {
    "rfc822": scalars.http_time,
    "iso8601": scalars.iso_time,
    "unixTimestamp": scalars.unix_time,
}


def _printable(text: str) -> str:
    """The text as it may stand in a header. Raises ValueError."""
    if any(sign in text for sign in "\r\n\0"):
        raise ValueError("a header cannot hold a line break or NUL")
    return text.strip()
