"""Members that a person has written, such as those in a TOML file, as a request has them.

Their names and types are checked by the model of S3. Then they become the document that a client
would send, which parse_input() reads as any: it has the rules beyond names and types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from s3d.agent.s3 import xml
from s3d.agent.s3.messages import Members, WireRequest
from s3d.agent.s3.model import Shape, operations, service
from s3d.agent.s3.parse import parse_input
from s3d.agent.s3.routing import Address

_TYPES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "structure": (lambda value: isinstance(value, dict), "a table"),
    "list": (lambda value: isinstance(value, list), "a list"),
    "string": (lambda value: isinstance(value, str), "a text"),
    "integer": (lambda value: type(value) is int, "a whole number"),
    "long": (lambda value: type(value) is int, "a whole number"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "timestamp": (lambda value: isinstance(value, datetime | date), "a date"),
}
"""Type of a shape -> whether a value is one, and what is expected."""


def parse_written(name: str, bucket: str, value: Any) -> Members:
    """The input members of the named operation on a bucket, whose payload is the value.

    Raises ValueError, with everything that is wrong, and S3Error as parse_input() does.
    """
    given = service().input_of(name)
    payload = given.members[given.payload or ""]
    if service().shapes[payload.shape].type == "string":
        document = str(value)
    else:
        wrong = [*problems_of(payload.shape, value, "")]
        if wrong:
            raise ValueError("; ".join(wrong))
        document = xml.writer(payload.shape, payload.location_name or payload.shape)(value)
    wire = WireRequest("PUT", "/", "", ())
    address = Address(bucket, "", virtual=False)
    return parse_input(operations()[name], wire, address, {}, document.encode())


def problems_of(shape: str, value: Any, path: str) -> Iterator[str]:
    """What is wrong with the names and types of a value. path: of the value, for the texts."""
    of = service().shapes[shape]
    fits, expected = _TYPES.get(of.type, (lambda value: False, "left out"))
    if not fits(value):
        yield f"{path or shape} must be {expected}"
    elif of.type == "structure":
        yield from _problems_of_structure(of, value, path)
    elif of.type == "list" and of.member is not None:
        for number, each in enumerate(value):
            yield from problems_of(of.member.shape, each, f"{path}[{number}]")
    elif of.enum and value not in of.enum:
        yield f"{path or shape} must be one of {', '.join(of.enum)}"


def _problems_of_structure(of: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    lead = f"{path}." if path else ""
    for name in of.required:
        if name not in value:
            yield f"{lead}{name} is missing"
    for name, each in value.items():
        member = of.members.get(name)
        if member is not None:
            yield from problems_of(member.shape, each, lead + name)
            continue
        import difflib  # needed for errors only

        close = difflib.get_close_matches(name, of.members, n=1)
        yield f"{lead}{name} is unknown" + (f"; did you mean {close[0]}?" if close else "")
