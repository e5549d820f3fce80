"""The keys: what each does, as a list for people, and the person's own in place of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from textual.app import App
from textual.binding import ActiveBinding, Binding, BindingType

from s3d.tui.preferences import Preferences

Sources = Sequence[tuple[str, Sequence[BindingType]]]
"""Title and keys of each part of the app."""

_SIGNS = {
    "question_mark": "?", "slash": "/", "colon": ":", "comma": ",", "asterisk": "*",
    "left_square_bracket": "[", "right_square_bracket": "]", "apostrophe": "'",
    "equals_sign": "=", "underscore": "_",
}  # fmt: skip


def sign(key: str) -> str:
    """A key as it is on the keyboard."""
    return _SIGNS.get(key, key)


def keys_of(found: Iterable[ActiveBinding]) -> list[str]:
    """A line for each thing that can be done, with all its keys."""
    by_description: dict[str, list[str]] = {}
    for _, binding, enabled, _ in found:
        if enabled and binding.description:
            by_description.setdefault(binding.description, []).append(sign(binding.key))
    rows = [(" ".join(keys), about) for about, keys in by_description.items()]
    return [f"{keys:18} {about}" for keys, about in sorted(rows)]


def all_keys(sources: Sources) -> Iterator[str]:
    """For paper: keys, what they do, and by which name they can be changed."""
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


def with_user_keys(app: App[None], preferences: Preferences, sources: Sources) -> list[str]:
    """Use the person's keys; what is wrong with them, a sentence each."""
    troubles = [preferences.trouble] if preferences.trouble else []
    wanted = preferences.keys
    if not wanted:
        return troubles
    known = ids_of(sources)
    troubles += [
        f"{preferences.path}: there is no key {name}; s3d tui --keys lists them"
        for name in wanted
        if name not in known
    ]
    scopes = Counter(
        (name.partition(".")[0], key) for name, keys in wanted.items() for key in keys.split(",")
    )
    troubles += [
        f"{preferences.path}: {key} is given to two things"
        for (_, key), number in scopes.items()
        if number > 1
    ]
    app.set_keymap({name: keys for name, keys in wanted.items() if name in known})
    return troubles
