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
from s3d.tui.panes.transfer_jobs import can
from s3d.tui.screens.form_screen import Field

MAX_PRIORITY = 1000
PRIORITY_STEP = 100
_STOPS = ("pause", "discard")


class TransferActions:
    """Writes of the queue are the transfers of kind push; some actions are for them only."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def toggle(self, chosen: Sequence[Transfer]) -> None:
        """Pause the transfers; resume those that are paused."""
        resumed = [each for each in chosen if _is_paused(each)]
        self._send_each(resumed, "resume", "resumed")
        self._send_each([each for each in chosen if each not in resumed], "pause", "paused")

    def retry(self, chosen: Sequence[Transfer]) -> None:
        self._send_each(chosen, "retry", "retry started", {})

    def retry_failed(self) -> None:
        """Retry all writes of the queue and all other transfers that have failed."""
        self._host.actions.retry_queue()
        failed = [each for each in self._host.state.transfers if each.state == "failed"]
        self.retry([each for each in failed if each.kind != "push"])

    def change_priority(self, chosen: Sequence[Transfer], by: int) -> None:
        """by: steps; a higher priority is pushed before others."""
        for each in chosen:
            priority = each.priority + PRIORITY_STEP * by
            priority = max(-MAX_PRIORITY, min(MAX_PRIORITY, priority))
            body = PriorityRequest(priority)
            self._send_each([each], "priority", f"priority {priority}", body)

    def cancel(self, chosen: Sequence[Transfer]) -> None:
        """Cancel transfers. Discarding a write loses its bytes, so that needs a confirmation."""
        if not self._host.actions.may_write():
            return
        writes = [each for each in chosen if each.kind == "push" and can(each, "discard")]
        self._send_each([each for each in chosen if each not in writes], "cancel", "cancelled")
        if not writes:
            return
        what = f"{object_name(writes[0].bucket, writes[0].key)}, {size(writes[0].size)}"
        if len(writes) > 1:
            what = f"{count(len(writes), 'object')}, {size(sum(each.size for each in writes))}"
        self._host.prompts.confirm(
            f"Discard the upload of {what}? The remote does not have it, and this data is lost.",
            lambda: self._send_each(writes, "discard", "discarded"),
        )

    def clear_done(self) -> None:
        """Remove finished transfers from the list."""
        self._host.actions.send(
            "POST",
            "/v1/transfers:clear",
            "finished transfers cleared",
            command=command("transfers", "clear"),
        )  # fmt: skip

    def limit_bandwidth(self) -> None:
        """Ask for a limit of uploads, and set it."""
        if not self._host.actions.may_write():
            return
        if self._host.state.queue is None:
            self._host.messages.toast("No remote is set, so nothing is uploaded")
            return
        fields = [
            Field("limit", "Bytes per second", "off", check_bandwidth,
                  hint="off, 5M, or 08:00 512KiB, 18:00 off"),
        ]  # fmt: skip

        def set_limit(values: dict[str, str]) -> None:
            limit = values["limit"]
            self._host.actions.send(
                "PUT", "/v1/bandwidth", f"limit {limit}", Bandwidth(limit),
                command=command("bandwidth", limit),
            )  # fmt: skip

        title = "Upload speed limit (until restart)"
        self._host.prompts.fill_in(title, fields, set_limit, verb="apply")

    def _send_each(
        self, chosen: Sequence[Transfer], verb: str, done: str, body: Any = None
    ) -> None:
        """Send it to each that allows it; the first one that does not is a toast."""
        allowed = [each for each in chosen if _allows(each, verb)]
        for refused in [each for each in chosen if each not in allowed][:1]:
            self._host.messages.toast(refusal(refused, verb))
        for each in allowed:
            values = [str(body.priority)] if verb == "priority" else []
            cli = transfer_command(each, verb, *values)
            path = transfer_path(each.id, verb)
            is_stopped = each.state == "running" and each.kind == "push" and verb in _STOPS
            result = "stops after this part" if is_stopped else done
            self._host.actions.send("POST", path, f"{each.id}: {result}", body, command=cli)


def _is_paused(transfer: Transfer) -> bool:
    return transfer.state == "held" or transfer.stopping == "pause"


def _allows(transfer: Transfer, verb: str) -> bool:
    if verb == "priority" and transfer.kind != "push":
        return False
    return can(transfer, verb)


def refusal(transfer: Transfer, verb: str) -> str:
    """Why an action is not possible."""
    name = object_name(transfer.bucket, transfer.key)
    if verb == "priority" and transfer.kind != "push":
        return "Only queued uploads have a priority"
    if transfer.stopping:
        return f"{name} is already stopping: it ends after this part"
    if transfer.state == "running":
        if verb == "priority":
            return "Can't reprioritise a running upload"
        if verb == "retry":
            return f"{name} is running"
        return f"Can't {verb} {name}: it is sent in a single request"
    return f"Can't {verb} {name}: it is {_STATES.get(transfer.state, transfer.state)}"


_STATES = {"held": "paused", "waiting": "waiting for its turn", "done": "finished"}
