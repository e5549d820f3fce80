"""What the elements of a document mean, by the shapes of the model: the plan of both readers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from typing import Any

from s3d.agent.s3 import scalars
from s3d.agent.s3.model import Member, Shape, service
from s3d.agent.s3.model_overrides import LIST_LIMITS, REQUIRED_MEMBERS, STRICT_XML_ENUMS

MAX_ELEMENTS = 70_000
"""10,000 parts with their number, ETag and up to four checksums, and some more."""
_MAX_TIMES = 1_024
"""Times that are remembered: many rows of a listing have the same."""

Convert = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Child:
    """What an element means in the structure or list that contains it."""

    member: str
    node: Node
    many: bool
    limit: int | None = None
    """How often it may come."""


@dataclass(slots=True)
class Node:
    """What is inside an element: text (convert is set), a list (is_list) or members."""

    convert: Convert | None = None
    is_list: bool = False
    children: dict[str, Child] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    tags: dict[str, Child] = field(default_factory=dict)
    """Children by their names with a namespace, as xml_tree has met them."""


def local_name(name: str) -> str:
    """Without the prefix of a namespace."""
    return name.rpartition(":")[2]


def is_flat(member: Member, shape: Shape) -> bool:
    """Whether the items of a list have no element around them."""
    return member.flattened or shape.flattened


@cache
def node_of(name: str) -> Node:
    """What is inside an element of the named shape."""
    shape = service().shapes[name]
    if shape.type == "list" and shape.member:
        item = Child("", node_of(shape.member.shape), many=True, limit=LIST_LIMITS.get(name))
        return Node(is_list=True, children={shape.member.location_name or "member": item})
    if shape.type != "structure":
        return Node(convert=_text_reader(name, shape))
    body = {key: member for key, member in shape.members.items() if member.location is None}
    required = (*shape.required, *REQUIRED_MEMBERS.get(name, ()))
    node = Node(required=tuple(key for key in required if key in body))
    for member_name, member in body.items():
        if member.xml_attribute:
            node.attributes[local_name(member.location_name or member_name)] = member_name
        else:
            tag, child = _child_of(member_name, member)
            node.children[tag] = child
    return node


def _child_of(name: str, member: Member) -> tuple[str, Child]:
    """The element of a member; that of a flattened list stands for one item, without a wrapper."""
    shape = service().shapes[member.shape]
    tag = member.location_name or name
    if not (shape.member and is_flat(member, shape)):
        return tag, Child(name, node_of(member.shape), many=False)
    limit = LIST_LIMITS.get(member.shape)
    tag = member.location_name or shape.member.location_name or name
    return tag, Child(name, node_of(shape.member.shape), many=True, limit=limit)


def _text_reader(name: str, shape: Shape) -> Convert:
    if name in STRICT_XML_ENUMS:
        return partial(_read_one_of, values=frozenset(shape.enum))
    return _TEXT_READERS[shape.type]


def _read_one_of(text: str, values: Container[str]) -> str:
    if text not in values:
        raise ValueError("not one of the values")
    return text


_TEXT_READERS: dict[str, Convert] = {
    "string": str,
    "integer": scalars.read_integer,
    "long": partial(scalars.read_integer, low=-scalars.LONG_MAX - 1, high=scalars.LONG_MAX),
    "boolean": scalars.read_boolean,
    "timestamp": lru_cache(_MAX_TIMES)(scalars.read_time),
    "blob": base64.b64decode,
}
