"""The contexts of requests that the agent makes itself, and writes that are reported together.

A layer that needs a further call to answer a request passes that request's context on, so the
request id of the client is seen in every call made for it. Background work has a context of its
own, which names the request that caused it as its parent.

Some writes should be noticed together, such as the copy and the deletion of a rename: between the
two, an agent that looks sees a new object beside the old one, and downloads what it could have
renamed. So what is reported of a write waits for the end of its group::

    with write_group():
        await tree.copy(...)
        await tree.delete(...)
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from s3d.agent.s3.messages import NO_HINTS, Body, Members, MountHints, RequestContext, S3Request
from s3d.agent.s3.model import operations
from s3d.agent.s3.trace_context import TraceContext


def new_request_id() -> str:
    """16 hexadecimal digits in upper case, as S3 has them."""
    return os.urandom(8).hex().upper()


def background_context(
    parent: str = "",
    *,
    bypass_cache: bool = False,
    bypass_queue: bool = False,
    mount: MountHints = NO_HINTS,
    trace: TraceContext | None = None,
) -> RequestContext:
    """The context of work that outlives, or does not belong to, one client's request.

    parent: the id of the request that caused the work; "" when there is none, or it is not known.
    trace: the span of the work; None when it is not traced. The others: see RequestContext.
    """
    return RequestContext(
        new_request_id(),
        bypass_cache=bypass_cache,
        bypass_queue=bypass_queue,
        parent=parent,
        mount=mount,
        trace=trace,
    )


def with_timeout(context: RequestContext, seconds: float) -> RequestContext:
    """The same context with a deadline in so many seconds, or its own if that comes earlier."""
    deadline = asyncio.get_running_loop().time() + seconds
    if context.deadline is not None:
        deadline = min(deadline, context.deadline)
    return context.derive(deadline=deadline)


def internal_request(
    context: RequestContext, operation: str, members: Members, body: Body | None = None
) -> S3Request[Members]:
    """The only constructor of requests that no client has sent. operation: its AWS name."""
    return S3Request(operations()[operation], members, body, context=context)


class _WriteGroup:
    def __init__(self) -> None:
        self.is_open = True
        self.reports: list[Callable[[], None]] = []


_GROUP: ContextVar[_WriteGroup | None] = ContextVar("write_group", default=None)


@contextmanager
def write_group() -> Iterator[None]:
    """Hold the reports of all writes within it, and make them at its end, also after an error.

    Tasks that are started within a group belong to it, as context variables are copied into them.
    """
    group = _WriteGroup()
    token = _GROUP.set(group)
    try:
        yield
    finally:
        _GROUP.reset(token)
        group.is_open = False
        for report in group.reports:
            report()


def report_write(report: Callable[[], None]) -> None:
    """Call report now, or at the end of the group that this write belongs to."""
    group = _GROUP.get()
    if group is not None and group.is_open:
        group.reports.append(report)
    else:
        report()
