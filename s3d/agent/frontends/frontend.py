"""The interface of front ends to the agent: the S3 endpoint, the control socket, and later ones.

A module of its own, because the front ends implement it and must not import one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Frontend(Protocol):
    """Serves the stores to clients. Started once, stopped once, within one event loop."""

    async def start(self) -> str:
        """Start to listen; return the address for clients. Raises S3dError when it cannot be
        bound."""

    async def stop(self) -> None:
        """Accept no more requests, and return when the running ones have ended or were
        cancelled."""

    def status(self) -> Mapping[str, float]:
        """Counters since the start, flat, by name; those of the S3 endpoint are in the status."""
