"""botocore's service-2.json compiled to operations.

The file is read as data: importing botocore would cost the agent 0.2 s and megabytes. Nothing is
read before the first call of operations() or service(). What the newest S3 API has beyond the
installed file is data of ours, newest_api.json.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from s3d.agent.s3 import model_overrides

Scope = Literal["service", "bucket", "object"]
Access = Literal["read", "write", "list", "admin"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One S3 operation, compiled once from the botocore model plus model_overrides.py."""

    name: str
    method: str
    scope: Scope
    subresource: str | None
    """The query word that selects it ("tagging", "uploads", ...)."""
    status: int
    """Success status, e.g. 200 or 204."""
    root_tag: str | None
    """XML root of the output; botocore's JSON lacks it."""
    streaming_input: bool
    """The payload goes to S3Request.body, not into the input."""
    streaming_output: bool
    access: Access


UNKNOWN = Operation("", "", "service", None, 501, None, False, False, "admin")
"""A request that no rule matches; no store has a handler for it, so the response is
NotImplemented."""


class Member(msgspec.Struct, frozen=True, rename="camel"):
    """A member of a structure, or the element of a list or map: a shape and where it travels."""

    shape: str
    location: str | None = None
    """header, headers (a map of them), uri, querystring; None: in the body."""
    location_name: str | None = None
    flattened: bool = False
    xml_attribute: bool = False
    xml_namespace: dict[str, str] | None = None
    streaming: bool = False
    timestamp_format: str | None = None


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """A type: structure, list, map, string, integer, long, boolean, timestamp or blob."""

    type: str
    members: dict[str, Member] = {}
    required: tuple[str, ...] = ()
    payload: str | None = None
    """The member that is the whole body."""
    member: Member | None = None
    """The element, when this is a list."""
    flattened: bool = False
    location_name: str | None = None
    enum: tuple[str, ...] = ()
    timestamp_format: str | None = None
    xml_namespace: dict[str, str] | None = None
    eventstream: bool = False


class Http(msgspec.Struct, frozen=True, rename="camel"):
    method: str
    request_uri: str
    response_code: int = 200


class OperationModel(msgspec.Struct, frozen=True, rename="camel"):
    """An operation in the file."""

    name: str
    http: Http
    input: Member | None = None
    output: Member | None = None
    deprecated: bool = False


class Service(msgspec.Struct, frozen=True):
    """The part of the file that s3d uses; documentation is skipped while reading."""

    operations: dict[str, OperationModel]
    shapes: dict[str, Shape]

    def input_of(self, name: str) -> Shape:
        """The input structure of the named operation."""
        return self._shape(self.operations[name].input)

    def output_of(self, name: str) -> Shape:
        """The output structure of the named operation; an empty one when it has none."""
        return self._shape(self.operations[name].output)

    def _shape(self, member: Member | None) -> Shape:
        return self.shapes[member.shape] if member else Shape("structure")


class Additions(msgspec.Struct, frozen=True):
    """What a newer S3 model has beyond another one. tests/agent/s3/newest_model.py writes it."""

    botocore: str
    """The version of botocore that has all this."""
    operations: dict[str, OperationModel]
    shapes: dict[str, Shape]
    members: dict[str, dict[str, Member]]
    """Shape of the older model -> the members that it lacks."""
    enums: dict[str, tuple[str, ...]]
    """Shape of the older model -> the values that it lacks."""


@cache
def service() -> Service:
    """The S3 model: the installed botocore's, and what the newest API adds to it.

    Raises FileNotFoundError when botocore or its model is missing.
    """
    return merged(installed(), additions())


@cache
def additions() -> Additions:
    """newest_api.json."""
    data = Path(__file__).with_name("newest_api.json").read_bytes()
    return msgspec.json.decode(data, type=Additions)


def merged(model: Service, more: Additions) -> Service:
    """The model with what it lacks of the additions; what it has itself stays."""
    shapes = more.shapes | model.shapes
    for name, members in more.members.items():
        known = shapes[name].members
        new = {each: member for each, member in members.items() if each not in known}
        shapes[name] = msgspec.structs.replace(shapes[name], members=known | new)
    for name, values in more.enums.items():
        enum = dict.fromkeys((*shapes[name].enum, *values))
        shapes[name] = msgspec.structs.replace(shapes[name], enum=tuple(enum))
    return Service(more.operations | model.operations, shapes)


def installed() -> Service:
    """The installed botocore's S3 model. Raises FileNotFoundError when it is missing."""
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("botocore is not installed")
    versions = sorted((Path(spec.origin).parent / "data" / "s3").glob("*/service-2.json*"))
    if not versions:
        raise FileNotFoundError("the installed botocore has no S3 model")
    data = versions[-1].read_bytes()
    plain = gzip.decompress(data) if versions[-1].suffix == ".gz" else data
    return msgspec.json.decode(plain, type=Service)


@cache
def operations() -> Mapping[str, Operation]:
    """Every operation by name."""
    return {name: _compile(name) for name in service().operations}


def _compile(name: str) -> Operation:
    model = service().operations[name]
    given, answer = service().input_of(name), service().output_of(name)
    scope = _scope(model.http.request_uri)
    return Operation(
        name=name,
        method=model.http.method,
        scope=scope,
        subresource=_subresource(model, given),
        status=model_overrides.STATUSES.get(name, model.http.response_code),
        root_tag=_root_tag(name, answer),
        streaming_input=_is_streaming(given),
        streaming_output=_is_streaming(answer),
        access=_access(name, model.http.method, scope),
    )


def _scope(uri: str) -> Scope:
    path = uri.partition("?")[0]
    if path == "/{Bucket}/{Key+}":
        return "object"
    return "bucket" if path == "/{Bucket}" else "service"


def _subresource(model: OperationModel, given: Shape) -> str | None:
    """The first word of the URI's query, else a query parameter that the operation requires."""
    query = model.http.request_uri.partition("?")[2]
    if query:
        return query.partition("&")[0].partition("=")[0]
    words = required_words(given, "querystring")
    return words[-1] if words else None


def required_words(given: Shape, location: str) -> list[str]:
    """Wire names of the members that must come in this location, in the model's order."""
    members = [given.members[name] for name in given.required]
    return [m.location_name or "" for m in members if m.location == location]


def _root_tag(name: str, answer: Shape) -> str | None:
    if name in model_overrides.ROOTS:
        return model_overrides.ROOTS[name]
    if answer.payload is None:
        return None
    member = answer.members[answer.payload]
    if service().shapes[member.shape].type != "structure" or _is_streaming(answer):
        return None
    return member.location_name or answer.payload


def _is_streaming(shape: Shape) -> bool:
    """True for a streaming blob and for an event stream."""
    if shape.payload is None:
        return False
    member = shape.members[shape.payload]
    return member.streaming or service().shapes[member.shape].eventstream


def _access(name: str, method: str, scope: Scope) -> Access:
    if name in model_overrides.LIST_OPERATIONS:
        return "list"
    if method in ("GET", "HEAD") or name in model_overrides.READ_BY_POST:
        return "read"
    if name in model_overrides.ADMIN_OBJECT_OPERATIONS:
        return "admin"
    writes = scope == "object" or name in model_overrides.WRITE_BUCKET_OPERATIONS
    return "write" if writes else "admin"
