"""Patterns: "*" matches any sequence of characters, including "/", and "?" matches one. Pure.

Matching takes linear time: between two stars, the first match is as good as any later one, so there
is no backtracking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from itertools import groupby


class Wild(Enum):
    """The wildcards of a pattern."""

    RUN = "*"
    ONE = "?"


Token = str | Wild
"""A literal text, or a wildcard."""


class Glob:
    """A pattern. Patterns of the same tokens are equal."""

    __slots__ = ("literal", "matches", "tokens")

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = _joined(tokens)
        self.literal = _literal(self.tokens)
        """The prefix of every match."""
        self.matches: Callable[[str], bool] = _matcher(self.tokens)
        """Whether the pattern matches a whole text."""

    @property
    def is_exact(self) -> bool:
        """Whether the pattern has no wildcards."""
        return all(isinstance(token, str) for token in self.tokens)

    @property
    def fits_all(self) -> bool:
        return self.tokens == (Wild.RUN,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Glob) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def __repr__(self) -> str:
        return f"Glob({self.text()!r})"

    def text(self, special: str = "") -> str:
        """The pattern as it is written. special: further characters to escape with a backslash."""
        return "".join(
            token.value if isinstance(token, Wild) else escaped(token, "*?" + special)
            for token in self.tokens
        )


def escaped(text: str, special: str) -> str:
    """Put a backslash before each backslash and each special character."""
    return "".join("\\" + c if c == "\\" or c in special else c for c in text)


def _joined(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Join adjacent literals, and adjacent stars."""
    joined: list[Token] = []
    for kind, group in groupby((token for token in tokens if token), _kind):
        if isinstance(kind, str):
            joined.append("".join(token for token in group if isinstance(token, str)))
        else:
            joined.extend([kind] if kind is Wild.RUN else group)
    return tuple(joined)


def _kind(token: Token) -> Token:
    return token if isinstance(token, Wild) else ""


def _literal(tokens: tuple[Token, ...]) -> str:
    return tokens[0] if tokens and isinstance(tokens[0], str) else ""


def _matcher(tokens: tuple[Token, ...]) -> Callable[[str], bool]:
    match tokens:
        case ():
            return lambda text: not text
        case (Wild.RUN,):
            return lambda text: True
        case (str(only),):
            return only.__eq__
        case (str(first), Wild.RUN):
            return lambda text: text.startswith(first)
        case (Wild.RUN, str(last)):
            return lambda text: text.endswith(last)
    return _Pieces(tokens).matches


class _Piece:
    """The tokens between two stars: of one length, so a match is an interval of that length.

    Literals need no regular expression: compiling one takes longer than hundreds of look-ups.
    """

    __slots__ = ("_literal", "_pattern", "size")

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.size = sum(_size(token) for token in tokens)
        self._literal = "".join(token for token in tokens if isinstance(token, str))
        self._pattern: re.Pattern[str] | None = None
        if len(self._literal) < self.size:
            self._pattern = re.compile("".join(map(_regex, tokens)), re.DOTALL)

    def is_at(self, text: str, start: int) -> bool:
        """Whether the piece matches there."""
        if self._pattern is None:
            return text.startswith(self._literal, start)
        return self._pattern.match(text, start) is not None

    def find(self, text: str, start: int, end: int) -> int:
        """Where the first match within these bounds begins; -1: there is none."""
        if self._pattern is None:
            return text.find(self._literal, start, end)
        match = self._pattern.search(text, start, end)
        return -1 if match is None else match.start()


class _Pieces:
    """The parts between stars. The first is anchored at the beginning, the last at the end."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        pieces: list[list[Token]] = [[]]
        for token in tokens:
            if token is Wild.RUN:
                pieces.append([])
            else:
                pieces[-1].append(token)
        self._pieces = [_Piece(piece) for piece in pieces]
        self._least = sum(piece.size for piece in self._pieces)

    def matches(self, text: str) -> bool:
        first, last = self._pieces[0], self._pieces[-1]
        if len(self._pieces) == 1:
            return len(text) == first.size and first.is_at(text, 0)
        end = len(text) - last.size
        if len(text) < self._least or not first.is_at(text, 0) or not last.is_at(text, end):
            return False
        at = first.size
        for piece in self._pieces[1:-1]:
            start = piece.find(text, at, end)
            if start < 0:
                return False
            at = start + piece.size
        return at <= end


def _size(token: Token) -> int:
    return len(token) if isinstance(token, str) else 1


def _regex(token: Token) -> str:
    return re.escape(token) if isinstance(token, str) else "."


ALL = Glob((Wild.RUN,))
