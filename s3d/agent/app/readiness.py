"""Whether a session is ready: it serves requests, and its stores and sync folders are open.

The remote does not count. A gateway accepts writes and serves what it has cached while the remote
is away, and a monitor that took the agent out of service then would make things worse.
"""

from __future__ import annotations

from collections.abc import Iterator

from s3d.agent.app.agent_session import AgentSession
from s3d.agent.app.stack import Stack
from s3d.agent.sync.folders import Folders
from s3d.shared.diagnostics import (
    OTHER_ACCOUNT,
    STOPPING,
    Readiness,
    ReadinessCheck,
    readiness_of,
)


def session_readiness(session: AgentSession) -> Readiness:
    """Everything that has to be there before a client can rely on the answers."""
    return readiness_of(
        [
            _endpoint(session),
            *_stores(session.stack),
            *_folders(session.folders),
        ]
    )


def _endpoint(session: AgentSession) -> ReadinessCheck:
    if not session.process.is_serving():
        return ReadinessCheck("endpoint", False, STOPPING)
    is_open = session.endpoint.is_open
    return ReadinessCheck("endpoint", is_open, "" if is_open else OTHER_ACCOUNT)


def _stores(stack: Stack) -> Iterator[ReadinessCheck]:
    """A session exists only when these are open and recovered. The cache may be left out: without
    it the remote answers."""
    if stack.embedded is not None:
        yield ReadinessCheck("store", True)
    if stack.gateway is None:
        return
    if stack.gateway.queue is not None:
        yield ReadinessCheck("write queue", True)
    if stack.gateway.cache is not None:
        yield ReadinessCheck("read cache", True, stack.gateway.cache.trouble)


def _folders(folders: Folders) -> Iterator[ReadinessCheck]:
    """A folder that has stopped counts as open: it waits for the decision of a person."""
    for folder in folders.by_name.values():
        name = f"sync folder {folder.name}"
        if folder.is_opening:
            yield ReadinessCheck(name, False, "the folder is being opened")
        else:
            yield ReadinessCheck(name, True, folder.state.reason)
