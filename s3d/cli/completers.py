"""What can be completed beside buckets and keys: ids of transfers and writes, folders and keys.

The agent is asked with a short time limit. Without an agent there are no completions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from s3d.cli.session import Session
from s3d.shared.errors import S3dError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Rows = Iterable[tuple[str, str]]
"""Values, and their descriptions."""
Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


def _completer(rows: Callable[[Session], Rows]) -> Completer:
    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        session = ctx.find_root().ensure_object(Session)
        try:
            found = [*rows(session)]
        except S3dError:
            return []
        return [
            CompletionItem(value, help=help)
            for value, help in found
            if value.startswith(incomplete) and value.isprintable()
        ]

    return complete


def _transfers(session: Session) -> Rows:
    return ((each.id, f"{each.state} {each.kind} {each.bucket}/{each.key}")
            for each in session.transfers().all())  # fmt: skip


def _writes(session: Session) -> Rows:
    return ((each.id, f"{each.state} {each.bucket}/{each.key}")
            for each in session.transfers().all("push"))  # fmt: skip


def _folders(session: Session) -> Rows:
    return ((folder.name, folder.path) for folder in session.sync().folders())


def _access_keys(session: Session) -> Rows:
    return ((key.name, key.owner) for key in session.access_keys().list_keys().keys if key.name)


complete_transfer = _completer(_transfers)
complete_write = _completer(_writes)
complete_folder = _completer(_folders)
complete_access_key = _completer(_access_keys)
