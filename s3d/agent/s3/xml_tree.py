"""Reads the large documents of a remote, such as pages of listings, in half the time of xml.read.

Expat's own tree builder takes the document without a call of Python for each element; then the tree
is walked by the plan of the shape. What is not plain is left to the other reader, which has the
rules for it: comments, CDATA, document types, names with undeclared prefixes, and broken XML.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from s3d.agent.s3.xml_rows import AlikeRows, NotAlike, read_alike
from s3d.agent.s3.xml_shapes import MAX_ELEMENTS, Child, Node

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_LARGE = 8_192
"""Bytes from which a tree is worth the import."""
_MAX_TAGS = 64
"""Names that are remembered of a node: a remote has one namespace."""


class NotPlain(Exception):
    """The document is for the other reader."""


def is_large_and_plain(data: bytes) -> bool:
    """Whether to try read_tree, by what can be seen without parsing."""
    return (
        len(data) >= _LARGE
        and b"<!" not in data
        and b"\0" not in data
        and (  # the first count is the quick one, and suffices for most documents
            data.count(b"<") <= MAX_ELEMENTS or data.count(b"<") - data.count(b"</") <= MAX_ELEMENTS
        )
    )


def read_tree(data: bytes, node: Node, root: str | None) -> Any:
    """The value of a document. root: as for xml.read. Raises ValueError, NotPlain."""
    from xml.etree.ElementTree import ParseError, XMLParser

    alike: AlikeRows | None = None
    with suppress(NotAlike, UnicodeDecodeError):
        alike = read_alike(data, node)
    parser = XMLParser(encoding="UTF-8")
    try:
        parser.feed(data if alike is None else alike.document)
        top = parser.close()
    except ParseError as error:
        raise NotPlain from error
    if root is not None and _local(top.tag) != root:
        raise NotPlain
    if node.convert:
        return node.convert(_text(top))
    value = _value(top, node)
    if alike is not None:
        if len(value.get(alike.member, ())) != 1:
            raise NotPlain
        value[alike.member] += alike.rows
    return value


def _value(element: Element, node: Node) -> Any:
    """The members of a structure, or the items of a list."""
    value: Any = [] if node.is_list else {}
    if node.attributes:
        for name, text in element.attrib.items():
            if _local(name) in node.attributes:
                value[node.attributes[_local(name)]] = text
    tags = node.tags
    for each in element:
        child = tags.get(each.tag) or _find(node, each.tag)
        if child is None:
            continue
        convert = child.node.convert
        if convert is None:
            content = _value(each, child.node)
        elif len(each):
            content = convert(_text(each))
        else:
            content = convert(each.text or "")
        if not child.many:
            value[child.member] = content
            continue
        items = value if node.is_list else value.setdefault(child.member, [])
        items.append(content)
        if child.limit and len(items) > child.limit:
            raise ValueError(f"more than {child.limit} of {child.member}")
    return value


def _text(element: Element) -> str:
    """The text around elements that are unknown."""
    return "".join([element.text or "", *(each.tail or "" for each in element)])


def _find(node: Node, tag: str) -> Child | None:
    child = node.children.get(_local(tag))
    if child is not None and len(node.tags) < _MAX_TAGS:
        node.tags[tag] = child
    return child


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
