"""Filters of names as the user types them behind /: txt, !txt, ~regex, -f letters. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

Test = Callable[[str], bool]
Span = tuple[int, int]
"""Start and end in a name."""


class Unmatchable(ValueError):
    """The filter is not valid. str(): why, for the user."""


class NameFilter:
    """The filter of a list. An empty text lets every name pass. Raises Unmatchable."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.test: Test = matcher(text) or (lambda name: True)
        """Whether a name passes."""

    def hits(self, name: str) -> list[Span]:
        """The parts of a name that match."""
        return hits(self.text, name)

    def matches(self, name: str) -> bool:
        return self.test(name)


def matcher(text: str) -> Test | None:
    """The test of a filter; None when every name passes. Raises Unmatchable.

    txt: names that contain it; !txt: names that do not; ~regex: names in which it is found;
    -f letters: names with these letters in this order. Case counts only with a capital letter.
    """
    if text.startswith("~"):
        return _finds(_compiled(text[1:], text[1:]))
    if text.startswith("-f"):
        letters = text[2:].strip()
        return _finds(_compiled(".*?".join(map(re.escape, letters)), letters)) if letters else None
    if text.startswith("!"):
        return _lacks(text[1:]) if text[1:] else None
    return _contains(text) if text else None


def hits(text: str, name: str) -> list[Span]:
    """The parts of a name that a filter finds; none for those that names must not contain."""
    if text.startswith("!"):
        return []
    if text.startswith("-f"):
        return _letters(text[2:].strip(), name)
    typed = text[1:] if text.startswith("~") else text
    pattern = typed if text.startswith("~") else re.escape(typed)
    found = _compiled(pattern, typed).finditer(name) if typed else ()
    return [each.span() for each in found if each.end() > each.start()]


def _letters(letters: str, name: str) -> list[Span]:
    spans, start = [], 0
    within = name if letters != letters.lower() else name.lower()
    for letter in letters:
        at = within.find(letter, start)
        if at < 0:
            return []
        spans.append((at, at + 1))
        start = at + 1
    return spans


def narrows(before: str, after: str) -> bool:
    """Whether every name that matches after matched before too, so that only those need a test."""
    plain = not before.startswith(("!", "~", "-f")) and not after.startswith(("!", "~", "-f"))
    same_case = before.islower() == after.islower() or not before
    return plain and same_case and after.startswith(before)


def _contains(text: str) -> Test:
    if text != text.lower():
        return lambda name: text in name
    return lambda name: text in name.lower()


def _lacks(text: str) -> Test:
    has = _contains(text)
    return lambda name: not has(name)


def _compiled(pattern: str, typed: str) -> re.Pattern[str]:
    flags = re.DOTALL | (re.IGNORECASE if typed == typed.lower() else re.NOFLAG)
    try:
        return re.compile(pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise Unmatchable(f"Invalid regular expression: {error}") from error


def _finds(pattern: re.Pattern[str]) -> Test:
    return lambda name: pattern.search(name) is not None
