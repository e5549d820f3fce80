"""Reads the rows of a list that look alike, such as those of a page of a listing, at once.

The rows of a page have the same elements, as a rule, and differ only in their texts. So the first
row is made a regular expression, which finds the texts of all the others; they are converted by
columns. That takes a quarter of the time of walking a tree of elements. Whatever does not follow
the pattern to the last character is left to the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from s3d.agent.s3.xml_shapes import Child, Convert, Node

FEW = 16
"""Rows that are read as quickly without an expression of their own."""
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)>([^<]*)")
_QUOTED = re.compile("(&quot;|&#34;)[^<&]*\\1")
"""How remotes write ETags."""
_TEXT = "([^<&]*)"


class AlikeRows(NamedTuple):
    """Rows of a list, and the document without them; it still has the first row."""

    document: str
    member: str
    """Of the structure that the document is."""
    rows: list[Any]
    """All but the first one, in their order."""


class _Column(NamedTuple):
    """A member of a row: the text of a group of the expression, or a structure of such members."""

    member: str
    convert: Convert
    is_list: bool = False
    """The text is the only item of a list."""
    inner: tuple[_Column, ...] = ()


class NotAlike(Exception):
    """The rows have to be read one by one."""


def read_alike(data: bytes, node: Node) -> AlikeRows:
    """The rows of the longest list of a document, whose root is a structure of the given plan.

    Raises NotAlike; ValueError as the converters of the plan do, and for too many rows.
    """
    text = data.decode()
    tag, child = _longest(text, node)
    opening, closing = f"<{tag}>", f"</{tag}>"
    start = text.index(opening)
    second = text.find(closing, start) + len(closing)
    end = text.rfind(closing) + len(closing)
    first, others = text[start:second], text[second:end]
    tokens = _TAG.findall(first)
    columns = tuple(_columns(child.node, iter(tokens[1:])))
    if not columns:
        raise NotAlike
    rows = _texts(first, tokens, others)
    if child.limit and len(rows) + 1 > child.limit:
        raise ValueError(f"more than {child.limit} of {child.member}")
    values = _structures(columns, iter(zip(*rows, strict=True)))
    return AlikeRows(text[:second] + text[end:], child.member, values)


def _longest(text: str, node: Node) -> tuple[str, Child]:
    """The list of structures with the most rows, by the name of its elements. Raises NotAlike."""
    lists = [
        (text.count(f"<{tag}>"), tag)
        for tag, child in node.children.items()
        if child.many and child.node.convert is None and not child.node.is_list
    ]
    count, tag = max(lists, default=(0, ""))
    if count < FEW:
        raise NotAlike
    return tag, node.children[tag]


def _columns(node: Node, tokens: Iterator[tuple[str, str, str]]) -> Iterator[_Column]:
    """The members of a structure. tokens: of the first row, which are taken up to the end of the
    structure. Raises NotAlike."""
    for is_end, tag, text in tokens:
        if is_end:
            return
        child = node.children.get(tag)
        if child is None or child.node.is_list:
            raise NotAlike
        if child.node.convert is None:
            if text or child.many:
                raise NotAlike
            inner = tuple(_columns(child.node, tokens))
            if not inner:
                raise NotAlike
            yield _Column(child.member, str, inner=inner)
            continue
        convert = child.node.convert
        if _QUOTED.fullmatch(text):
            convert = '"{}"'.format if convert is str else _refuse
        yield _Column(child.member, convert, child.many)
        is_end, closed, _ = next(tokens, ("", "", ""))
        if not is_end or closed != tag:
            raise NotAlike


def _texts(
    first: str, tokens: Sequence[tuple[str, str, str]], others: str
) -> list[tuple[str, ...]]:
    """The texts of each further row, in the order of the columns. Raises NotAlike."""
    expression, markup, spelling = "", "", ""
    for (is_end, tag, text), (follows_end, *_) in pairwise([*tokens, ("", "", "")]):
        element = f"<{is_end}{tag}>"
        spelling += element + text
        expression += element
        markup += element
        if not is_end and follows_end:
            quote = quoted[1] if (quoted := _QUOTED.fullmatch(text)) else ""
            expression += quote + _TEXT + quote
            markup += 2 * quote
        elif text:
            raise NotAlike
    if spelling != first:
        raise NotAlike
    pattern = re.compile(expression)
    found = pattern.findall(others)
    rows = found if pattern.groups > 1 else [(text,) for text in found]
    texts = "".join(map("".join, rows))
    # As long as all rows together: so there is nothing before, between or behind them.
    if len(others) != len(rows) * len(markup) + len(texts):
        raise NotAlike
    # Expat would refuse most control characters, and "]]>", and change line breaks.
    if not texts.isprintable() or "]]>" in others:
        raise NotAlike
    return rows


def _structures(columns: Sequence[_Column], texts: Iterator[tuple[str, ...]]) -> list[Any]:
    """The values of all rows. texts: by groups, which are taken as the columns need them."""
    members = [column.member for column in columns]
    if len(set(members)) < len(members):
        raise NotAlike
    values = [_values(column, texts) for column in columns]
    return [dict(zip(members, row, strict=True)) for row in zip(*values, strict=True)]


def _values(column: _Column, texts: Iterator[tuple[str, ...]]) -> Sequence[Any]:
    if column.inner:
        return _structures(column.inner, texts)
    own = next(texts)
    converted = own if column.convert is str else tuple(map(column.convert, own))
    return [[value] for value in converted] if column.is_list else converted


def _refuse(text: str) -> Any:
    """Only strings are in quotes."""
    raise NotAlike
