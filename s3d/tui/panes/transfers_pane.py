"""The transfers: writes on their way to the remote, downloads, copies; progress and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from s3d.shared.text import age, count, safe, size
from s3d.shared.transfers import Transfer
from s3d.tui.cli_equivalent import object_name
from s3d.tui.draw import spark
from s3d.tui.panes.pane import FilteredPane, FilterInput
from s3d.tui.panes.transfer_actions import TransferActions
from s3d.tui.panes.transfer_rows import (
    filtered_text,
    transfer_columns,
    transfer_details,
    transfer_row,
)
from s3d.tui.table import Table
from s3d.tui.text_widgets import Box

VIEWS = ("all", "running", "waiting", "held", "failed", "conflict", "verifying", "done")
"""The states that can be listed alone."""
_RARE = frozenset(("conflict", "verifying"))
"""States whose counter is shown only when a write has them: 80 columns have no room for all."""
_EMPTY = {"all": "No transfers.", "done": "No finished transfers."}


class TransfersPane(FilteredPane):
    """Rates and counters of the queue, the table, and details of the row under the cursor."""

    FOCUS = "#queue"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", id="transfers.pause"),
        Binding("P", "queue('pause_all')", "Pause all", id="transfers.pause_all"),
        Binding("r", "retry", "Retry", id="transfers.retry"),
        Binding("R", "queue('retry_all')", "Retry all that failed", show=False,
                id="transfers.retry_all"),
        Binding("x", "cancel", "Cancel", id="transfers.cancel"),
        Binding("b", "queue('bandwidth')", "Limit", id="transfers.bandwidth"),
        Binding("slash", "filter", "Filter", show=False, id="transfers.filter"),
        Binding("K", "priority(1)", "Before the others", show=False, id="transfers.first"),
        Binding("J", "priority(-1)", "After the others", show=False, id="transfers.last"),
        Binding("tab", "view(1)", "Next state", show=False, id="transfers.view"),
        Binding("shift+tab", "view(-1)", "State before", show=False),
        Binding("C", "queue('clear')", "Clear what is done", show=False, id="transfers.clear"),
        Binding("y", "copy", "Copy the key", show=False, id="transfers.copy"),
        Binding("L", "log", "Its lines in the log", show=False, id="transfers.log"),
        Binding("escape", "unfilter", "No filter", show=False),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._view = "all"

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
        row = self.table.current
        return next((each for each in self.state.transfers if row and each.id == row.id), None)

    def _chosen(self) -> list[Transfer]:
        ids = self.table.chosen()
        return [each for each in self.state.transfers if each.id in ids]

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
        table.show(
            [
                transfer_row(each, width=width, now=now, glyphs=self.glyphs)
                for each in self.state.transfers
                if self._view in ("all", each.state) and self.filter.matches(filtered_text(each))
            ]
        )
        self._draw_transfer()

    def _draw_queue(self) -> None:
        state, glyphs, queue = self.state, self.glyphs, self.state.queue
        box = self.query_one("#queue-box", Box)
        width = max((box.size.width - 40) // 2, 8)
        both = ((glyphs.up, state.upload_rates), (glyphs.down, state.download_rates))
        rates = "  ".join(
            f"{sign} {size(round(each[-1] if each else 0.0)):>9}/s {spark(each, width, glyphs)}"
            for sign, each in both
        )
        counters = "  ".join(filter(None, map(self._counter, VIEWS)))
        if queue is None:
            box.put(rates, counters)
            return
        paused = "PAUSED  " if queue.paused else ""
        eta = f"  ETA {age(queue.remaining)}" if queue.remaining is not None else ""
        trouble = safe(f"  {queue.trouble}") if queue.trouble else ""
        box.put(rates, f"{paused}{counters}{eta}{trouble}")

    def _counter(self, view: str) -> str:
        """For example "held 1", in brackets for the view that is listed; "" for a rare state that
        no transfer has."""
        transfers = self.state.transfers
        number = len(transfers)
        if view != "all":
            number = sum(each.state == view for each in transfers)
        if view == self._view:
            return f"[{view} {number:,}]"
        return f"{view} {number:,}" if number or view not in _RARE else ""

    def _draw_transfer(self) -> None:
        box, transfer = self.query_one("#write-box", Box), self._current
        if transfer is None:
            box.put("")
            box.set_title("Transfer")
            return
        box.put(*transfer_details(transfer, self.host.clock()))
        box.set_title(f"Transfer {safe(transfer.id)}")

    def status(self) -> str:
        queue = self.state.queue
        if queue is None:
            return " No remote is set: writes are stored here, and there is no queue."
        oldest = f", oldest {age(self.host.clock() - queue.oldest)}" if queue.oldest else ""
        left = queue.left
        return (
            f" queue {count(left.files, 'write')}, {size(left.size)} of "
            f"{size(queue.limits.max_size)}{oldest}"
        )

    def on_table_moved(self) -> None:
        self._draw_transfer()

    def action_view(self, by: int) -> None:
        """List another state."""
        self._view = VIEWS[(VIEWS.index(self._view) + by) % len(VIEWS)]
        self.draw()

    # What is done: see TransferActions

    def action_pause(self) -> None:
        self._actions.toggle(self._chosen())

    def action_retry(self) -> None:
        self._actions.retry(self._chosen())

    def action_priority(self, by: int) -> None:
        self._actions.change_priority(self._chosen(), by)

    def action_cancel(self) -> None:
        self._actions.cancel(self._chosen())

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
