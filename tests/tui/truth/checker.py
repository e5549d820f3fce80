"""Finds what is false on a screen: each text has to follow from a rule and the agent's JSON.

A rule renders the phrases that are true now. What no true phrase covers, and is no plain word of
the app, is a falsehood, or a text that needs a rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from s3d.shared.text import parse_size
from s3d.tui.draw import cell
from tests.tui.truth.agent_json import AgentJson
from tests.tui.truth.derived import source
from tests.tui.truth.formats import NEARLY, render
from tests.tui.truth.prose import unexplained
from tests.tui.truth.screen_parts import Cells, Part


@dataclass(frozen=True)
class Rule:
    """Phrases of a part of the screen.

    template: text with {PATH|FORMAT}, see formats.py; of each item of a source, or once. A phrase
    with a value that is null is not true. when: whether the rule holds (for an item). about: what
    a part says of the item that it is about; of other items the rule says nothing there.
    """

    part: str
    template: str
    each: str = ""
    when: Callable[[Any], bool] = bool
    about: str = ""


@dataclass(frozen=True)
class TableRule:
    """Rows of a table: title of a column -> the templates of which one is true."""

    part: str
    each: str
    columns: dict[str, Sequence[str]]
    when: Callable[[Any], bool] = bool


def falsehoods(
    parts: Sequence[Part], rules: Sequence[Rule], tables: Sequence[TableRule],
    looks: Sequence[AgentJson],
) -> list[str]:  # fmt: skip
    """looks: the agent shortly before and after the screen was drawn; either may be right."""
    wrong = []
    for part in parts:
        if part.name in OBJECT_BYTES:
            continue
        wrong += _wrong_text(part, [rule for rule in rules if rule.part == part.name], looks)
        own = [rule for rule in tables if rule.part == part.name]
        wrong += [
            f"{part.name}: no item is {row.line!r}" for row in part.rows
            if not any(_is_row(row, rule, item, look) for rule in own for look in looks
                       for item in items(rule, look))
        ]  # fmt: skip
    return wrong


def items(rule: Rule | TableRule, look: AgentJson) -> Iterator[Any]:
    """The items of a rule for which it holds; None for a rule of the whole agent."""
    if not rule.each:
        yield None
        return
    values = source(look, rule.each)
    several = values if isinstance(values, list) else [values]
    yield from (item for item in several if item is not None and rule.when(item))


def _wrong_text(part: Part, rules: Sequence[Rule], looks: Sequence[AgentJson]) -> list[str]:
    phrases = {
        " ".join(phrase.split())
        for rule in rules
        for look in looks
        for item in items(rule, look)
        if (render(rule.about, look, item) or "") in part.text
        and (phrase := render(rule.template, look, item))
    }
    left = part.text
    for phrase in sorted(phrases, key=len, reverse=True):
        left = re.sub(_pattern(phrase), _cover, left)
        left = _cover_elided(phrase, left)
    tokens = unexplained(left.replace(_COVERED, " "))
    return [f"{part.name}: {token!r} in {part.text!r}" for token in tokens]


def _cover(found: re.Match[str]) -> str:
    return _COVERED * len(found[0])


def _cover_elided(phrase: str, text: str) -> str:
    """Cover a long phrase of which the middle is left out."""
    at = text.find(_MORE)
    if at < 0 or len(phrase) < 3 * _MIN_ENDS:
        return text
    rest = text[at + 1 :]
    head = max((n for n in range(1, at + 1) if phrase.startswith(text[at - n : at])), default=0)
    tail = max((n for n in range(1, len(rest) + 1) if phrase.endswith(rest[:n])), default=0)
    if min(head, tail) < _MIN_ENDS:
        return text
    return text[: at - head] + _COVERED * (head + 1 + tail) + rest[tail:]


OBJECT_BYTES = ("preview-lines",)
"""Parts that show what an object contains, which tests/tui/preview is about."""
_COVERED, _MORE = "\0", "…"
_NEAR = 0.1
_MIN_ENDS = 5
"""Characters of an elided phrase that are at least there on both sides."""


def _pattern(phrase: str) -> str:
    """The phrase as whole words, whatever the spaces between them."""
    words = r"\s+".join(re.escape(word) for word in phrase.split())
    before = r"(?<![\w/.,:-])" if phrase.strip()[0].isalnum() else ""
    after = r"(?![\w/-])(?![.,:]\w)" if phrase.strip()[-1].isalnum() else ""
    return before + words + after


def _is_row(row: Cells, rule: TableRule, item: Any, look: AgentJson) -> bool:
    """Whether each cell shows what the rule says of the item."""
    return all(
        any(
            _is_cell(text, width, render(each, look, item))
            for each in rule.columns.get(title, [""])
        )
        for title, (text, width) in row.texts.items()
    )


def _is_cell(text: str, width: int, true: str | None) -> bool:
    """* in what is true stands for signs."""
    if true is None:
        return False
    if true.startswith(NEARLY):
        return _is_near(text, true.removeprefix(NEARLY))
    if "*" in true:
        signs = r"[\W_]*".join(re.escape(part.strip()) for part in true.split("*"))
        return re.fullmatch(signs, text) is not None
    texts = (text, cell(true, width))
    return len({" ".join(each.split()) for each in texts}) == 1


def _is_near(text: str, true: str) -> bool:
    """Whether a rate is another one, give or take what it changes while the screen is drawn."""
    try:
        shown, real = (parse_size(each.removesuffix("/s")) for each in (text, true))
    except ValueError:
        return False
    return abs(shown - real) <= _NEAR * real
