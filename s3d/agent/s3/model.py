"""botocore's service-2.json compiled to operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Operation:
    """One S3 operation, compiled once from the botocore model plus supplement.py."""

    name: str
    method: str
    scope: Literal["service", "bucket", "object"]
    subresource: str | None
    """The query word that selects it ("tagging", "uploads", ...)."""
    status: int
    """Success status, e.g. 200 or 204."""
    root_tag: str | None
    """XML root of the output; botocore's JSON lacks it."""
    streaming_input: bool
    """The payload goes to S3Request.body, not into the input."""
    streaming_output: bool
    access: Literal["read", "write", "list", "admin"]


def operations() -> Mapping[str, Operation]:
    """Every operation by name."""
    raise NotImplementedError
