"""The command palette: every tab, every key that does something here, every bucket and folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.screen import Screen

from s3d.shared.text import safe
from s3d.tui.keys import sign

if TYPE_CHECKING:
    from s3d.tui.app import S3dApp


def commands(app: S3dApp, screen: Screen[object], tabs: Sequence[str]) -> Iterator[SystemCommand]:
    """What is typed for is found by its title. screen: whose keys count. tabs: their titles."""
    for number, title in enumerate(tabs, 1):
        yield SystemCommand(f"Show {title}", f"key {number}", partial(app.show_tab, number))
    for node, binding, enabled, _ in screen.active_bindings.values():
        if enabled and binding.description and not binding.action.startswith("tab("):
            act = partial(app.run_action, binding.action, node)
            yield SystemCommand(binding.description, f"key {sign(binding.key)}", act)
    yield from _queue(app)
    for info in app.state.buckets:
        go = partial(app.show_place, info.name, "")
        yield SystemCommand(_plain(f"Go to bucket {info.name}"), "Buckets", go)
    for folder in app.state.folders:
        title = _plain(f"Go to sync folder {folder.name}")
        yield SystemCommand(title, "Sync", partial(app.show_tab, 5))


def _queue(app: S3dApp) -> Iterator[SystemCommand]:
    """What concerns the agent as a whole, from wherever one is."""
    for verb, about in (("pause", "Pause all uploads"), ("resume", "Resume all uploads")):
        act = partial(
            app.act, "POST", f"/v1/queue:{verb}", f"queue {verb}d", command=f"s3d queue {verb}"
        )
        yield SystemCommand(about, f"s3d queue {verb}", act)
    retry = partial(
        app.act, "POST", "/v1/queue:retry", "tried again", command="s3d queue retry --all"
    )
    yield SystemCommand("Retry all uploads that failed", "s3d queue retry --all", retry)


def _plain(text: str) -> str:
    """The palette takes titles for markup: no bracket may open a tag."""
    return safe(text).replace("[", "(").replace("]", ")")
