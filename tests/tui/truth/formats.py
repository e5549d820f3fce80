"""Templates of true phrases: {PATH|FORMAT} is a value of the agent's JSON as the app writes it.

A path is SOURCE.FIELD.FIELD, of an item .FIELD; a number picks from a list. Several paths with +
between them are added up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from s3d.shared.text import age, count, duration, moment, size
from tests.tui.truth.agent_json import AgentJson
from tests.tui.truth.derived import source

NEARLY = "≈"
"""Before a rate that changes all the time: the screen may show one nearby."""
_HOLE = re.compile(r"\{([^{}|]+)(?:\|([^{}]*))?\}")
Format = Callable[[Any, float], str]

FORMATS: Mapping[str, Format] = {
    "": lambda value, now: str(value),
    "n": lambda value, now: f"{value:,}",
    "size": lambda value, now: size(round(value)),
    "nearly rate": lambda value, now: f"{NEARLY}{size(round(value))}/s" if value else "",
    "percent": lambda value, now: f"{value:.0%}",
    "age": lambda value, now: age(value),
    "duration": lambda value, now: duration(value),
    "latency": lambda value, now: duration(value) if value else "-",
    "due": lambda value, now: f"in {age(value - now)}" if value - now >= 1 else "is due",
    "ago": lambda value, now: age(now - value),
    "until": lambda value, now: age(value - now),
    "time": lambda value, now: moment(value),
    "clock": lambda value, now: moment(value)[11:],
    "rounded": lambda value, now: f"{value:,.0f}",
    "compact size": lambda value, now: size(value).replace(" ", ""),
    "if any": lambda value, now: str(value or ""),
}
"""Name -> how a value is written. count NOUN writes a number with its noun."""
WORDS: Mapping[str, Mapping[Any, str]] = {
    "remote": {True: "reachable", False: "unreachable", None: "not checked yet"},
    "key state": {
        "": "",
        "pending": "↑ pending",
        "failed": "✗ failed",
        "held": "‖ held",
        "pinned": "P pinned",
        "cached": "● cached",
        "partial": "◐ partial",
    },
    "cache state": {"cached": "● cached", "pinned": "P pinned"},
    "write state": {
        "waiting": "↑ pending",
        "running": "↑ pending",
        "held": "↑ paused",
        "failed": "✗ failed",
        "conflict": "✗ conflict",
        "verifying": "↑ pending",
    },
    "transfer state": {
        state: state for state in ("waiting", "running", "failed", "verifying", "conflict")
    },
}
"""Name of a format -> the word for each value. Here null has a word, too."""


def render(template: str, look: AgentJson, item: Any) -> str | None:
    """The phrase as it is true now; None when one of its values is null."""
    parts, at = [], 0
    for hole in _HOLE.finditer(template):
        text = _text(hole[1], hole[2] or "", look, item)
        if text is None:
            return None
        parts += [template[at : hole.start()], text]
        at = hole.end()
    return "".join(parts) + template[at:]


def _text(path: str, format: str, look: AgentJson, item: Any) -> str | None:
    values = [value_at(each, look, item) for each in path.split("+")]
    value = values[0] if len(values) == 1 else sum(values)
    if format in WORDS:
        return WORDS[format].get(value)
    if value is None:
        return None
    if format.startswith("count "):
        return count(value, format.removeprefix("count "))
    return FORMATS[format](value, look.now)


def value_at(path: str, look: AgentJson, item: Any) -> Any:
    """The value of a path; None where there is none."""
    first, *names = path.split(".")
    value = item if not first else source(look, first)
    for name in names:
        if value is None:
            return None
        if isinstance(value, list):
            number = int(name)
            value = value[number] if -len(value) <= number < len(value) else None
        else:
            value = value.get(name)
    return value
