"""What the keys of the transfers pane do with transfers and with the write queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from s3d.shared.text import count, size
from s3d.shared.transfers import Bandwidth, PriorityRequest, Transfer
from s3d.tui.cli_equivalent import command, object_name, transfer_command
from s3d.tui.control_paths import transfer_path
from s3d.tui.field_checks import check_bandwidth
from s3d.tui.host import Host
from s3d.tui.screens.form_screen import Field

MAX_PRIORITY = 1000
PRIORITY_STEP = 100


class TransferActions:
    """Writes of the queue are the transfers of kind push; some actions are for them only."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def toggle(self, chosen: Sequence[Transfer]) -> None:
        """Pause the transfers; resume those that are paused."""
        paused = [each for each in chosen if each.state == "held"]
        self._send_each(paused, "resume", "is resumed")
        self._send_each([each for each in chosen if each not in paused], "pause", "is paused")

    def retry(self, chosen: Sequence[Transfer]) -> None:
        self._send_each(chosen, "retry", "is retried", {})

    def retry_failed(self) -> None:
        """Retry all writes of the queue and all other transfers that have failed."""
        self._host.actions.retry_queue()
        failed = [each for each in self._host.state.transfers if each.state == "failed"]
        self.retry([each for each in failed if each.kind != "push"])

    def change_priority(self, chosen: Sequence[Transfer], by: int) -> None:
        """by: steps; a higher priority is pushed before others."""
        for each in chosen:
            if each.kind != "push":
                self._host.messages.toast("only writes of the queue have a priority")
                continue
            priority = each.priority + PRIORITY_STEP * by
            priority = max(-MAX_PRIORITY, min(MAX_PRIORITY, priority))
            body = PriorityRequest(priority)
            self._send_each([each], "priority", f"has priority {priority}", body)

    def cancel(self, chosen: Sequence[Transfer]) -> None:
        """Cancel transfers. Discarding a write loses its bytes, so that needs a confirmation."""
        if not self._host.actions.may_write():
            return
        writes = [each for each in chosen if each.kind == "push"]
        others = [each for each in chosen if each.kind != "push"]
        self._send_each(others, "cancel", "is cancelled")
        if not writes:
            return
        what = f"{object_name(writes[0].bucket, writes[0].key)}, {size(writes[0].size)}"
        if len(writes) > 1:
            what = f"{count(len(writes), 'object')}, {size(sum(each.size for each in writes))}"
        self._host.prompts.confirm(
            f"Discard the write of {what}? The remote does not have it.",
            lambda: self._send_each(writes, "discard", "discarded"),
        )

    def clear_done(self) -> None:
        """Remove finished transfers from the list."""
        self._host.actions.send(
            "POST", "/v1/transfers:clear", "cleared", command=command("transfers", "clear")
        )

    def limit_bandwidth(self) -> None:
        """Ask for a limit of uploads, and set it."""
        if not self._host.actions.may_write():
            return
        if self._host.state.queue is None:
            self._host.messages.toast("no remote is set, so nothing is pushed")
            return
        fields = [
            Field("limit", "Bytes a second", "off", check_bandwidth,
                  hint="off, 5M, or 08:00 512KiB, 18:00 off"),
        ]  # fmt: skip

        def set_limit(values: dict[str, str]) -> None:
            limit = values["limit"]
            self._host.actions.send(
                "PUT", "/v1/bandwidth", f"limit {limit}", Bandwidth(limit),
                command=command("bandwidth", limit),
            )  # fmt: skip

        title = "Limit of uploads, until the agent's next start"
        self._host.prompts.fill_in(title, fields, set_limit, verb="sets it")

    def _send_each(
        self, chosen: Sequence[Transfer], verb: str, done: str, body: Any = None
    ) -> None:
        for each in chosen:
            values = [str(body.priority)] if verb == "priority" else []
            cli = transfer_command(each, verb, *values)
            path = transfer_path(each.id, verb)
            self._host.actions.send("POST", path, f"{each.id} {done}", body, command=cli)
