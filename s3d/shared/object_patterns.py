"""Patterns of keys and of relative names. Pure.

A glob stands in place of a key: "*" and "?" stay within one level, and "**" crosses levels. A level
is what is between two slashes. "a/**/b" matches a/b too; "a/**" matches all below a/.

Rules are --exclude and --include of the AWS CLI. They are applied in their order, and the last one
that matches decides; a name that no rule matches is included. Their patterns are those of fnmatch:
"*" and "?" match "/" too, and "[abc]" is a set of characters.
Source: https://docs.aws.amazon.com/cli/latest/reference/s3/#use-of-exclude-and-include-filters
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from itertools import chain, product

import msgspec

WILDCARDS = "*?"
CROSSING = "**"
MAX_ALTERNATIVES = 64


class KeyGlob:
    """A compiled glob. Matching takes linear time in the length of each level.

    Raises ValueError when the pattern has too many "**" within levels.
    """

    def __init__(self, pattern: str) -> None:
        first = min(pattern.find(each) for each in WILDCARDS if each in pattern)
        self.prefix = pattern[:first]
        """What every matching key begins with."""
        self.base = self.prefix[: self.prefix.rfind("/") + 1]
        """The part of a matching key that is not part of its name at the target."""
        self._alternatives = [[*map(_level, levels)] for levels in _alternatives(pattern)]

    def matches(self, key: str, *, below: bool = False) -> bool:
        """Whether the pattern matches the key; below: or one of the folders that it is in."""
        return bool(self.matched(key)) if below else self._fits(key.split("/"))

    def matched(self, key: str) -> str:
        """The outermost folder of the key that the pattern matches, else the key; "" for none."""
        levels = key.split("/")
        ends = (end for end in range(1, len(levels) + 1) if self._fits(levels[:end]))
        return "/".join(levels[: next(ends, 0)])

    def _fits(self, levels: list[str]) -> bool:
        return any(_match(pattern, levels) for pattern in self._alternatives)


def has_wildcards(text: str) -> bool:
    """Whether a text can be a glob."""
    return any(each in text for each in WILDCARDS)


_Level = re.Pattern[str] | None
"""The pattern of one level; None for "**"."""


def _level(text: str) -> _Level:
    return None if text == CROSSING else re.compile(translate(text.replace("[", "[[]")))


def _alternatives(pattern: str) -> list[list[str]]:
    """Patterns in which "**" is always a level of its own: a**b is a*b or a*/**/*b."""
    choices = [_choices(level) for level in pattern.split("/")]
    number = 1
    for each in choices:
        number *= len(each)
    if number > MAX_ALTERNATIVES:
        raise ValueError(f"{pattern!r} has too many '**' beside other characters")
    return [[*chain.from_iterable(chosen)] for chosen in product(*choices)]


def _choices(level: str) -> list[list[str]]:
    before, crossing, after = level.partition(CROSSING)
    if not crossing or not (before or after):
        return [[level]]
    rests = _choices("*" + after.lstrip("*"))
    within = [[before + rest[0], *rest[1:]] for rest in rests]
    return within + [[f"{before}*", CROSSING, *rest] for rest in rests]


def _match(pattern: list[_Level], levels: list[str]) -> bool:
    """Match level by level. The last "**" takes one more level whenever the rest does not fit."""
    at = level = 0
    resume = -1, 0
    while level < len(levels):
        if at < len(pattern):
            part = pattern[at]
            if part is None:
                if at == len(pattern) - 1:
                    return True
                resume = at, level
                at += 1
                continue
            if part.match(levels[level]):
                at, level = at + 1, level + 1
                continue
        if resume[0] < 0:
            return False
        resume = resume[0], resume[1] + 1
        at, level = resume[0] + 1, resume[1]
    return at == len(pattern)


class PathRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One --exclude or --include. pattern: of names relative to the source."""

    include: bool
    pattern: str


def inclusion(rules: Sequence[PathRule]) -> Callable[[str], bool]:
    """Whether a name, relative to the source and with slashes, is included."""
    compiled = [(rule.include, re.compile(translate(rule.pattern)).match) for rule in rules]
    compiled.reverse()

    def is_included(name: str) -> bool:
        return next((include for include, match in compiled if match(name)), True)

    return is_included
