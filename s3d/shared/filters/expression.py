"""Filters: which objects are meant, by bucket, key, tags, headers and metadata. Pure.

The last term that matches wins. Without one, a filter of exclusions alone takes the object, and any
other does not. What is not known of an object only matters when the verdict depends on it. The
language: docs/user-guide.md, "Filters".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from operator import or_

from s3d.shared.filters.parser import parse_terms
from s3d.shared.filters.terms import (
    ATTRIBUTE_NAMES,
    NO_ATTRIBUTES,
    Attributes,
    FilterSubject,
    Term,
    sentence_of,
)


class Verdict(Enum):
    """What a filter says of an object."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    UNKNOWN = "unknown"
    """It depends on what was not fetched."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason. term: number of the term that decided, from 1; None: no term."""

    verdict: Verdict
    why: str
    term: int | None = None
    missing: Attributes = NO_ATTRIBUTES
    """With UNKNOWN: what has to be fetched."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Make it with parse() or of(). str() writes it so that parse() reads the same."""

    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Raises FilterError."""
        return cls(parse_terms(text))

    @classmethod
    def of(cls, texts: Sequence[str]) -> Filter:
        """Of a list of terms, as in the configuration file. Raises FilterError."""
        return cls(tuple(term for text in texts for term in parse_terms(text)))

    @property
    def needs(self) -> Attributes:
        """All that it may ask for."""
        return reduce(or_, (term.needs for term in self.terms), NO_ATTRIBUTES)

    def verdict(self, subject: FilterSubject) -> Verdict:
        decided, unknown = self._decide(subject)
        takes = self._takes(decided)
        if any(self.terms[number].excludes is takes for number in unknown):
            return Verdict.UNKNOWN
        return Verdict.INCLUDE if takes else Verdict.EXCLUDE

    def explain(self, subject: FilterSubject) -> Decision:
        """The verdict, in words."""
        verdict = self.verdict(subject)
        decided, unknown = self._decide(subject)
        if verdict is Verdict.UNKNOWN:
            missing = reduce(or_, (self.terms[n].missing(subject) for n in unknown), NO_ATTRIBUTES)
            facts = " and ".join(ATTRIBUTE_NAMES[fact] for fact in Attributes if fact & missing)
            return Decision(verdict, f"it depends on {facts}", unknown[0] + 1, missing)
        if decided is not None:
            term = self.terms[decided]
            word = "excludes" if term.excludes else "includes"
            return Decision(verdict, f"term {decided + 1} {word} it: {term}", decided + 1)
        if verdict is Verdict.INCLUDE:
            why = "no term excludes it" if self.terms else "the filter is empty"
            return Decision(verdict, why)
        return Decision(verdict, "no term includes it")

    def sentences(self) -> Iterator[str]:
        """What each term says, in words."""
        return (sentence_of(term) for term in self.terms)

    @property
    def otherwise(self) -> str:
        """What becomes of an object that no term matches, in words."""
        word = "taken" if self._takes(None) else "not taken"
        return f"The last term that matches decides. What no term matches is {word}."

    def prefixes(self, bucket: str) -> tuple[str, ...]:
        """Prefixes that every key of a bucket has which may be taken: "" is all, () is none."""
        if self._takes(None):
            return ("",)
        literals = sorted(
            term.key.literal
            for term in self.terms
            if not term.excludes and term.bucket.matches(bucket)
        )
        found: list[str] = []
        for literal in literals:
            if not found or not literal.startswith(found[-1]):
                found.append(literal)
        return tuple(found)

    def _decide(self, subject: FilterSubject) -> tuple[int | None, list[int]]:
        """The last term that matches for certain, and those behind it that may match."""
        unknown: list[int] = []
        for number in range(len(self.terms) - 1, -1, -1):
            matches = self.terms[number].matches(subject)
            if matches:
                return number, unknown
            if matches is None:
                unknown.append(number)
        return None, unknown

    def _takes(self, decided: int | None) -> bool:
        if decided is not None:
            return not self.terms[decided].excludes
        return all(term.excludes for term in self.terms)

    def __str__(self) -> str:
        return ";".join(map(str, self.terms))


EVERYTHING = Filter()
