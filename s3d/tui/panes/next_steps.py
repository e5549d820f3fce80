"""What a new user can do next, at the dashboard, until there is something to see."""

from __future__ import annotations

from textual.content import Content

from s3d.shared.text import safe
from s3d.tui.app_state import State
from s3d.tui.text_widgets import Box
from s3d.tui.themes import COLORS

TITLE = "What next"


class NextSteps(Box):
    """Hidden as soon as something was stored, moved or synced."""

    def __init__(self) -> None:
        super().__init__(TITLE, "next-steps")

    def show(self, state: State) -> None:
        self.display = is_new(state)
        if self.display:
            self.put(*next_steps(state.endpoint, has_remote=state.has_remote))


def is_new(state: State) -> bool:
    """Whether nothing was done yet: no bucket or object here, no transfer, no sync folder."""
    status = state.status
    if status is None or state.transfers or state.folders:
        return False
    if status.store is not None and (status.store.buckets or status.store.objects):
        return False
    cache, queue = status.cache, status.queue
    is_unused = cache is None or not (cache.files or cache.hits or cache.misses)
    return is_unused and (queue is None or not queue.left.files)


def next_steps(endpoint: str, *, has_remote: bool) -> list[Content]:
    """A line for each: what it is for, the key, and the command that does the same.

    endpoint: URL of the S3 endpoint. has_remote: whether there may be buckets already.
    """
    first = (
        _step("Look at the buckets", "press 2", "s3d ls")
        if has_remote
        else _step("Create a bucket", "press 2, then n", "s3d mb photos")
    )
    return [
        first,
        _step("Upload a file or a folder", "press 2, then u", "s3d cp -r ~/Pictures s3://photos/"),
        _step("Keep a folder in sync", "press 5, then n", "s3d sync add ~/notes photos/notes"),
        _step("Use any S3 program", safe(endpoint), 'eval "$(s3d env)"; aws s3 ls'),
    ]


def _step(title: str, key: str, cli: str) -> Content:
    return Content.assemble(
        f"{title:27}", (f"{key:23}", f"bold {COLORS['accent']}"), (f"$ {cli}", COLORS["stale"])
    )
