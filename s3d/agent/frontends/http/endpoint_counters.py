"""Counters of the endpoint: plain integers, read by the status of the agent."""

from __future__ import annotations

import logging
from collections import Counter

from s3d.agent.frontends.http.exchange import Exchange

access_log = logging.getLogger("s3d.access")
"""One line for each request; off unless somebody sets its level to INFO."""
access_log.setLevel(logging.WARNING)


class EndpointCounters:
    """What the endpoint has done since it was made."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        """By operation; "" is what was refused before its operation was known."""
        self.errors: Counter[int] = Counter()
        """Answers of status 400 and more, by status."""
        self.received = 0
        """Bytes of bodies."""
        self.sent = 0
        """Bytes of answers, heads included."""

    def count(self, exchange: Exchange) -> None:
        self.requests[exchange.operation] += 1
        if exchange.status >= 400:
            self.errors[exchange.status] += 1
        self.received += exchange.received
        self.sent += exchange.sent
        if access_log.isEnabledFor(logging.INFO):
            access_log.info(
                "request op=%s status=%d received=%d sent=%d id=%s",
                exchange.operation or "-",
                exchange.status,
                exchange.received,
                exchange.sent,
                exchange.request_id,
            )

    def failures(self) -> tuple[int, int]:
        """Answers of status 4xx and of 5xx."""
        ours = sum(count for status, count in self.errors.items() if status >= 500)
        return self.errors.total() - ours, ours

    def as_dict(self) -> dict[str, float]:
        """Flat, for /v1/status."""
        found: dict[str, float] = {
            "requests": self.requests.total(),
            "errors": self.errors.total(),
            "received": self.received,
            "sent": self.sent,
        }
        found |= {f"requests.{name or 'refused'}": n for name, n in self.requests.items()}
        found |= {f"errors.{status}": n for status, n in self.errors.items()}
        return found
