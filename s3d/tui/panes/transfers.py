"""Writes on their way to the remote: how far, why not, and what to do about it."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from s3d.shared.text import age, safe, size
from s3d.shared.transfers import PriorityRequest, Transfer
from s3d.tui.panes.dashboard import Box
from s3d.tui.panes.pane import Pane
from s3d.tui.table import Column, Row, Table

_STYLES = {"failed": "red", "held": "yellow", "running": "green"}


class Transfers(Pane):
    """The queue, and what the write under the cursor is about."""

    FOCUS = "#queue"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause/resume"),
        Binding("P", "pause_all", "Pause all"),
        Binding("r", "retry", "Retry"),
        Binding("R", "retry_all", "Retry all"),
        Binding("x", "discard", "Discard"),
        Binding("K", "priority(1)", "First", show=False),
        Binding("J", "priority(-1)", "Last", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Box("Queue", "queue-box")
        yield Table(
            [Column("ID", 8), Column("Object"), Column("Size", 9, right=True),
             Column("State", 10), Column("Try", 4, right=True)],
            glyphs=self.glyphs,
            empty="Nothing waits for the remote.",
            id="queue",
        )  # fmt: skip
        yield Box("Write", "write-box")

    def draw(self) -> None:
        status = self.state.status
        queue = status.queue if status is not None else None
        if queue is None:
            self.query_one("#queue-box", Box).put("No remote is set, so there is no queue.")
        else:
            state = "paused" if queue.paused else queue.trouble or f"{size(round(queue.rate))}/s"
            oldest = f", oldest {age(self.host.clock() - queue.oldest)}" if queue.oldest else ""
            self.query_one("#queue-box", Box).put(
                f"running {queue.running.files}, waiting {queue.waiting.files}, "
                f"held {queue.held.files}, failed {queue.failed.files}: {safe(state)}",
                f"{size(queue.left.size)} of {size(queue.limits.max_size)}{oldest}",
            )
        self.query_one("#queue", Table).show([self._row(each) for each in self.state.transfers])
        self._draw_write()

    def on_table_moved(self) -> None:
        self._draw_write()

    def _row(self, transfer: Transfer) -> Row:
        glyphs = self.glyphs
        signs = {"running": glyphs.on, "held": glyphs.held, "failed": glyphs.bad}
        sign = signs.get(transfer.state, glyphs.wait)
        place = f"{transfer.bucket}/{transfer.key}"
        cells = (
            transfer.id, place, size(transfer.size), f"{sign} {transfer.state}",
            str(transfer.attempts or ""),
        )  # fmt: skip
        return Row(transfer.id, cells, _STYLES.get(transfer.state, ""))

    @property
    def _current(self) -> Transfer | None:
        row = self.query_one("#queue", Table).current
        return next((each for each in self.state.transfers if row and each.id == row.id), None)

    def _draw_write(self) -> None:
        box, transfer = self.query_one("#write-box", Box), self._current
        if transfer is None:
            box.put("")
            return
        lines = [safe(f"{transfer.operation} {transfer.bucket}/{transfer.key}")]
        error = transfer.error
        if error is not None:
            lines.append(safe(f"{error.code} ({error.status}): {error.message}"))
            lines.append(safe(f"request id {error.request_id or '-'}"))
        if transfer.state == "failed":
            lines.append("The bytes are safe here until x. r tries again.")
        elif transfer.state == "held":
            lines.append("It is held: p lets it go, unless a filter says no.")
        box.put(*lines)

    def action_pause(self) -> None:
        transfer = self._current
        if transfer is not None:
            verb = "resume" if transfer.state == "held" else "pause"
            self._ask(transfer, verb, f"{verb}d")

    def action_pause_all(self) -> None:
        status = self.state.status
        if status is not None and status.queue is not None:
            verb = "resume" if status.queue.paused else "pause"
            self.act("POST", f"/v1/queue:{verb}", f"queue {verb}d")

    def action_retry(self) -> None:
        if self._current is not None:
            self._ask(self._current, "retry", "tried again", {})

    def action_retry_all(self) -> None:
        self.act("POST", "/v1/queue:retry", "all are tried again")

    def action_priority(self, by: int) -> None:
        if self._current is not None:
            wanted = max(-1000, min(1000, self._current.priority + 100 * by))
            self._ask(self._current, "priority", f"priority {wanted}", PriorityRequest(wanted))

    def action_discard(self) -> None:
        transfer = self._current
        if transfer is None:
            return
        what = f"{transfer.bucket}/{transfer.key}, {size(transfer.size)}"
        question = f"Discard the write of {what}? The remote never had it."
        self.host.confirm(question, lambda: self._ask(transfer, "discard", "discarded"))

    def _ask(self, transfer: Transfer, verb: str, done: str, body: Any = None) -> None:
        self.act("POST", f"/v1/transfers/{transfer.id}:{verb}", f"{transfer.id} {done}", body)
