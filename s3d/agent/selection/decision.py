"""What a policy is asked and what it may answer, as values. Pure.

https://www.openpolicyagent.org/docs/latest/rest-api/#data-api
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from s3d.shared.filter_terms import Subject

ENTRY = "s3d/filter/decision"
"""Path of the rule that decides."""

Use = Literal["push", "cache"]
"""What is to be done with an object."""

Document = Mapping[str, Any]

LONGEST = 500
"""Characters of a reason that are kept."""
MOST_TTL = 365 * 86_400.0
"""Seconds. JSON has numbers that no clock can add."""


@dataclass(frozen=True, slots=True)
class Decision:
    """ttl: seconds that it counts for; None: as long as usual."""

    include: bool
    reason: str = ""
    ttl: float | None = None


class PolicyUnavailable(Exception):
    """Nothing was decided; the text says why."""


class PolicyEngine(Protocol):
    """Whoever evaluates policies."""

    @property
    def version(self) -> int:
        """Another number when the policy is another one."""

    @property
    def trouble(self) -> str:
        """What a person should know; "" while all is well."""

    async def decide(self, document: Document) -> Decision:
        """Raises PolicyUnavailable."""

    async def look(self) -> None:
        """See whether the policy is another one by now. Never fails."""

    async def close(self) -> None: ...


def document_of(use: Use, subject: Subject) -> Document:
    """The input of the policy. null: not known."""
    headers = subject.headers or {}
    return {
        "v": 1,
        "op": use,
        "bucket": subject.bucket,
        "key": subject.key,
        "bucket_tags": subject.bucket_tags,
        "tags": subject.tags,
        "metadata": subject.metadata,
        "headers": subject.headers,
        "size": subject.size,
        "etag": headers.get("etag"),
        "filter": True,
    }


def decision_of(result: Any) -> Decision:
    """Of {"include": bool, "reason": str?, "ttl": seconds?}, or a bare boolean.

    Raises PolicyUnavailable.
    """
    if isinstance(result, bool):
        return Decision(result)
    found = result if isinstance(result, dict) else {}
    include, reason, ttl = found.get("include"), found.get("reason", ""), found.get("ttl")
    if not isinstance(include, bool) or not isinstance(reason, str):
        raise PolicyUnavailable(f"{ENTRY} is neither a boolean nor an object with include")
    if isinstance(ttl, bool) or not isinstance(ttl, int | float | None):
        raise PolicyUnavailable(f"the ttl of {ENTRY} is no number")
    return Decision(include, reason[:LONGEST], None if ttl is None else min(ttl, MOST_TTL))
