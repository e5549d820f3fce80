"""Texts of a policy with wildcards and policy variables. Pure.

`*` stands for anything, `?` for one character, `${aws:username}` for the value of a condition key,
`${aws:username, 'nobody'}` with a default, and `${*}`, `${?}` and `${$}` for these characters.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from s3d.shared.filters.globs import Glob, Wild

Lookup = Callable[[str], Sequence[str] | None]
"""Condition key, as key_of() gives it -> its values; None when the request does not have it."""

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_WITH_DEFAULT = re.compile(r"([^,]+?)\s*,\s*'([^']*)'\s*")
_ESCAPED = frozenset({"*", "?", "$"})


class _Variable(NamedTuple):
    key: str
    default: str | None


class Pattern:
    """One text of a policy: an ARN, or a value of a condition."""

    __slots__ = ("_glob", "_parts", "text")

    def __init__(self, text: str, *, has_variables: bool) -> None:
        """has_variables: False in a policy of version 2008-10-17, where `${` is plain text."""
        self.text = text
        parts = _split(text) if has_variables else [text]
        self._parts: Sequence[str | _Variable] | None = None
        if any(isinstance(part, _Variable) for part in parts):
            self._parts = parts
        self._glob = None if self._parts is not None else _glob(parts)

    def glob(self, lookup: Lookup) -> Glob | None:
        """The pattern for one request; None when a variable has no value in it."""
        if self._parts is None:
            return self._glob
        parts: list[str | Wild] = []
        for part in self._parts:
            if isinstance(part, _Variable):
                value = _value(part, lookup)
                if value is None:
                    return None
                parts.append(value)
            else:
                parts.extend(tokens_of(part))
        return Glob(parts)

    def matches(self, value: str, lookup: Lookup) -> bool:
        """Whether the whole value matches; False when a variable has no value."""
        glob = self.glob(lookup)
        return glob is not None and glob.matches(value)

    def literal(self, lookup: Lookup) -> str | None:
        """The text for one request, in which wildcards are plain characters."""
        if self._parts is None:
            return self.text
        values = [
            _value(part, lookup) if isinstance(part, _Variable) else part for part in self._parts
        ]
        texts = [value for value in values if value is not None]
        return "".join(texts) if len(texts) == len(values) else None


def tokens_of(text: str) -> list[str | Wild]:
    """The literals and wildcards of a text."""
    return [
        Wild.RUN if piece == "*" else Wild.ONE if piece == "?" else piece
        for piece in re.split(r"([*?])", text)
        if piece
    ]


def key_of(name: str) -> str:
    """A condition key in its one spelling: the name without regard to case, and what follows a
    slash (the key of a tag) as it is."""
    name, slash, tag = name.partition("/")
    return name.lower() + slash + tag


def _split(text: str) -> list[str | _Variable]:
    """The literal texts and variables of a text; `${*}` is a variable with a default only."""
    parts: list[str | _Variable] = []
    end = 0
    for match in _VARIABLE.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        inner = match[1].strip()
        with_default = _WITH_DEFAULT.fullmatch(inner)
        if inner in _ESCAPED:
            parts.append(_Variable("", inner))
        elif with_default is not None:
            parts.append(_Variable(key_of(with_default[1]), with_default[2]))
        else:
            parts.append(_Variable(key_of(inner), None))
    parts.append(text[end:])
    return [part for part in parts if part != ""]


def _value(variable: _Variable, lookup: Lookup) -> str | None:
    """The value of a variable. A key of several values cannot be used as a variable."""
    values = lookup(variable.key) if variable.key else None
    return values[0] if values is not None and len(values) == 1 else variable.default


def _glob(parts: Sequence[str | _Variable]) -> Glob:
    return Glob([token for part in parts if isinstance(part, str) for token in tokens_of(part)])
