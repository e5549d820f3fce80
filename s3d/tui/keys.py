"""The keys as lists for people, and the keys that the user has chosen instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from textual.app import App
from textual.binding import ActiveBinding, Binding, BindingType

from s3d.tui.preferences import Preferences

Sources = Sequence[tuple[str, Sequence[BindingType]]]
"""Title and keys of each part of the app."""

_SIGNS = {
    "question_mark": "?", "slash": "/", "colon": ":", "comma": ",", "asterisk": "*",
    "full_stop": ".",
    "left_square_bracket": "[", "right_square_bracket": "]", "apostrophe": "'",
    "equals_sign": "=", "underscore": "_",
}  # fmt: skip


def sign(key: str) -> str:
    """A key as it is printed on the keyboard."""
    return _SIGNS.get(key, key)


def keys_of(bindings: Iterable[ActiveBinding]) -> list[str]:
    """A line for each description, with all its keys."""
    by_description: dict[str, list[str]] = {}
    for _, binding, enabled, _ in bindings:
        if enabled and binding.description:
            by_description.setdefault(binding.description, []).append(sign(binding.key))
    rows = [(" ".join(keys), description) for description, keys in by_description.items()]
    return [f"{keys:18} {description}" for keys, description in sorted(rows)]


def all_keys(sources: Sources) -> Iterator[str]:
    """Lines to print: keys, what they do, and the name by which the user can change them."""
    for title, bindings in sources:
        yield title
        for binding in bindings:
            assert isinstance(binding, Binding)
            keys = " ".join(map(sign, binding.key.split(",")))
            yield f"  {keys:22} {binding.description:34} {binding.id or ''}".rstrip()


def ids_of(sources: Sources) -> set[str]:
    """The names by which keys can be changed."""
    return {
        binding.id
        for _, bindings in sources
        for binding in bindings
        if isinstance(binding, Binding) and binding.id
    }


def with_user_keys(app: App[Any], preferences: Preferences, sources: Sources) -> list[str]:
    """Use the keys of the preferences. Returns what is wrong with them, a sentence each."""
    problems = [preferences.error] if preferences.error else []
    chosen = preferences.keys
    if not chosen:
        return problems
    known = ids_of(sources)
    problems += [
        f"{preferences.path}: there is no action {name}; see s3d tui --keys"
        for name in chosen
        if name not in known
    ]
    scopes = Counter(
        (name.partition(".")[0], key) for name, keys in chosen.items() for key in keys.split(",")
    )
    problems += [
        f"{preferences.path}: {key} is bound to two actions"
        for (_, key), number in scopes.items()
        if number > 1
    ]
    app.set_keymap({name: keys for name, keys in chosen.items() if name in known})
    return problems
