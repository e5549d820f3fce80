"""The part of the synchronous client that concerns the check of what is at rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from s3d.shared.blocking import ControlClient, path_of
from s3d.shared.checking import CheckPage

TIMEOUT = 600.0
"""Seconds for one page: it may have to read a file of 5 GiB."""


def check(socket: Path, *, repair: bool) -> Iterator[CheckPage]:
    """Check page by page; the last one has no cursor. Raises S3dError."""
    client, cursor = ControlClient(socket, timeout=TIMEOUT), ""
    while True:
        path = path_of("/v1/check", repair="" if not repair else "true", cursor=cursor)
        page = client.ask("POST", path, CheckPage)
        yield page
        cursor = page.cursor
        if not cursor:
            return
