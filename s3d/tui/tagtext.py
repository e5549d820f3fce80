"""Tags as a text with one a line, and what has changed between two of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping


def parse_tags(text: str) -> dict[str, str]:
    """NAME=VALUE a line; empty lines do not count. Raises ValueError that says which is wrong."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name, sign, value = line.partition("=")
        name = name.strip()
        if not sign or not name:
            raise ValueError(f"line {number} is not NAME=VALUE")
        if name in found:
            raise ValueError(f"line {number}: {name} is there twice")
        found[name] = value.strip()
    return found


def changes(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """What to set, and what to take off."""
    wanted = {name: value for name, value in after.items() if before.get(name) != value}
    return wanted, [name for name in before if name not in after]
