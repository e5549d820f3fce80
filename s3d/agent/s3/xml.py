"""XML by the shapes of the model: a bounded, iterative reader and a writer compiled per shape.

Knows nothing of HTTP or operations. Names are matched by their local part, since clients send S3's
namespace, an own prefix, or none. There are no DTDs, hence no entities. Broken XML is ValueError.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from typing import Any, cast
from xml.parsers import expat

from s3d.agent.s3 import scalars
from s3d.agent.s3.model import Member, Shape, service
from s3d.agent.s3.xml_shapes import MAX_ELEMENTS, Child, Node, is_flat, local_name, node_of
from s3d.agent.s3.xml_tree import NotPlain, is_large_and_plain, read_tree

MAX_DEPTH = 16

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

Write = Callable[[Any], str]
_WriteAll = Callable[[Iterable[Mapping[str, Any]]], str]


# ---------------------------------------------------------------- reading


def read(
    data: bytes, shape: str, root: str | None, *, strict: bool, known_only: bool = False
) -> Any:
    """The value of a document of the given shape.

    root: local name of the root element, None for any. strict, for documents of clients: required
    members must be present, others at most once. known_only: every element must be of the shape.
    Raises ValueError.
    """
    if not (strict or known_only) and is_large_and_plain(data):
        with suppress(NotPlain):
            return read_tree(data, node_of(shape), root)
    reader = _parse(data, shape, root, strict)
    if known_only and reader.has_unknown_element:
        raise ValueError("an element is unknown")
    return reader.value


def has_unknown_elements(data: bytes, shape: str, root: str | None) -> bool:
    """Whether a document, which read() takes, has elements that the shape lacks."""
    return _parse(data, shape, root, strict=False).has_unknown_element


def _parse(data: bytes, shape: str, root: str | None, strict: bool) -> _Reader:
    reader = _Reader(node_of(shape), root, strict)
    text = data.decode()
    if "\0" in text:  # expat would treat it as UTF-16, whatever the declared encoding
        raise ValueError("not UTF-8")
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    return reader


class _Reader:
    """Expat's handlers: a stack of open elements, and a count of those inside an unknown one."""

    def __init__(self, node: Node, root: str | None, strict: bool) -> None:
        self.value: Any = None
        self.has_unknown_element = False
        self._root = root
        self._strict = strict
        self._top = Child("", node, many=False)
        self._stack: list[tuple[Child, Any]] = []
        self._skipped = 0
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        stack = self._stack
        if self._elements > MAX_ELEMENTS or len(stack) + self._skipped >= MAX_DEPTH:
            raise ValueError("too many elements, or too deep")
        if self._skipped:
            self._skipped += 1
            return
        local = local_name(name) if ":" in name else name
        child = stack[-1][0].node.children.get(local) if stack else self._root_child(local)
        if child is None:
            self._skipped = 1
            self.has_unknown_element = True
            return
        node = child.node
        value: Any = [] if node.convert or node.is_list else {}
        if attributes and node.attributes:
            for attribute, text in attributes.items():
                if local_name(attribute) in node.attributes:
                    value[node.attributes[local_name(attribute)]] = text
        stack.append((child, value))

    def end(self, _name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        stack = self._stack
        child, value = stack.pop()
        node = child.node
        if node.convert:
            value = node.convert(value[0] if len(value) == 1 else "".join(value))
        elif self._strict:
            for name in node.required:
                if name not in value:
                    raise ValueError(f"{name} is missing")
        if not stack:
            self.value = value
            return
        parent, holder = stack[-1]
        if child.many:
            self._add(child, parent, holder, value)
        elif self._strict and child.member in holder:
            raise ValueError(f"{child.member} comes twice")
        else:
            holder[child.member] = value

    def text(self, text: str) -> None:
        if not self._skipped and self._stack:
            child, value = self._stack[-1]
            if child.node.convert:
                value.append(text)

    def doctype(self, *_: object) -> None:
        raise ValueError("a document type is not allowed")

    def _root_child(self, name: str) -> Child:
        if self._root is not None and name != self._root:
            raise ValueError(f"the root is {name}, not {self._root}")
        return self._top

    def _add(self, child: Child, parent: Child, holder: Any, value: Any) -> None:
        """Hand a finished element to the list around it, or to the list of a member."""
        items = holder if parent.node.is_list else holder.setdefault(child.member, [])
        items.append(value)
        if child.limit and len(items) > child.limit:
            raise ValueError(f"more than {child.limit} of {child.member}")


# ---------------------------------------------------------------- writing

_SPECIAL = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_is_plain = re.compile("[ -%'-;=?-~]*").fullmatch
"""Whether a text of ASCII has nothing special, as most keys: found in half the time of a search."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"}
_MAX_COMPILED = 256
_MAX_CACHED = 64
"""Values of an enumeration."""


def escape(text: str) -> str:
    """Text for the inside of an element or a quoted attribute.

    A character that XML 1.0 cannot express becomes U+FFFD: dropping it would turn one key into
    another, and AWS's reference to it (&#x1;) breaks every strict parser. Clients that must know
    such keys ask for encoding-type=url.
    """
    if not _is_plain(text):
        text = _SPECIAL.sub(_entity, text)
    return text.replace('"', "&quot;")


def _entity(match: re.Match[str]) -> str:
    return _ENTITIES.get(match[0], "\ufffd")


@cache
def writer(shape: str, tag: str, *, namespace: str = "", lists_last: bool = False) -> Write:
    """A function from a value of the shape to its element.

    lists_last: lists are written after all other members, as AWS does in results; else the order is
    the model's. Members that are absent or None, and those that travel outside the body, are not
    written; nor is an empty flattened list.
    """
    of = service().shapes[shape]
    if of.type == "structure":
        return StructureWriter(of, tag, namespace=namespace, lists_last=lists_last)
    if of.type == "list" and of.member:
        return _WrappedList(tag, writer(of.member.shape, of.member.location_name or "member"))
    text = _Text(tag, _text_writer(of, of.timestamp_format))
    return lru_cache(_MAX_CACHED)(text) if of.enum else text


class StructureWriter:
    """Writes structures by a function compiled for each set of members that occurs.

    Such a function is one f-string; a page of 1,000 keys costs half of what walking the shape does.
    It writes a run of structures with the same members, as the rows of a page have, at once.
    """

    def __init__(
        self, shape: Shape, tag: str, *, namespace: str = "", lists_last: bool = False
    ) -> None:
        self._tag = tag
        self._namespace = f' xmlns="{namespace}"' if namespace else ""
        self._members = dict(_in_order(shape) if lists_last else shape.members.items())
        self._compiled: dict[tuple[str, ...], _WriteAll] = {}

    def __call__(self, value: Mapping[str, Any]) -> str:
        return self._write_run(tuple(value), (value,))

    def write_all(self, values: Iterable[Mapping[str, Any]]) -> str:
        """The elements of several structures, one behind the other."""
        return "".join([self._write_run(names, list(run)) for names, run in groupby(values, tuple)])

    def _write_run(self, names: tuple[str, ...], run: Sequence[Mapping[str, Any]]) -> str:
        """The elements of structures that have the members `names`."""
        if names in self._compiled:
            write = self._compiled[names]
        else:
            if len(self._compiled) >= _MAX_COMPILED:
                self._compiled.clear()
            write = self._compiled[names] = self._compile(names)
        try:
            return write(run)
        except (AttributeError, KeyError, TypeError):
            # A member that is None, which no writer takes. To look for one before costs a tenth.
            if not any(None in value.values() for value in run):
                raise
        return self.write_all([_without_none(value) for value in run])

    def _compile(self, names: Container[str]) -> _WriteAll:
        """The function for values of just these members; names and tags are the model's."""
        attributes, inside = self._namespace, ""
        writers: dict[str, Any] = {}
        for name, member in self._members.items():
            if name not in names or member.location is not None:
                continue
            tag = member.location_name or name
            text = _text_of(member)
            writers[f"write_{name}"] = text or _element_writer(name, member)
            call = f'{{write_{name}(v["{name}"])}}'
            if member.xml_attribute:
                attributes += f' xmlns:xsi="{XSI}" {tag}="{call}"'
            else:
                inside += f"<{tag}>{call}</{tag}>" if text else call
        end = f">{inside}</{self._tag}>" if inside else "/>"
        source = f"lambda run: ''.join([f'''<{self._tag}{attributes}{end}''' for v in run])"
        return cast(_WriteAll, eval(source, writers))


def _without_none(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if inner is not None}


XSI = "http://www.w3.org/2001/XMLSchema-instance"


def _in_order(shape: Shape) -> Iterator[tuple[str, Member]]:
    """The members with the lists last."""
    shapes = service().shapes
    members = shape.members.items()
    yield from sorted(members, key=lambda item: shapes[item[1].shape].type == "list")


def _text_of(member: Member) -> Write | None:
    """The writer of a member that is text; None for structures and lists."""
    shape = service().shapes[member.shape]
    if shape.type in ("structure", "list"):
        return None
    return _text_writer(shape, member.timestamp_format or shape.timestamp_format)


def _element_writer(name: str, member: Member) -> Write:
    """The writer of a member that is a structure or a list, with its element or elements."""
    shape = service().shapes[member.shape]
    if shape.member and is_flat(member, shape):
        tag = member.location_name or shape.member.location_name or name
        return _flat_list(writer(shape.member.shape, tag))
    return writer(member.shape, member.location_name or name)


@dataclass(frozen=True, slots=True)
class _Text:
    tag: str
    write: Write

    def __call__(self, value: Any) -> str:
        return f"<{self.tag}>{self.write(value)}</{self.tag}>"


def _flat_list(write: Write) -> Write:
    if isinstance(write, StructureWriter):
        return write.write_all

    def write_each(value: Any) -> str:
        return write(value[0]) if len(value) == 1 else "".join(map(write, value))

    return write_each


@dataclass(frozen=True, slots=True)
class _WrappedList:
    tag: str
    write: Write

    def __call__(self, value: Any) -> str:
        return f"<{self.tag}>{''.join(map(self.write, value))}</{self.tag}>"


def _text_writer(shape: Shape, form: str | None) -> Write:
    if shape.type == "timestamp":
        return _TIME_WRITERS[form or "iso8601"]
    if shape.enum:  # few values, which each row of a listing repeats
        return lru_cache(_MAX_CACHED)(escape)
    return _TEXT_WRITERS[shape.type]


def _write_blob(value: bytes) -> str:
    return base64.b64encode(value).decode()


_TEXT_WRITERS: dict[str, Write] = {
    "string": escape,
    "integer": int.__repr__,
    "long": int.__repr__,
    "boolean": {True: "true", False: "false"}.__getitem__,
    "blob": _write_blob,
}
_TIME_WRITERS: dict[str, Write] = {
    "iso8601": scalars.iso_time,
    "rfc822": scalars.http_time,
    "unixTimestamp": scalars.unix_time,
}
