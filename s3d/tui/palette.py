"""The command palette: what the keys do now comes first, then every bucket, folder and tab."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, Protocol, cast

from textual.app import SystemCommand
from textual.command import DiscoveryHit, Hit, Provider
from textual.screen import Screen

from s3d.shared.text import safe
from s3d.tui.host import Host
from s3d.tui.key_bindings import groups_of, sign
from s3d.tui.tabs import TABS, key_of

CONTEXT_BONUS = 0.05
"""What is added to the score of a match for each place nearer to the top of the list, of at most
MAX_PLACES: among equal matches, what fits the context comes first."""
MAX_PLACES = 20


class ActionHost(Host, Protocol):
    """The app, with the part of Textual's App that runs an action by its name."""

    async def run_action(self, action: Any, default_namespace: Any = None) -> bool: ...


def commands(host: ActionHost, screen: Screen[object]) -> Iterator[SystemCommand]:
    """All commands, each title once; what fits the context first. screen: whose keys count."""
    titles: set[str] = set()
    for part in (
        _key_commands(host, screen), _queue_commands(host), _place_commands(host),
        _tab_commands(host),
    ):  # fmt: skip
        for each in part:
            if each.title not in titles:
                titles.add(each.title)
                yield each


def _tab_commands(host: Host) -> Iterator[SystemCommand]:
    for tab in TABS:
        show = partial(host.main.show_tab, tab.name)
        yield SystemCommand(f"Show {tab.title}", f"key {key_of(tab.name)}", show)


def _key_commands(host: ActionHost, screen: Screen[object]) -> Iterator[SystemCommand]:
    """Everything that a key does now, but for the tabs, which have commands of their own."""
    for _, bindings in groups_of(screen):
        for node, binding, is_enabled, _ in bindings:
            if is_enabled and not binding.action.startswith("show_tab("):
                act = partial(host.run_action, binding.action, node)
                yield SystemCommand(binding.description, f"key {sign(binding.key)}", act)


def _queue_commands(host: Host) -> Iterator[SystemCommand]:
    """Commands on the whole write queue, which work in every tab."""
    for verb, title in (("pause", "Pause all uploads"), ("resume", "Resume all uploads")):
        act = partial(host.actions.change_queue, verb)
        yield SystemCommand(title, f"s3d queue {verb}", act)
    yield SystemCommand(
        "Retry all uploads that failed", "s3d queue retry --all", host.actions.retry_queue
    )


def _place_commands(host: Host) -> Iterator[SystemCommand]:
    for bucket in host.state.buckets:
        go = partial(host.main.show_place, bucket.name, "")
        yield SystemCommand(_without_markup(f"Go to bucket {bucket.name}"), "Buckets", go)
    for folder in host.state.folders:
        title = _without_markup(f"Go to sync folder {folder.name}")
        yield SystemCommand(title, "Sync", partial(host.main.show_tab, "sync"))


def _without_markup(text: str) -> str:
    """The palette parses titles as markup, so no bracket may open a tag."""
    return safe(text).replace("[", "(").replace("]", ")")


class Commands(Provider):
    """Lists the commands in their order; Textual's own provider sorts them by their titles."""

    def _commands(self) -> list[SystemCommand]:
        return [*commands(cast("ActionHost", self.app), self.screen)]

    async def discover(self) -> AsyncIterator[DiscoveryHit]:
        for title, help, callback, _ in self._commands():
            yield DiscoveryHit(title, callback, help=help)

    async def search(self, query: str) -> AsyncIterator[Hit]:
        matcher = self.matcher(query)
        for place, (title, help, callback, _) in enumerate(self._commands()):
            score = matcher.match(title)
            if score > 0:
                score += CONTEXT_BONUS * max(MAX_PLACES - place, 0)
                yield Hit(score, matcher.highlight(title), callback, help=help)
