"""W3C Trace Context: the traceparent and tracestate headers, parsed and formatted.

A header that does not have the form of the specification is treated as absent. What a client sends
ends up in a header to the remote, in the journal and on the screen, so nothing else passes.
https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
HEADERS = frozenset((TRACEPARENT, TRACESTATE))

MAX_STATE = 512
"""Characters of a tracestate that are passed on; a longer one is dropped as a whole."""
_MAX_PARENT = 128
"""Characters of a traceparent of a later version that are looked at."""
_MAX_MEMBERS = 32

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_KEY = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_VALUE = r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_MEMBER = re.compile(f"{_KEY}={_VALUE}")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_SAMPLED = 1


class TraceContext(NamedTuple):
    """One span of a trace, as the requests that it makes name it."""

    trace_id: str
    """32 hexadecimal digits in lower case, not all zero."""
    span_id: str
    """16 hexadecimal digits in lower case, not all zero."""
    is_sampled: bool = True
    """Whether the span is recorded."""
    state: str = ""
    """The tracestate of the client, for other tracing systems; "" for none."""

    @property
    def traceparent(self) -> str:
        """The header, in version 00."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"

    def headers(self) -> list[tuple[str, str]]:
        """The headers of a request that this span makes."""
        parent = (TRACEPARENT, self.traceparent)
        return [parent, (TRACESTATE, self.state)] if self.state else [parent]


def parse_headers(headers: Mapping[str, str]) -> TraceContext | None:
    """The context that a client has sent; None for none, and for a malformed one.

    headers: by lower-case name, repeated ones joined with a comma.
    """
    parent = headers.get(TRACEPARENT)
    if parent is None:
        return None
    return parse(parent, headers.get(TRACESTATE, ""))


def parse(parent: str, state: str = "") -> TraceContext | None:
    """The context of a traceparent and a tracestate; None for a malformed traceparent.

    A later version than 00 may add fields, which are ignored. Version ff does not exist.
    https://www.w3.org/TR/trace-context/#versioning-of-traceparent
    """
    match = _PARENT.fullmatch(parent) if len(parent) <= _MAX_PARENT else None
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    is_sampled = bool(int(flags, 16) & _SAMPLED)
    return TraceContext(trace_id, span_id, is_sampled, _checked_state(state) if state else "")


def _checked_state(state: str) -> str:
    """The members of a tracestate without empty ones; "" when one of them is malformed.

    https://www.w3.org/TR/trace-context/#tracestate-header
    """
    if len(state) > MAX_STATE:
        return ""
    members = [member.strip(" \t") for member in state.split(",")]
    members = [member for member in members if member]
    keys = {member.partition("=")[0] for member in members}
    if len(members) > _MAX_MEMBERS or len(keys) < len(members):
        return ""
    return ",".join(members) if all(map(_MEMBER.fullmatch, members)) else ""
