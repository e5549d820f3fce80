"""Where the context of a request that the agent makes itself comes from.

A layer that needs a further call to answer a request passes that request's context on, so the
request id of the client is seen in every call made for it. Background work has a context of its
own, which names the request that caused it as its parent.
"""

from __future__ import annotations

import asyncio
import os

from s3d.agent.s3.messages import Body, Members, RequestContext, S3Request
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
