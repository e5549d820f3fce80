"""What moves: writes on their way to the remote, downloads, copies; how far, and why not."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from s3d.shared.config.values import parse_timetable
from s3d.shared.text import age, count, moment, safe, size
from s3d.shared.transfers import Bandwidth, PriorityRequest, Transfer
from s3d.tui.cli_equivalent import command, place
from s3d.tui.draw import bar, spark
from s3d.tui.match import Unmatchable, matcher
from s3d.tui.panes.box import Box
from s3d.tui.panes.pane import Pane
from s3d.tui.screens.form_screen import Field
from s3d.tui.table import Column, Row, Table

VIEWS = ("all", "running", "waiting", "held", "failed", "done")
_STYLES = {"failed": "bad", "held": "odd", "running": "good", "done": "dim", "cancelled": "dim"}
_ARROWS = {"download": "down", "fill": "down", "prefetch": "down", "copy": "to", "move": "to",
           "delete": "bad"}  # fmt: skip
_BAR = 14
"""Cells of a bar."""
_SAFE = "The bytes are safe here until x. r tries again."
_HINTS = {
    "AccessDenied": "give the agent's key the right s3:PutObject, then r. The bytes are safe here.",
    "NoSuchBucket": "make the bucket at the remote, then r. The bytes are safe here.",
    "InvalidAccessKeyId": "set other credentials and restart the agent. The bytes are safe here.",
}


class TransfersPane(Pane):
    """All of them, and what the one under the cursor is about."""

    FOCUS = "#queue"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", id="transfers.pause"),
        Binding("P", "pause_all", "Pause all", id="transfers.pause_all"),
        Binding("r", "retry", "Retry", id="transfers.retry"),
        Binding("R", "retry_all", "Retry all that failed", show=False, id="transfers.retry_all"),
        Binding("x", "cancel", "Cancel", id="transfers.cancel"),
        Binding("b", "bandwidth", "Limit", id="transfers.bandwidth"),
        Binding("slash", "filter", "Filter", show=False, id="transfers.filter"),
        Binding("K", "priority(1)", "Before the others", show=False, id="transfers.first"),
        Binding("J", "priority(-1)", "After the others", show=False, id="transfers.last"),
        Binding("tab", "view(1)", "Next state", show=False, id="transfers.view"),
        Binding("shift+tab", "view(-1)", "State before", show=False),
        Binding("C", "clear", "Clear what is done", show=False, id="transfers.clear"),
        Binding("y", "copy", "Copy the key", show=False, id="transfers.copy"),
        Binding("L", "log", "Its lines in the log", show=False, id="transfers.log"),
        Binding("escape", "unfilter", "No filter", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._view = "all"
        self._filter = ""

    def compose(self) -> ComposeResult:
        yield Box("Queue", "queue-box")
        yield Input(id="transfer-filter", compact=True, placeholder="text  !text  ~regex")
        yield Table(
            self._columns(), glyphs=self.glyphs, empty=_EMPTY["all"], marks=True, id="queue"
        )
        yield Box("Transfer", "write-box")

    def on_mount(self) -> None:
        self.query_one("#transfer-filter", Input).display = False

    def _columns(self) -> list[Column]:
        width = self.host.size.width
        columns = [Column("ID", 7), Column("Object"), Column("Size", 9, right=True)]
        if width >= 96:
            columns += [Column("State", 26), Column("Rate", 11, right=True)]
        else:
            columns += [Column("State", 14)]
        return [*columns, Column("ETA", 6, right=True), Column("Try", 3, right=True)]

    def draw(self) -> None:
        self._draw_queue()
        table = self.query_one("#queue", Table)
        table.columns = self._columns()
        table.empty = "No match." if self._filter else _EMPTY.get(self._view, "None of these.")
        if self._view == "all" and not self.state.transfers:
            table.empty = f"Nothing moves. u in Buckets, or write to {self.host.endpoint}"
        table.show([self._row(each) for each in self._wanted()])
        self._draw_transfer()

    def _wanted(self) -> list[Transfer]:
        """Those of the state that is looked at, and that match."""
        found = [each for each in self.state.transfers if self._view in ("all", each.state)]
        try:
            test = matcher(self._filter)
        except Unmatchable:
            test = None
        return [each for each in found if test is None or test(_name(each))]

    def _draw_queue(self) -> None:
        status, state, glyphs = self.state.status, self.state, self.glyphs
        queue = status.queue if status is not None else None
        box = self.query_one("#queue-box", Box)
        width = max((box.size.width - 40) // 2, 8)
        up, down = (values[-1] if values else 0.0 for values in (state.up, state.down))
        rates = (
            f"{glyphs.up} {size(round(up)):>9}/s {spark(state.up, width, glyphs)}  "
            f"{glyphs.down} {size(round(down)):>9}/s {spark(state.down, width, glyphs)}"
        )
        counts = "  ".join(
            f"{'[' if view == self._view else ''}{view} {self._number(view)}"
            f"{']' if view == self._view else ''}"
            for view in VIEWS
        )
        if queue is None:
            box.put(rates, counts)
            return
        paused = "PAUSED  " if queue.paused else ""
        eta = f"  ETA {age(queue.remaining)}" if queue.remaining is not None else ""
        box.put(
            rates, f"{paused}{counts}{eta}{safe('  ' + queue.trouble) if queue.trouble else ''}"
        )

    def _number(self, view: str) -> str:
        if view == "all":
            return f"{len(self.state.transfers):,}"
        return f"{sum(each.state == view for each in self.state.transfers):,}"

    def status(self) -> str:
        status = self.state.status
        queue = status.queue if status is not None else None
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

    def _row(self, transfer: Transfer) -> Row:
        glyphs = self.glyphs
        arrow = getattr(glyphs, _ARROWS.get(transfer.kind, "up"))
        name = f"{arrow} {place(transfer.bucket, transfer.key)}"
        rate = f"{size(round(transfer.rate))}/s" if transfer.rate else ""
        left = age(transfer.remaining) if transfer.remaining is not None else ""
        cells = [transfer.id, name, size(transfer.size), self._state(transfer)]
        if self.host.size.width >= 96:
            cells.append(rate)
        cells += [left, str(transfer.attempts or "")]
        return Row(transfer.id, tuple(cells), _STYLES.get(transfer.state, ""))

    def _state(self, transfer: Transfer) -> str:
        """A sign and a word, or how far it is."""
        glyphs, state = self.glyphs, transfer.state
        signs = {
            "running": glyphs.on, "held": glyphs.held, "failed": glyphs.bad, "done": glyphs.good,
            "cancelled": glyphs.bad,
        }  # fmt: skip
        sign = signs.get(state, glyphs.retry if transfer.error is not None else glyphs.wait)
        if state == "running" and transfer.size:
            share = min(transfer.done / transfer.size, 1.0)
            drawn = f"{bar(share, _BAR, glyphs)} " if self.host.size.width >= 96 else ""
            return f"{sign} {drawn}{share:.0%}"
        error = transfer.error
        if state == "waiting" and error is not None:
            wait = max(0.0, transfer.retry_at - self.host.clock())
            return f"{sign} {error.code}, in {age(wait)}"
        if state == "failed" and error is not None:
            return f"{sign} failed: {error.code}"
        return f"{sign} {'paused' if state == 'held' else state}"

    @property
    def _current(self) -> Transfer | None:
        row = self.query_one("#queue", Table).current
        return next((each for each in self.state.transfers if row and each.id == row.id), None)

    def _chosen(self) -> list[Transfer]:
        ids = self.query_one("#queue", Table).chosen()
        return [each for each in self.state.transfers if each.id in ids]

    def _draw_transfer(self) -> None:
        box, transfer = self.query_one("#write-box", Box), self._current
        box.put(*(_about(transfer, self.host.clock()) if transfer is not None else [""]))
        box.name_it(f"Transfer {safe(transfer.id)}" if transfer is not None else "Transfer")

    # What is done

    def _each(self, chosen: list[Transfer], verb: str, done: str, body: Any = None) -> None:
        for each in chosen:
            words = ["queue" if each.kind == "push" else "transfers", verb, each.id]
            if verb == "priority":
                words.append(str(body.priority))
            self.act("POST", f"/v1/transfers/{each.id}:{verb}", f"{each.id} {done}", body,
                     command=command(*words))  # fmt: skip

    def action_pause(self) -> None:
        chosen = self._chosen()
        held = [each for each in chosen if each.state == "held"]
        self._each(held, "resume", "goes on")
        self._each([each for each in chosen if each not in held], "pause", "is paused")

    def action_pause_all(self) -> None:
        status = self.state.status
        if status is None or status.queue is None:
            self.host.say("no remote is set, so there is no queue")
            return
        verb = "resume" if status.queue.paused else "pause"
        self.act("POST", f"/v1/queue:{verb}", f"queue {verb}d", command=command("queue", verb))

    def action_retry(self) -> None:
        self._each(self._chosen(), "retry", "is tried again", {})

    def action_retry_all(self) -> None:
        self.act("POST", "/v1/queue:retry", "all that failed is tried again",
                 command=command("queue", "retry", "--all"))  # fmt: skip
        jobs = [each for each in self.state.transfers if each.state == "failed"]
        self._each([each for each in jobs if each.kind != "push"], "retry", "is tried again", {})

    def action_priority(self, by: int) -> None:
        for each in self._chosen():
            if each.kind != "push":
                self.host.say("only writes of the queue have a priority")
                continue
            wanted = max(-1000, min(1000, each.priority + 100 * by))
            self._each([each], "priority", f"has priority {wanted}", PriorityRequest(wanted))

    def action_cancel(self) -> None:
        """Of a write: its bytes would be lost, so it is asked first."""
        if not self.host.may_write():
            return
        chosen = self._chosen()
        writes = [each for each in chosen if each.kind == "push"]
        self._each([each for each in chosen if each.kind != "push"], "cancel", "is cancelled")
        if not writes:
            return
        what = f"{place(writes[0].bucket, writes[0].key)}, {size(writes[0].size)}"
        if len(writes) > 1:
            what = f"{count(len(writes), 'object')}, {size(sum(each.size for each in writes))}"
        self.host.confirm(
            f"Discard the write of {what}? The remote never had it.",
            lambda: self._each(writes, "discard", "discarded"),
        )

    def action_clear(self) -> None:
        self.act("POST", "/v1/transfers:clear", "cleared", command="s3d transfers clear")

    def action_bandwidth(self) -> None:
        if not self.host.may_write():
            return
        if self.state.status is None or self.state.status.queue is None:
            self.host.say("no remote is set, so nothing is pushed")
            return
        fields = [
            Field("limit", "Bytes a second", "off", _limit_check,
                  hint="off, 5M, or 08:00 512KiB, 18:00 off"),
        ]  # fmt: skip

        def go(found: dict[str, str]) -> None:
            wanted = found["limit"]
            self.act("PUT", "/v1/bandwidth", f"limit {wanted}", Bandwidth(wanted),
                     command=command("bandwidth", wanted))  # fmt: skip

        self.host.form("Limit of uploads, until the agent's next start", fields, go, verb="sets it")

    def action_copy(self) -> None:
        if self._current is not None:
            self.host.copy(place(self._current.bucket, self._current.key))

    def action_log(self) -> None:
        if self._current is not None:
            self.host.show_log(self._current.key or self._current.id)

    # Which are shown

    def action_view(self, by: int) -> None:
        self._view = VIEWS[(VIEWS.index(self._view) + by) % len(VIEWS)]
        self.draw()

    def action_filter(self) -> None:
        field = self.query_one("#transfer-filter", Input)
        field.display = True
        self.screen.set_focus(field)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter = event.value
        self.draw()

    def on_input_submitted(self) -> None:
        self.take_focus()

    def action_unfilter(self) -> None:
        field = self.query_one("#transfer-filter", Input)
        field.display, field.value = False, ""
        self.query_one("#queue", Table).unmark()
        self.take_focus()


_EMPTY = {"all": "Nothing moves.", "done": "Nothing is done yet."}


def _name(transfer: Transfer) -> str:
    """What a filter looks at: the key, and the code of its error."""
    code = transfer.error.code if transfer.error is not None else ""
    return f"{transfer.bucket}/{transfer.key} {code}"


def _about(transfer: Transfer, now: float) -> list[str]:
    """All that is known of one."""
    where = f" to {transfer.target}" if transfer.target else ""
    lines = [safe(f"{transfer.operation} {place(transfer.bucket, transfer.key)}{where}")]
    facts = [transfer.state, f"accepted {moment(transfer.accepted)}"]
    if transfer.done:
        facts.append(f"{size(transfer.done)} of {size(transfer.size)}")
    if transfer.files != 1 or transfer.files_failed:
        failed = f", {transfer.files_failed:,} failed" if transfer.files_failed else ""
        facts.append(f"{transfer.files_done:,} of {count(transfer.files, 'object')}{failed}")
    if transfer.attempts:
        facts.append(f"try {transfer.attempts}")
    if transfer.retry_at > now:
        facts.append(f"next in {age(transfer.retry_at - now)}")
    if transfer.priority:
        facts.append(f"priority {transfer.priority}")
    lines.append("  ".join(facts))
    error = transfer.error
    if error is not None:
        status = f" ({error.status})" if error.status else ""
        lines.append(safe(f"{error.code}{status}: {error.message}"))
        lines.append(safe(f"request id {error.request_id or '-'}"))
    if transfer.state == "failed" and transfer.kind == "push":
        lines.append(_HINTS.get(error.code if error is not None else "", _SAFE))
    elif transfer.state == "held":
        lines.append("It is held: p lets it go, unless a filter says no.")
    return lines


def _limit_check(text: str) -> str:
    try:
        parse_timetable(text)
    except ValueError as error:
        return str(error)
    return ""
