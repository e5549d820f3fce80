"""Filters select objects by bucket, key, tags, headers and metadata. Pure.

The last term that matches decides. If no term matches, a filter that consists only of exclusions
includes the object, and every other filter excludes it. The verdict is UNKNOWN only if it depends
on attributes that were not fetched. Syntax: docs/guide/filters.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from functools import reduce
from operator import or_

import msgspec

from s3d.shared.filters.terms import (
    ATTRIBUTE_NAMES,
    NO_ATTRIBUTES,
    Attributes,
    FilterSubject,
    Term,
)


class Verdict(Enum):
    """Whether a filter includes an object."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    UNKNOWN = "unknown"
    """It depends on attributes that were not fetched."""


class Decision(msgspec.Struct, frozen=True):
    """A verdict with its reason. term: the number of the term that decided, from 1, if any."""

    verdict: Verdict
    why: str
    term: int | None = None
    missing: Attributes = NO_ATTRIBUTES
    """With UNKNOWN: the attributes to fetch."""


class Filter(msgspec.Struct, frozen=True):
    """Created by parse() or of(). parse() of str() gives an equal filter."""

    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Raises FilterError."""
        from s3d.shared.filters.parser import parse_terms  # most configurations have no filter

        return cls(parse_terms(text))

    @classmethod
    def parse_of_folder(cls, text: str) -> Filter:
        """The filter of a sync folder, whose patterns are paths within it. Raises FilterError."""
        from s3d.shared.filters.folder_filter import parse_folder_terms

        return cls(parse_folder_terms(text))

    @classmethod
    def of(cls, texts: Sequence[str]) -> Filter:
        """From a list of terms, as in the configuration file. Raises FilterError."""
        from s3d.shared.filters.parser import parse_terms

        return cls(tuple(term for text in texts for term in parse_terms(text)))

    @property
    def needs(self) -> Attributes:
        """The attributes that the verdict can depend on."""
        return reduce(or_, (term.needs for term in self.terms), NO_ATTRIBUTES)

    def verdict(self, subject: FilterSubject) -> Verdict:
        decided, unknown = self._decide(subject)
        included = self._includes(decided)
        if any(self.terms[number].excludes is included for number in unknown):
            return Verdict.UNKNOWN
        return Verdict.INCLUDE if included else Verdict.EXCLUDE

    def explain(self, subject: FilterSubject) -> Decision:
        """The verdict with its reason."""
        verdict = self.verdict(subject)
        decided, unknown = self._decide(subject)
        if verdict is Verdict.UNKNOWN:
            missing = reduce(or_, (self.terms[n].missing(subject) for n in unknown), NO_ATTRIBUTES)
            names = " and ".join(ATTRIBUTE_NAMES[one] for one in Attributes if one & missing)
            return Decision(verdict, f"it depends on {names}", unknown[0] + 1, missing)
        if decided is not None:
            term = self.terms[decided]
            word = "excludes" if term.excludes else "includes"
            return Decision(verdict, f"term {decided + 1} {word} it: {term}", decided + 1)
        if verdict is Verdict.INCLUDE:
            why = "no term excludes it" if self.terms else "the filter is empty"
            return Decision(verdict, why)
        return Decision(verdict, "no term includes it")

    def sentences(self) -> Iterator[str]:
        """Each term in words."""
        return (term.sentence for term in self.terms)

    @property
    def fallback_sentence(self) -> str:
        """What happens to an object that no term matches, in words."""
        word = "included" if self._includes(None) else "excluded"
        return f"The last term that matches decides. An object that no term matches is {word}."

    def prefixes(self, bucket: str) -> tuple[str, ...]:
        """The prefixes of the keys that can be included: ("",) for all keys, () for none."""
        if self._includes(None):
            return ("",)
        literals = sorted(
            term.key.literal
            for term in self.terms
            if not term.excludes and term.bucket.matches(bucket)
        )
        prefixes: list[str] = []
        for literal in literals:
            if not prefixes or not literal.startswith(prefixes[-1]):
                prefixes.append(literal)
        return tuple(prefixes)

    def _decide(self, subject: FilterSubject) -> tuple[int | None, list[int]]:
        """The last term that certainly matches, and the later ones that may match."""
        unknown: list[int] = []
        for number in range(len(self.terms) - 1, -1, -1):
            matches = self.terms[number].matches(subject)
            if matches:
                return number, unknown
            if matches is None:
                unknown.append(number)
        return None, unknown

    def _includes(self, decided: int | None) -> bool:
        if decided is not None:
            return not self.terms[decided].excludes
        return all(term.excludes for term in self.terms)

    def __str__(self) -> str:
        return ";".join(map(str, self.terms))


EVERYTHING = Filter()
