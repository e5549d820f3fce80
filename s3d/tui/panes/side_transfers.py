"""Copies and moves between the two panes: what each key means as a transfer of the agent. Pure.

Existing targets are skipped, so that a key that is pressed by mistake replaces nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from s3d.shared.transfers import TransferRequest
from s3d.tui.cli_equivalent import copy_command, object_uri
from s3d.tui.panes.object_selection import Selection

EXISTING = "skip"


class NothingToTransfer(ValueError):
    """str(): why, for the user."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one pane shows. folder: a local one; empty for a bucket, or for the list of buckets.

    paths, selection: what is marked or under the cursor.
    """

    folder: str = ""
    bucket: str = ""
    prefix: str = ""
    paths: tuple[str, ...] | list[str] = ()
    selection: Selection | None = None


def request_between(source: Side, target: Side, *, is_move: bool) -> TransferRequest:
    """The transfers from one pane to the other. Raises NothingToTransfer."""
    if not source.paths and source.selection is None:
        raise NothingToTransfer("Nothing is selected to copy or move")
    if not target.folder and not target.bucket:
        raise NothingToTransfer("Open a bucket in the other pane first")
    if source.selection is None:
        if target.folder:
            raise NothingToTransfer("One of the panes has to show a bucket: W changes the other")
        return TransferRequest(
            "upload", target.bucket, paths=list(source.paths), to_prefix=target.prefix,
            existing=EXISTING, delete_source=is_move,
        )  # fmt: skip
    chosen = source.selection
    if target.folder:
        return TransferRequest(
            "download", chosen.bucket, chosen.keys, chosen.prefixes, base=chosen.base,
            to_path=target.folder, existing=EXISTING, delete_source=is_move,
        )  # fmt: skip
    if (target.bucket, target.prefix) == (chosen.bucket, chosen.base):
        raise NothingToTransfer("Both panes show the same place")
    return TransferRequest(
        "move" if is_move else "copy", chosen.bucket, chosen.keys, chosen.prefixes,
        base=chosen.base, to_bucket=target.bucket, to_prefix=target.prefix, existing=EXISTING,
    )  # fmt: skip


def command_between(source: Side, target: Side, *, is_move: bool) -> str:
    """The s3d command that does the same."""
    verb = "mv" if is_move else "cp"
    chosen = source.selection
    names = list(source.paths)
    if chosen is not None:
        names = [object_uri(chosen.bucket, name) for name in chosen.names]
    where = f"{target.folder}/" if target.folder else object_uri(target.bucket, target.prefix)
    return copy_command(names, where, EXISTING, verb)
