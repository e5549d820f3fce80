"""A request to the remote and its answer, as HTTP has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from s3d.agent.core.failures import Refusal
from s3d.agent.s3.canonical import EMPTY_SHA256
from s3d.agent.s3.messages import Body
from s3d.agent.s3.model import Operation
from s3d.agent.stores.remote.request_body import ResponseBody

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Call:
    """A request to be signed and sent."""

    op: Operation
    method: str
    bucket: str = ""
    key: str = ""
    raw_query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Lower-case names; without host, date, length and signature."""
    body: Body | bytes = b""
    """Bytes can be sent again, a Body cannot."""
    length: int | None = 0
    """Bytes that go over the wire; None: unknown."""
    payload: str = EMPTY_SHA256
    """For x-amz-content-sha256."""
    may_repeat: bool = False
    """To ask twice is as good as to ask once: after a lost answer it is asked again."""


@dataclass
class Answer:
    """What the remote answered."""

    status: int
    headers: Headers
    """Lower-case names; without those of the one connection."""
    body: ResponseBody
    document: bytes = b""
    """Of an error: its body, which is read already."""
    refusal: Refusal | None = None
    """Of an error."""

    @cached_property
    def by_name(self) -> dict[str, str]:
        """The headers by lower-case name."""
        return dict(self.headers)
