"""The terms of a filter and what they look at. Three-valued: None is "that is not known". Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Flag, StrEnum, auto
from functools import reduce
from operator import ge, gt, le, lt, or_
from typing import Any

import msgspec

from s3d.shared.filters.globs import Glob, escaped


class Attributes(Flag):
    """What has to be known of an object beyond its name."""

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
    """What a filter may look at. None: not fetched."""

    bucket: str
    key: str
    size: int | None = None
    """Bytes; the header content-length, even while the headers are not known."""
    bucket_tags: Mapping[str, str] | None = None
    tags: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    """By lower-case name."""
    metadata: Mapping[str, str] | None = None
    """By lower-case name, without x-amz-meta-."""


class Source(StrEnum):
    """Where a predicate looks."""

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
"""Headers that an object has; another one in a filter is a slip of the pen."""

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}

Operand = Glob | float | datetime
"""What a value is held against."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """One pair of brackets."""

    source: Source
    name: str
    """Lower-case for headers and metadata."""
    op: str = ""
    """"" asks whether it is there."""
    operand: Operand | None = None
    written: str = ""
    """The value as it was written: a size or a date."""

    def holds(self, subject: FilterSubject) -> bool | None:
        """None: it is not known."""
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
        found: Any = number_of(value) if isinstance(operand, float) else date_of(value)
        if found is None:
            return self.op == "!="
        if self.op in ("=", "!="):
            return (found == operand) is (self.op == "=")
        return ORDERS[self.op](found, operand)

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
"""Stands for a value that is not fetched; told from others by identity."""


@dataclass(frozen=True, slots=True)
class Term:
    """One line of a filter."""

    bucket: Glob
    key: Glob
    predicates: tuple[Predicate, ...] = ()
    excludes: bool = False

    def matches(self, subject: FilterSubject) -> bool | None:
        """None: that depends on what is not known."""
        if not self.bucket.matches(subject.bucket) or not self.key.matches(subject.key):
            return False
        result: bool | None = True
        for predicate in self.predicates:
            holds = predicate.holds(subject)
            if holds is False:
                return False
            if holds is None:
                result = None
        return result

    @property
    def needs(self) -> Attributes:
        return reduce(or_, (ATTRIBUTE_OF[each.source] for each in self.predicates), NO_ATTRIBUTES)

    def missing(self, subject: FilterSubject) -> Attributes:
        """What is not known of the subject and would be needed."""
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


def sentence_of(term: Term) -> str:
    """What a term says, in words."""
    word = "not" if term.excludes else "take"
    keys = "all objects" if term.key.fits_all else f"objects {_named(term.key)}"
    where = f"of {'any bucket' if term.bucket.fits_all else 'buckets ' + _named(term.bucket)}"
    conditions = "".join(f", if {_condition(each)}" for each in term.predicates)
    return f"{word}: {keys} {where}{conditions}"


def _named(pattern: Glob) -> str:
    return f"named {pattern.text()}" if pattern.is_exact else f"like {pattern.text()}"


def _condition(predicate: Predicate) -> str:
    name = f"{_NOUNS[predicate.source]} {predicate.name}"
    if not predicate.op:
        return f"{name} is there"
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


_NUMBER = re.compile(r"(\d+(?:\.\d+)?)(?:([KMGT])(i?))?B?", re.IGNORECASE | re.ASCII)


def number_of(text: str) -> float | None:
    """10, 1.5, 10K (thousands), 1Ki, 2MiB; None for what is no number."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    digits, unit, binary = found.groups()
    base = 1024 if binary else 1000
    power = " KMGT".index(unit.upper()) if unit else 0
    return float(digits) * float(base**power)


def date_of(text: str) -> datetime | None:
    """ISO 8601 or a date of HTTP; without a zone it is UTC. None for what is no date."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            found = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # the latter for a zone that is far away
            return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
