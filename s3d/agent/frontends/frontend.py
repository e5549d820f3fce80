"""What the agent needs of each way in: the S3 endpoint, the control socket, and further ones.

A module of its own, because the front ends implement it and must not import one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Frontend(Protocol):
    """Serves the stores to clients. Started once, stopped once, within one event loop."""

    async def start(self) -> str:
        """Listen; the address that clients use. Raises S3dError when it cannot be had."""

    async def stop(self) -> None:
        """Accept no more requests, and return when those in hand have ended or been cut."""

    def status(self) -> Mapping[str, float]:
        """Counters since the start, flat, by name; those of the S3 endpoint are in the status."""
