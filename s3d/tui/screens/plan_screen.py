"""What a pass of a sync folder would do. The agent computes it and changes nothing."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen

from s3d.shared.syncing import SyncPlan
from s3d.shared.text import count, safe, size
from s3d.tui.agent_client import AgentUnreachable, RequestRefused
from s3d.tui.host import host_of
from s3d.tui.lines import Lines


class PlanScreen(ModalScreen[bool]):
    """path: of the control API. body: the draft of a folder that is not saved yet.

    can_save: ctrl+s saves that draft. Returns whether it was pressed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,t,ctrl+t", "dismiss(False)", "Close"),
        Binding("ctrl+s", "save", "Save", priority=True),
    ]

    def __init__(self, path: str, name: str, body: Any = None, *, can_save: bool = False) -> None:
        super().__init__()
        self._path, self._heading, self._body = path, name, body
        self._can_save = can_save

    def compose(self) -> ComposeResult:
        lines = Lines(["comparing both sides"], id="text")
        lines.border_title = Content(safe(f"Dry run: {self._heading}"))
        lines.border_subtitle = (
            "ctrl+s saves the folder   esc back to the form; nothing was changed"
            if self._can_save
            else "esc closes; nothing was changed"
        )
        yield lines

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Lines))
        self.load()

    def action_save(self) -> None:
        if self._can_save:
            self.dismiss(True)

    @work(exclusive=True, group="plan", exit_on_error=False)
    async def load(self) -> None:
        call = host_of(self).agent.call
        try:
            plan = await call("POST", self._path, SyncPlan, self._body)
        except (AgentUnreachable, RequestRefused) as error:
            self.query_one(Lines).show([safe(str(error))])
            return
        self.query_one(Lines).show(plan_lines(plan))


def plan_lines(plan: SyncPlan) -> list[str]:
    """Totals first, then the steps."""
    counts = ", ".join(f"{action} {number:,}" for action, number in sorted(plan.counts.items()))
    lines = [
        counts or "Nothing: both sides agree.",
        f"up {size(plan.upload_size)}, down {size(plan.download_size)}",
    ]
    if plan.doubt:
        lines.append(safe(f"This plan needs approval: {plan.doubt}"))
    lines.append("")
    for step in plan.steps:
        reason = f"  ({step.reason})" if step.reason else ""
        lines.append(safe(f"{step.action:20} {size(step.size):>10}  {step.path}{reason}"))
    more = sum(plan.counts.values()) - len(plan.steps)
    return lines + ([f"and {count(more, 'step')} more"] if more > 0 else [])
