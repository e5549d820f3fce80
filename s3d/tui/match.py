"""What a person types behind / as a test of names: txt, !txt, ~regex, -f letters. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

Test = Callable[[str], bool]


class Unmatchable(ValueError):
    """str(): what is wrong with what was typed, for a person."""


def matcher(text: str) -> Test | None:
    """None: everything matches. Case counts only when a capital letter is typed.

    txt: names that hold it; !txt: those that do not; ~regex: in which it is found; -f letters: that
    have these letters in this order. Raises Unmatchable.
    """
    if text.startswith("~"):
        return _found(_compiled(text[1:], text[1:]))
    if text.startswith("-f"):
        letters = text[2:].strip()
        return _found(_compiled(".*?".join(map(re.escape, letters)), letters)) if letters else None
    if text.startswith("!"):
        return _without(text[1:]) if text[1:] else None
    return _with(text) if text else None


def narrows(before: str, after: str) -> bool:
    """Whether what matches after, matched before too: then only that need be looked at again."""
    plain = not before.startswith(("!", "~", "-f")) and not after.startswith(("!", "~", "-f"))
    same_case = before.islower() == after.islower() or not before
    return plain and same_case and after.startswith(before)


def _with(text: str) -> Test:
    if text != text.lower():
        return lambda name: text in name
    return lambda name: text in name.lower()


def _without(text: str) -> Test:
    has = _with(text)
    return lambda name: not has(name)


def _compiled(pattern: str, typed: str) -> re.Pattern[str]:
    flags = re.DOTALL | (re.IGNORECASE if typed == typed.lower() else re.NOFLAG)
    try:
        return re.compile(pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise Unmatchable(f"no regular expression: {error}") from error


def _found(pattern: re.Pattern[str]) -> Test:
    return lambda name: pattern.search(name) is not None
