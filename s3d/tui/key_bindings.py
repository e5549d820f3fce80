"""The keys as lists for people, and the keys that the user has chosen instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.binding import ActiveBinding, Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Input

from s3d.tui.lines import Line
from s3d.tui.preferences import Preferences
from s3d.tui.tabs import TABS

Sources = Sequence[tuple[str, Sequence[BindingType]]]
"""Title and keys of each part of the app."""

LISTS, WINDOW, EVERYWHERE = "Lists", "This window", "Everywhere"
"""Groups of keys that belong to no tab."""
_ORDER = {LISTS: 1, EVERYWHERE: 2}
"""Where a group stands; that of the tab or of the window is the first."""
_TAB_TITLES = {tab.name: tab.title for tab in TABS}

_SIGNS = {
    "question_mark": "?", "slash": "/", "colon": ":", "comma": ",", "asterisk": "*",
    "full_stop": ".", "plus": "+",
    "left_square_bracket": "[", "right_square_bracket": "]", "apostrophe": "'",
    "equals_sign": "=", "underscore": "_",
}  # fmt: skip


def sign(key: str) -> str:
    """A key as it is printed on the keyboard."""
    return _SIGNS.get(key, key)


def groups_of(screen: Screen[Any]) -> list[tuple[str, list[ActiveBinding]]]:
    """The keys by where they belong, the nearest to the focus first; also those that do nothing for
    what is under the cursor, which are not enabled."""
    groups: dict[str, list[ActiveBinding]] = {}
    for binding in screen.active_bindings.values():
        if binding.binding.description:
            groups.setdefault(_group(binding.node), []).append(binding)
    return sorted(groups.items(), key=lambda group: _ORDER.get(group[0], 0))


def _group(node: DOMNode) -> str:
    """The name of what has a key: the tab of a pane, a list, the app, or the window."""
    if isinstance(node, App):
        return EVERYWHERE
    if isinstance(node, Screen):
        return EVERYWHERE if node.id == "_default" else WINDOW
    tab = next((each for each in node.ancestors if each.id in _TAB_TITLES), None)
    if tab is None or isinstance(node, ScrollView | Input):
        return LISTS
    return _TAB_TITLES[str(tab.id)]


def keys_of(screen: Screen[Any]) -> list[Line]:
    """A line for each description with all its keys, in groups with a heading; dim for what is not
    possible now."""
    lines: list[Line] = []
    for title, bindings in groups_of(screen):
        by_description: dict[tuple[str, bool], list[str]] = {}
        for _, binding, is_enabled, _ in bindings:
            same = by_description.setdefault((binding.description, is_enabled), [])
            same.append(sign(binding.key))
        heading = Strip([Segment(title, Style(bold=True))])
        lines += ["", heading] if lines else [heading]
        for (description, is_enabled), keys in by_description.items():
            text = f"  {' '.join(keys):18} {description}"
            lines.append(text if is_enabled else Strip([Segment(text, Style(dim=True))]))
    return lines


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
