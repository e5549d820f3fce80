"""The parser of filters. Errors have the column. Pure.

filter = { ( term | "#" comment | "" ) , ( newline | ";" ) }
term   = [ "!" ] bucket { "[tag:" … "]" } [ "/" [ key ] { "[" ( "tag:" | "hdr:" | "md:" ) … "]" } ]
"""

from __future__ import annotations

import unicodedata
from typing import NoReturn

from s3d.shared.filters.globs import ALL, Glob, Token, Wild
from s3d.shared.filters.terms import (
    DATES,
    HEADERS,
    ORDERS,
    SIZE,
    Operand,
    Predicate,
    Source,
    Term,
    date_of,
    number_of,
)

_BUCKET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-*?")
_WILD = {"*": Wild.RUN, "?": Wild.ONE}
_ENDS = frozenset(";\n")
_BLANKS = frozenset(" \t\r")
_SOURCES = {"tag": Source.TAG, "hdr": Source.HEADER, "md": Source.METADATA}
_METADATA = "x-amz-meta-"
_OPS = ("!=", "<=", ">=", "=", "<", ">")


_AROUND = 60
"""About how many characters of a long line are shown on each side of an error."""


def _columns(char: str) -> int:
    """The width of a character in a terminal."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class FilterError(ValueError):
    """A filter that cannot be parsed. number: of the line; column: in it; both from 1."""

    def __init__(self, text: str, position: int, why: str) -> None:
        begin = text.rfind("\n", 0, position) + 1
        end = text.find("\n", position)
        self.line = text[begin : None if end < 0 else end]
        self.number = text.count("\n", 0, position) + 1
        self.column = position - begin + 1
        self.why = why
        where = f"line {self.number}, column" if "\n" in text else "column"
        super().__init__(f"{where} {self.column}: {why}")

    @property
    def quoted(self) -> tuple[str, str]:
        """The line, or the part of it around the error, and a caret below it."""
        at = self.column - 1
        begin = 0 if at < _AROUND else at - _AROUND // 2
        end = min(len(self.line), begin + 2 * _AROUND)
        line = "…" * (begin > 0) + self.line[begin:end] + "…" * (end < len(self.line))
        before = line[: at - begin + (begin > 0)].expandtabs(1)
        return line.replace("\t", " "), " " * sum(map(_columns, before)) + "^"


def parse_terms(text: str) -> tuple[Term, ...]:
    """Raises FilterError."""
    return tuple(TermParser(text).terms())


class TermParser:
    """A recursive descent parser. at is the position of the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    def terms(self) -> list[Term]:
        terms = []
        while self.at < len(self._text):
            char = self.peek()
            if char in _ENDS | _BLANKS:
                self.at += 1
            elif char == "#":
                end = self._text.find("\n", self.at)
                self.at = len(self._text) if end < 0 else end
            else:
                terms.append(self.term())
        return terms

    def term(self) -> Term:
        excludes = self.take("!")
        bucket = self._bucket()
        predicates = self.predicates(of_bucket=True)
        key = ALL
        if self.take("/"):
            key = self.key()
            predicates += self.predicates(of_bucket=False)
        self.end_term()
        return Term(bucket, key, tuple(predicates), excludes)

    def end_term(self) -> None:
        """Skip blanks. Raises FilterError when something else follows."""
        while self.peek() in _BLANKS:
            self.at += 1
        if self.peek() not in _ENDS | {""}:
            self._fail("a semicolon or a new line has to follow the term")

    def _bucket(self) -> Glob:
        begin = self.at
        while self.peek() in _BUCKET and self.peek():
            self.at += 1
        if self.at == begin:
            self._fail("a term begins with a bucket: lower-case letters, digits, . - and * ?")
        name = self._text[begin : self.at]
        if self.peek() not in {"", "/", "[", *_ENDS, *_BLANKS}:
            self._fail("a bucket has only lower-case letters, digits, . and -")
        return Glob([_WILD.get(char, char) for char in name])

    def key(self) -> Glob:
        tokens: list[Token] = []
        length = 0
        while (char := self.peek()) not in _ENDS | {"", "["}:
            token = self._character(char)
            tokens.append(token)
            if char not in _BLANKS:
                length = len(tokens)
        if self.peek() != "[":
            tokens = tokens[:length]  # a key does not include blanks at the end of the line
        return Glob(tokens) if tokens else ALL

    def _character(self, char: str) -> Token:
        """The next token of a pattern, which begins with char."""
        if char == "\\":
            if self.at + 1 >= len(self._text):
                self._fail("a character has to follow the backslash")
            self.at += 2
            return self._text[self.at - 1]
        self.at += 1
        return _WILD.get(char, char)

    def predicates(self, *, of_bucket: bool) -> list[Predicate]:
        predicates = []
        while self.take("["):
            predicates.append(self._predicate(of_bucket=of_bucket))
        return predicates

    def _predicate(self, *, of_bucket: bool) -> Predicate:
        source = self._source(of_bucket=of_bucket)
        begin = self.at
        name = self._name()
        if source in (Source.HEADER, Source.METADATA):
            name = name.lower()
        if source is not Source.TAG and source is not Source.BUCKET_TAG:
            own = name.removeprefix(_METADATA)
            if own and own != name:
                self._fail(f"for metadata, write [md:{own}]", begin)
        if source is Source.HEADER and name not in HEADERS:
            from difflib import get_close_matches  # needed for errors only

            near = get_close_matches(name, HEADERS, 1)
            hint = (
                f"; did you mean {near[0]}?"
                if near
                else f"; known are {', '.join(sorted(HEADERS))}"
            )
            self._fail(f"objects have no header {name!r}{hint}", begin)
        op = next((op for op in _OPS if self.take(op)), "")
        if not op:
            self._close()
            return Predicate(source, name)
        begin = self.at
        value = self._value()
        written = self._text[begin : self.at]
        self._close()
        return Predicate(source, name, op, *self._operand(source, name, op, value, written, begin))

    def _source(self, *, of_bucket: bool) -> Source:
        begin = self.at
        while self.peek().isalpha():
            self.at += 1
        word = self._text[begin : self.at]
        if of_bucket and word != "tag":
            self._fail("a bucket has only tags: [tag:NAME]", begin)
        if word not in _SOURCES:
            self._fail("write tag:, hdr: or md: and a name", begin)
        if not self.take(":"):
            self._fail(f"a colon and a name are missing: [{word}:NAME]")
        return Source.BUCKET_TAG if of_bucket else _SOURCES[word]

    def _name(self) -> str:
        begin = self.at
        if self.peek() in ("'", '"') and self.peek():
            tokens = self._quoted()
        else:
            tokens = []
            while (char := self.peek()) and char not in "=!<>]\n":
                tokens.append(self._character(char))
        name = "".join(token if isinstance(token, str) else token.value for token in tokens)
        if not name:
            self._fail("a name is missing", begin)
        return name

    def _value(self) -> list[Token]:
        if self.peek() in ("'", '"') and self.peek():
            return self._quoted()
        tokens: list[Token] = []
        while (char := self.peek()) and char not in "]\n":
            tokens.append(self._character(char))
        return tokens

    def _quoted(self) -> list[Token]:
        begin, quote = self.at, self.peek()
        self.at += 1
        tokens: list[Token] = []
        while char := self.peek():
            if char == quote:
                self.at += 1
                return tokens
            tokens.append(self._character(char))
        self._fail("the quote is not closed", begin)

    def _operand(
        self, source: Source, name: str, op: str, value: list[Token], written: str, begin: int
    ) -> tuple[Operand, str]:
        """The operand of a condition, and how it is written."""
        text = "".join(token if isinstance(token, str) else token.value for token in value)
        is_header = source is Source.HEADER
        if is_header and name == SIZE:
            number = number_of(text)
            if number is None:
                self._fail("write a size, such as 100, 10K (thousands) or 1.5MiB", begin)
            return number, written
        if is_header and name in DATES:
            date = date_of(text)
            if date is None:
                self._fail("write a date, such as 2026-01-31 or 2026-01-31T12:00:00Z", begin)
            return date, written
        if op not in ORDERS:
            return Glob(value), ""
        number = number_of(text)
        if number is not None:
            return number, written
        date = date_of(text)
        if date is None:
            self._fail(f"{op} needs a number or a date", begin)
        return date, written

    def _close(self) -> None:
        if not self.take("]"):
            self._fail("the closing ] is missing")

    def peek(self) -> str:
        return self._text[self.at] if self.at < len(self._text) else ""

    def take(self, expected: str) -> bool:
        matches = self._text.startswith(expected, self.at)
        if matches:
            self.at += len(expected)
        return matches

    def _fail(self, why: str, position: int | None = None) -> NoReturn:
        raise FilterError(self._text, self.at if position is None else position, why)
