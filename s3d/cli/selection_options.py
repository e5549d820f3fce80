"""Options that choose objects: --exclude and --include, whose order matters, and ages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import click

from s3d.cli.session import F
from s3d.shared.object_patterns import PathRule
from s3d.shared.text import parse_age

EXCLUDE, INCLUDE = "--exclude", "--include"
_INCLUDED = "\0"
"""Marks a pattern of --include: no argument of a process can contain it."""


class RuledCommand(click.Command):
    """A command with rule_options.

    click collects the values of each option by itself and forgets their order between two options.
    So this replaces --include PATTERN by --exclude with a marked pattern before click parses it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [*_marked(args)])


def rule_options(command: F) -> F:
    """Add --exclude and --include; the command receives both, in their order, as rules."""
    for option in (
        click.option(INCLUDE, expose_value=False, multiple=True, metavar="PATTERN",
                     help="Include names again; the last option that matches decides."),
        click.option(EXCLUDE, "rules", multiple=True, metavar="PATTERN", callback=_rules,
                     help="Leave out names, relative to the source; * matches / too."),
    ):  # fmt: skip
        command = option(command)
    return command


def _marked(args: list[str]) -> Iterator[str]:
    words = iter(args)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            yield word
            yield from words
        elif name != INCLUDE:
            yield word
        elif equals or (value := next(words, _INCLUDED)) != _INCLUDED:
            yield f"{EXCLUDE}={_INCLUDED}{value}"
        else:
            yield word  # without a pattern: click reports it


def _rules(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> list[PathRule]:
    return [PathRule(text.startswith(_INCLUDED), text.removeprefix(_INCLUDED)) for text in value]


class Age(click.ParamType[float]):
    """A time ago, such as 30d; its value is in Unix seconds."""

    name = "age"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return time.time() - parse_age(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
