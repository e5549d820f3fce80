"""The terms of a filter and how they match. None means that the result is unknown. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Flag, StrEnum, auto
from functools import reduce
from operator import ge, gt, le, lt, or_
from typing import Any

import msgspec

from s3d.shared.filters.globs import Glob, escaped


class Attributes(Flag):
    """Attributes of an object that have to be fetched, beyond its name."""

    BUCKET_TAGS = auto()
    TAGS = auto()
    HEADERS = auto()
    METADATA = auto()


NO_ATTRIBUTES = Attributes(0)

ATTRIBUTE_NAMES: Mapping[Attributes, str] = {
    Attributes.BUCKET_TAGS: "the tags of the bucket",
    Attributes.TAGS: "the tags of the object",
    Attributes.HEADERS: "the headers of the object",
    Attributes.METADATA: "the metadata of the object",
}


class FilterSubject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An object as a filter sees it. None: not fetched."""

    bucket: str
    key: str
    path: str = ""
    """In a sync folder: the path within it."""
    size: int | None = None
    """Bytes: the header content-length, also when the other headers are unknown."""
    bucket_tags: Mapping[str, str] | None = None
    tags: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    """By lower-case name."""
    metadata: Mapping[str, str] | None = None
    """By lower-case name, without x-amz-meta-."""


class Source(StrEnum):
    """What a predicate compares."""

    BUCKET_TAG = "bucket tag"
    TAG = "tag"
    HEADER = "hdr"
    METADATA = "md"


ATTRIBUTE_OF: Mapping[Source, Attributes] = {
    Source.BUCKET_TAG: Attributes.BUCKET_TAGS,
    Source.TAG: Attributes.TAGS,
    Source.HEADER: Attributes.HEADERS,
    Source.METADATA: Attributes.METADATA,
}

SIZE = "content-length"
DATES = frozenset({"last-modified", "expires"})
HEADERS = frozenset(
    {
        SIZE,
        *DATES,
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "etag",
        "x-amz-server-side-encryption",
        "x-amz-storage-class",
        "x-amz-website-redirect-location",
    }
)
"""Headers of objects; any other header in a filter is an error."""

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}

Operand = Glob | float | datetime
"""What a value is compared with."""


class Predicate(msgspec.Struct, frozen=True):
    """A condition in brackets."""

    source: Source
    name: str
    """Lower-case for headers and metadata."""
    op: str = ""
    """"" means that the attribute has to exist."""
    operand: Operand | None = None
    written: str = ""
    """The operand as it was written: a size or a date."""

    def holds(self, subject: FilterSubject) -> bool | None:
        """Whether the condition holds; None: unknown."""
        value = self._value(subject)
        if value is _UNKNOWN:
            return None
        if not self.op:
            return value is not None
        if value is None:
            return self.op == "!="
        return self._compares(value)

    def _value(self, subject: FilterSubject) -> str | None:
        source, name = self.source, self.name
        if source is Source.HEADER:
            if name == SIZE and subject.size is not None:
                return str(subject.size)
            values = subject.headers
        elif source is Source.TAG:
            values = subject.tags
        elif source is Source.METADATA:
            values = subject.metadata
        else:
            values = subject.bucket_tags
        return _UNKNOWN if values is None else values.get(name)

    def _compares(self, value: str) -> bool:
        operand = self.operand
        if isinstance(operand, Glob):
            return operand.matches(value) is (self.op == "=")
        number: Any = number_of(value) if isinstance(operand, float) else date_of(value)
        if number is None:
            return self.op == "!="
        if self.op in ("=", "!="):
            return (number == operand) is (self.op == "=")
        return ORDERS[self.op](number, operand)

    def __str__(self) -> str:
        source = "tag" if self.source is Source.BUCKET_TAG else self.source.value
        name = f"'{escaped(self.name, chr(39))}'"
        if re.fullmatch(r"[\w.\-/: ]+", self.name) and self.name == self.name.strip():
            name = self.name
        if not self.op:
            return f"[{source}:{name}]"
        if isinstance(self.operand, Glob):
            return f"[{source}:{name}{self.op}'{self.operand.text(chr(39))}']"
        return f"[{source}:{name}{self.op}{self.written}]"


_UNKNOWN = "\0unknown"
"""A value that was not fetched; compared by identity."""


class Term(msgspec.Struct, frozen=True):
    """One line of a filter."""

    bucket: Glob
    key: Glob
    predicates: tuple[Predicate, ...] = ()
    excludes: bool = False

    def matches(self, subject: FilterSubject) -> bool | None:
        """Whether the term matches; None: it depends on attributes that were not fetched."""
        if not self.is_at(subject):
            return False
        result: bool | None = True
        for predicate in self.predicates:
            holds = predicate.holds(subject)
            if holds is False:
                return False
            if holds is None:
                result = None
        return result

    def is_at(self, subject: FilterSubject) -> bool:
        """Whether the term matches the place of the object."""
        return self.bucket.matches(subject.bucket) and self.key.matches(subject.key)

    @property
    def needs(self) -> Attributes:
        return reduce(or_, (ATTRIBUTE_OF[each.source] for each in self.predicates), NO_ATTRIBUTES)

    def missing(self, subject: FilterSubject) -> Attributes:
        """The attributes that are needed and were not fetched."""
        unknown = (
            ATTRIBUTE_OF[each.source] for each in self.predicates if each.holds(subject) is None
        )
        return reduce(or_, unknown, NO_ATTRIBUTES)

    def __str__(self) -> str:
        of_bucket = [each for each in self.predicates if each.source is Source.BUCKET_TAG]
        of_object = [each for each in self.predicates if each.source is not Source.BUCKET_TAG]
        text = "!" * self.excludes + self.bucket.text() + "".join(map(str, of_bucket))
        if self.key.fits_all and not of_object:
            return text
        key = self.key.text("[;\n\r\t ")
        return text + "/" + key + "".join(map(str, of_object))

    @property
    def sentence(self) -> str:
        """The term in words."""
        word = "exclude" if self.excludes else "include"
        keys = "all objects" if self.key.fits_all else f"objects {_named(self.key)}"
        where = f"of {'any bucket' if self.bucket.fits_all else 'buckets ' + _named(self.bucket)}"
        return f"{word}: {keys} {where}{conditions_of(self)}"


def conditions_of(term: Term) -> str:
    """The conditions of a term in words, each after a comma."""
    return "".join(f", if {_condition(each)}" for each in term.predicates)


def _named(pattern: Glob) -> str:
    return f"named {pattern.text()}" if pattern.is_exact else f"like {pattern.text()}"


def _condition(predicate: Predicate) -> str:
    name = f"{_NOUNS[predicate.source]} {predicate.name}"
    if not predicate.op:
        return f"{name} exists"
    value = predicate.operand.text() if isinstance(predicate.operand, Glob) else predicate.written
    return f"{name} {_VERBS[predicate.op]} {value}"


_NOUNS: Mapping[Source, str] = {
    Source.BUCKET_TAG: "the bucket's tag",
    Source.TAG: "its tag",
    Source.HEADER: "its header",
    Source.METADATA: "its metadata",
}
_VERBS: Mapping[str, str] = {
    "=": "is like",
    "!=": "is absent or not like",
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
}


_NUMBER = r"(?ia)(\d+(?:\.\d+)?)(?:([KMGT])(i?))?B?"  # compiled at first use


def number_of(text: str) -> float | None:
    """10, 1.5, 10K (thousands), 1Ki or 2MiB as a number; None if it is not one."""
    match = re.fullmatch(_NUMBER, text.strip())
    if match is None:
        return None
    digits, unit, binary = match.groups()
    base = 1024 if binary else 1000
    power = " KMGT".index(unit.upper()) if unit else 0
    return float(digits) * float(base**power)


def date_of(text: str) -> datetime | None:
    """An ISO 8601 or HTTP date; UTC if it has no zone. None if it is not a date."""
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError:
        from email.utils import parsedate_to_datetime  # slow to import, and rarely needed

        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # OverflowError for an impossible zone
            return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
