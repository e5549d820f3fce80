"""What Go to offers while its line is typed: places, names of a level, commands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from s3d.tui.command_line import USAGES
from s3d.tui.match import Span, hits
from s3d.tui.places import HOME, PrefixName, level_of, parse_place

MAX_SUGGESTIONS = 200
COMMAND = ":"
"""The first letter of a command."""


class Suggestion(NamedTuple):
    """text: what tab writes and enter opens. label: what is shown. hits: parts of the label that
    were found. kind: bucket, prefix, object, bookmark, recent, place, below or command."""

    text: str
    label: str
    kind: str
    hits: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Known:
    """The places that the app knows without a request, as BUCKET/PREFIX."""

    buckets: Sequence[str] = ()
    bookmarks: Sequence[str] = ()
    recent: Sequence[str] = field(default_factory=tuple)


def level_to_read(text: str) -> PrefixName | None:
    """The level whose names can complete a text; None while no bucket is complete."""
    place, _ = level_of(parse_place(text))
    is_bucket_complete = "/" in text.removeprefix("s3://").lstrip("/") or text.startswith("arn:")
    return place if place != HOME and is_bucket_complete and not is_command(text) else None


def is_command(text: str) -> bool:
    return text.startswith(COMMAND)


def suggest(text: str, known: Known, names: Sequence[str]) -> list[Suggestion]:
    """The best first. names: prefixes and keys of the level of level_to_read()."""
    if is_command(text):
        return _commands(text[1:])
    level = level_to_read(text)
    if level is None:
        return _known(parse_place(text)[0], known)[:MAX_SUGGESTIONS]
    bucket, prefix = level
    _, select = level_of(parse_place(text))
    start = select[len(prefix) :]
    here = Suggestion(f"{bucket}/{prefix}", f"{bucket}/{prefix}", "place")
    if not start:
        return [here, *_names(level, "", names)][:MAX_SUGGESTIONS]
    below = Suggestion(
        f"{bucket}/{select}", f"all keys below {bucket}/{prefix} that match {start}", "below"
    )
    typed = Suggestion(f"{bucket}/{select}", f"{bucket}/{select}", "place")
    return [*(_names(level, start, names)[:MAX_SUGGESTIONS] or [typed]), below]


def _names(level: PrefixName, start: str, names: Iterable[str]) -> list[Suggestion]:
    """The names of a level that match, prefixes and keys."""
    bucket, prefix = level
    ranked = [(rank(start, name[len(prefix) :]), number, name) for number, name in enumerate(names)]
    return [
        Suggestion(
            f"{bucket}/{name}", name[len(prefix) :], "prefix" if name.endswith("/") else "object",
            tuple(best_hits(start, name[len(prefix) :])),
        )
        for found, _, name in sorted(each for each in ranked if each[0] < NO_MATCH)
    ]  # fmt: skip


def _known(start: str, known: Known) -> list[Suggestion]:
    """Bookmarks, recent places and buckets that match, the best first."""
    groups = (("bookmark", known.bookmarks), ("recent", known.recent), ("bucket", known.buckets))
    found = []
    for group, (kind, texts) in enumerate(groups):
        for number, text in enumerate(texts):
            place = rank(start, text)
            if place < NO_MATCH:
                label = text if kind != "bucket" else f"{text}/"
                suggestion = Suggestion(label, label, kind, tuple(best_hits(start, label)))
                found.append((place, group, number, suggestion))
    return [suggestion for *_, suggestion in sorted(found, key=lambda each: each[:3])]


def _commands(typed: str) -> list[Suggestion]:
    name = typed.split(" ", 1)[0]
    return [
        Suggestion(f"{COMMAND}{verb} ", f"{COMMAND}{usage}", "command")
        for verb, usage in USAGES.items()
        if verb.startswith(typed) or (" " in typed and verb.split()[0] == name)
    ]


NO_MATCH = 4


def rank(start: str, name: str) -> int:
    """How well a name matches: 0 the same, 1 it begins so, 2 it has it within, 3 its letters are
    there in this order, else NO_MATCH. Case counts only with a capital letter."""
    if not start:
        return 1
    within = name if start != start.lower() else name.lower()
    if within.rstrip("/") == start.rstrip("/"):
        return 0
    if within.startswith(start):
        return 1
    if start in within:
        return 2
    return 3 if hits(f"-f {start}", name) else NO_MATCH


def best_hits(start: str, name: str) -> list[Span]:
    """The parts of a name that match: the text itself, or its letters."""
    return hits(start, name)[:1] if rank(start, name) < 3 else hits(f"-f {start}", name)
