"""A sink that keeps the spans of a tracer in memory, for the tests that read them."""

from __future__ import annotations

from s3d.agent.core.spans import Span


class RecordedSpans:
    """The spans that have ended, in that order."""

    has_room = True

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def put(self, span: Span) -> None:
        self.spans.append(span)
