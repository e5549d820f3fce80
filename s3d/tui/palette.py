"""The command palette: every tab, every key that does something now, every bucket and folder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Protocol

from textual.app import SystemCommand
from textual.screen import Screen

from s3d.shared.text import safe
from s3d.tui.host import Host
from s3d.tui.keys import sign
from s3d.tui.tabs import TABS, key_of


class ActionHost(Host, Protocol):
    """The app, with the part of Textual's App that runs an action by its name."""

    async def run_action(self, action: Any, default_namespace: Any = None) -> bool: ...


def commands(host: ActionHost, screen: Screen[object]) -> Iterator[SystemCommand]:
    """All commands; the user finds them by their titles. screen: whose keys are listed."""
    yield from _tab_commands(host)
    yield from _key_commands(host, screen)
    yield from _queue_commands(host)
    yield from _place_commands(host)


def _tab_commands(host: Host) -> Iterator[SystemCommand]:
    for tab in TABS:
        show = partial(host.main.show_tab, tab.name)
        yield SystemCommand(f"Show {tab.title}", f"key {key_of(tab.name)}", show)


def _key_commands(host: ActionHost, screen: Screen[object]) -> Iterator[SystemCommand]:
    """Everything that a key does now, but for the tabs, which have commands of their own."""
    listed: set[str] = set()
    for node, binding, enabled, _ in screen.active_bindings.values():
        is_new = bool(binding.description) and binding.description not in listed
        if enabled and is_new and not binding.action.startswith("show_tab("):
            listed.add(binding.description)
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
