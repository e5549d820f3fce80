"""The input document and the decision of a policy, as values. Pure.

https://www.openpolicyagent.org/docs/latest/rest-api/#data-api
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from s3d.shared.filters.terms import FilterSubject

ENTRY = "s3d/filter/decision"
"""Path of the rule whose value is the decision."""

Use = Literal["push", "cache", "sync"]
"""The use of an object that the decision is about."""

Document = Mapping[str, Any]

DECISION_TIMEOUT = 0.25
"""Seconds that a policy has for a decision."""
MAX_REASON = 500
"""Characters of a reason; the rest is cut off."""
MAX_TTL = 365 * 86_400.0
"""Seconds. A JSON number can be too large to be added to a time."""


@dataclass(frozen=True, slots=True)
class Decision:
    """ttl: seconds for which it is valid; None: the default of the cache."""

    include: bool
    reason: str = ""
    ttl: float | None = None


class PolicyUnavailable(Exception):
    """The policy made no decision; the text says why."""


class PolicyEngine(Protocol):
    """Evaluates a policy."""

    @property
    def version(self) -> int:
        """Changes with the policy."""

    @property
    def trouble(self) -> str:
        """What keeps the policy from deciding, for people; "" while it decides."""

    async def decide(self, document: Document) -> Decision:
        """Raises PolicyUnavailable."""

    async def refresh(self) -> None:
        """Take up a change of the policy. Never raises."""

    async def close(self) -> None: ...


def document_of(use: Use, subject: FilterSubject) -> Document:
    """The input of the policy; a null means that the value is not known."""
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
    """Decode {"include": bool, "reason": str?, "ttl": seconds?}, or a boolean alone.

    Raises PolicyUnavailable.
    """
    if isinstance(result, bool):
        return Decision(result)
    members = result if isinstance(result, dict) else {}
    include, reason = members.get("include"), members.get("reason", "")
    ttl = members.get("ttl")
    if not isinstance(include, bool) or not isinstance(reason, str):
        raise PolicyUnavailable(f"{ENTRY} is neither a boolean nor an object with include")
    if isinstance(ttl, bool) or not isinstance(ttl, int | float | None):
        raise PolicyUnavailable(f"the ttl of {ENTRY} is not a number")
    return Decision(include, reason[:MAX_REASON], None if ttl is None else min(ttl, MAX_TTL))
