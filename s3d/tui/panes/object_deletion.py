"""Deletions of the buckets pane: objects, everything below prefixes, and empty buckets.

Each is confirmed by the user. One that may be large needs the name of the bucket instead of a y.
"""

from __future__ import annotations

from s3d.shared.text import count, size
from s3d.shared.transfers import TransferRequest
from s3d.tui.cli_equivalent import command, remove_command
from s3d.tui.control_paths import bucket_path
from s3d.tui.host import Host
from s3d.tui.panes.object_selection import Selection
from s3d.tui.panes.object_transfers import ObjectTransfers

MAX_UNTYPED_DELETE = 100
"""Objects up to which a y is enough for a deletion; for more, the name of the bucket is typed."""


class ObjectDeletion:
    """Asks the user, and then sends the request.

    transfers: of the same pane. The agent deletes objects in the background, as a transfer.
    """

    def __init__(self, host: Host, transfers: ObjectTransfers) -> None:
        self._host, self._transfers = host, transfers

    def delete(self, chosen: Selection) -> None:
        """Delete after a confirmation that says how many objects there are, also below prefixes."""
        if not chosen.prefixes:
            is_many = len(chosen.objects) > MAX_UNTYPED_DELETE
            self._confirm(chosen, str(chosen), is_many=is_many)
            return

        def counted(objects: int, total: int, is_all: bool) -> None:
            number = count(objects + len(chosen.objects), "object")
            amount = f"{'' if is_all else 'more than '}{number}, {size(total + chosen.size)}"
            self._confirm(chosen, f"{amount}: {chosen}", is_many=True)

        self._host.actions.count_below(chosen.bucket, chosen.prefixes, counted)

    def _confirm(self, chosen: Selection, what: str, *, is_many: bool) -> None:
        """what: how many objects, and which. is_many: a y is not enough."""

        def start() -> None:
            request = TransferRequest("delete", chosen.bucket, chosen.keys, chosen.prefixes)
            cli = remove_command(chosen.bucket, chosen.names)
            self._transfers.start(request, "Deletion", cli)

        typed = chosen.bucket if is_many else ""
        self._host.prompts.confirm(f"Delete {what} from {chosen.bucket}?", start, typed)

    def remove_bucket(self, name: str) -> None:
        """Remove a bucket after a confirmation. The store refuses to remove one with objects."""
        self._host.prompts.confirm(
            f"Remove the bucket {name}? It has to be empty.",
            lambda: self._host.actions.send(
                "DELETE", bucket_path(name), f"removed bucket {name}",
                command=command("rb", name),
            ),
        )  # fmt: skip
