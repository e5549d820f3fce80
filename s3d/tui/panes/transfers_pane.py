"""The transfers: writes on their way to the remote, downloads, copies; progress and errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from s3d.shared.text import safe
from s3d.shared.transfers import Transfer
from s3d.tui.cli_equivalent import object_name
from s3d.tui.panes.pane import FilteredPane, FilterInput
from s3d.tui.panes.queue_box import VIEWS, queue_lines, queue_text
from s3d.tui.panes.transfer_actions import TransferActions, refusal
from s3d.tui.panes.transfer_jobs import ListedTransfer, is_possible, listed_in, writes_of
from s3d.tui.panes.transfer_rows import transfer_columns, transfer_details, transfer_row
from s3d.tui.table import Table
from s3d.tui.text_widgets import Box, show

_LINE_WIDTH, _FRAME = 88, 5
"""Cells at which the lines of a transfer are wrapped, at most, and those around them."""
_EMPTY = {"all": "No transfers.", "done": "No finished transfers."}


class TransfersPane(FilteredPane):
    """Rates and counters of the queue, the table, and details of the row under the cursor."""

    FOCUS = "#queue"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "chosen('pause')", "Pause", id="transfers.pause"),
        Binding("P", "queue('pause_all')", "Pause all", id="transfers.pause_all"),
        Binding("r", "chosen('retry')", "Retry", id="transfers.retry"),
        Binding("R", "queue('retry_all')", "Retry all failed", show=False,
                id="transfers.retry_all"),
        Binding("x", "chosen('cancel')", "Cancel", id="transfers.cancel"),
        Binding("b", "queue('bandwidth')", "Limit", id="transfers.bandwidth"),
        Binding("slash", "filter", "Filter", show=False, id="transfers.filter"),
        Binding("K", "chosen('first')", "Raise priority", show=False, id="transfers.first"),
        Binding("J", "chosen('last')", "Lower priority", show=False, id="transfers.last"),
        Binding("tab", "view(1)", "Next view", show=False, id="transfers.view"),
        Binding("shift+tab", "view(-1)", "Previous view", show=False),
        Binding("C", "queue('clear')", "Clear finished", show=False, id="transfers.clear"),
        Binding("y", "copy", "Copy key", show=False, id="transfers.copy"),
        Binding("L", "log", "Show in log", show=False, id="transfers.log"),
        Binding("escape", "unfilter", "Clear filter", show=False),
    ]  # fmt: skip
    ACTIONS: ClassVar[dict[str, tuple[str, ...]]] = {
        "pause": ("pause", "resume"), "retry": ("retry",), "cancel": ("cancel", "discard"),
    }  # fmt: skip
    """Key action -> the actions of the agent of which it needs one."""

    WRITES = frozenset(
        ("chosen", "queue pause_all", "queue retry_all", "queue bandwidth", "queue clear")
    )

    def __init__(self) -> None:
        super().__init__()
        self._view = "all"
        self._expanded: set[str] = set()
        """Ids of the uploads whose writes are listed."""
        self._listed: list[ListedTransfer] = []

    def compose(self) -> ComposeResult:
        yield Box("Queue", "queue-box")
        yield FilterInput("transfer-filter")
        yield Table(
            transfer_columns(self.host.size.width), glyphs=self.glyphs, empty=_EMPTY["all"],
            marks=True, id="queue",
        )  # fmt: skip
        yield Box("Transfer", "write-box")

    @property
    def _actions(self) -> TransferActions:
        return TransferActions(self.host)

    @property
    def _current(self) -> Transfer | None:
        """As it is listed."""
        row = self.table.current
        found = (each.transfer for each in self._listed if row and each.transfer.id == row.id)
        return next(found, None)

    def _chosen(self) -> list[Transfer]:
        """The transfers to act on: of an upload that only waits for the remote, its writes."""
        ids = set(self.table.chosen())
        chosen = [each for each in self.state.transfers if each.id in ids]
        parts = writes_of(self.state.transfers)
        return [part for each in chosen for part in parts.get(each.id, [each])]

    def refusal(self, action: str, parameters: tuple[object, ...]) -> str:
        """The agent does not allow it for the row under the cursor."""
        if action == "queue":
            return self._refusal_of_queue(str(parameters[0]))
        if action not in ("chosen", "copy", "log"):
            return ""
        chosen = self._chosen()
        if not chosen:
            return "No transfer is selected"
        needed = self.ACTIONS.get(str(parameters[0])) if action == "chosen" else None
        if needed is None or is_possible(chosen, needed):
            return ""
        return refusal(chosen[0], str(parameters[0]))

    def _refusal_of_queue(self, name: str) -> str:
        if name in ("pause_all", "bandwidth") and self.state.queue is None:
            return "No remote is set, so nothing is uploaded"
        return ""

    # What is shown

    def draw(self) -> None:
        self._draw_queue()
        width, now, table = self.host.size.width, self.host.clock(), self.table
        table.columns = transfer_columns(width)
        table.empty = (
            "No match." if self.filter.text else _EMPTY.get(self._view, "None in this state.")
        )
        if self._view == "all" and not self.state.transfers:
            table.empty = f"No transfers. u in Buckets uploads; or write to {self.state.endpoint}"
        trouble = self.state.queue.trouble if self.state.queue is not None else ""
        self._listed = listed_in(self.state.transfers, self._view, self.filter, self._expanded)
        table.show(
            [
                transfer_row(each, width=width, now=now, glyphs=self.glyphs, trouble=trouble)
                for each in self._listed
            ]
        )
        self._draw_transfer()

    def _draw_queue(self) -> None:
        box = self.query_one("#queue-box", Box)
        width, now = box.size.width, self.host.clock()
        box.put(*queue_lines(self.state, self._view, width=width, now=now, glyphs=self.glyphs))

    def _draw_transfer(self) -> None:
        box, transfer = self.query_one("#write-box", Box), self._current
        show(box, transfer is not None)
        if transfer is not None:
            box.put(*transfer_details(transfer, self.host.clock()))
            box.set_title(f"Transfer {safe(transfer.id)}")
            has_parts = transfer.id in self._expanded or _has_parts(self._listed, transfer.id)
            box.border_subtitle = "enter its writes" if has_parts else "enter shows all"
        self.offer_actions()

    def status(self) -> str:
        return queue_text(self.state.queue, self.host.clock())

    def on_table_moved(self) -> None:
        self._draw_transfer()

    def on_table_opened(self, event: Table.Opened) -> None:
        """Show or hide the writes of an upload; or everything about another transfer."""
        if event.row in self._expanded:
            self._expanded.discard(event.row)
        elif _has_parts(self._listed, event.row):
            self._expanded.add(event.row)
        elif self._current is not None:
            self._show_all_of(self._current)
        self.draw()

    def _show_all_of(self, transfer: Transfer) -> None:
        width = min(_LINE_WIDTH, int(self.host.size.width * 0.96) - _FRAME)
        details = transfer_details(transfer, self.host.clock())
        lines = [piece for line in details for piece in wrap(line, width) or [""]]
        self.host.prompts.view(f"Transfer {transfer.id}", lines, "\n".join(details))

    def show_row(self, id: str) -> None:
        """Put the cursor on a transfer, in the view of all."""
        self._view = "all"
        self.action_unfilter()
        self.table.go(id)
        self._draw_transfer()

    def action_view(self, by: int) -> None:
        """List the transfers of another state."""
        self._view = VIEWS[(VIEWS.index(self._view) + by) % len(VIEWS)]
        self.draw()

    # What is done: see TransferActions

    def action_chosen(self, name: str) -> None:
        """Do something with the marked transfers, or with the one under the cursor."""
        actions, chosen = self._actions, self._chosen()
        acts: dict[str, Callable[[], None]] = {
            "pause": lambda: actions.toggle(chosen),
            "retry": lambda: actions.retry(chosen),
            "cancel": lambda: actions.cancel(chosen),
            "first": lambda: actions.change_priority(chosen, 1),
            "last": lambda: actions.change_priority(chosen, -1),
        }
        acts[name]()

    def action_queue(self, name: str) -> None:
        """Do something that does not depend on the row under the cursor."""
        actions: dict[str, Callable[[], None]] = {
            "pause_all": self.host.actions.toggle_queue,
            "retry_all": self._actions.retry_failed,
            "clear": self._actions.clear_done,
            "bandwidth": self._actions.limit_bandwidth,
        }
        actions[name]()

    def action_copy(self) -> None:
        if self._current is not None:
            self.host.messages.copy(object_name(self._current.bucket, self._current.key))

    def action_log(self) -> None:
        if self._current is not None:
            self.host.main.show_log(self._current.key or self._current.id)


def _has_parts(listed: Sequence[ListedTransfer], id: str) -> bool:
    """Whether writes can be shown below a transfer."""
    return any(each.parts and each.transfer.id == id for each in listed)
