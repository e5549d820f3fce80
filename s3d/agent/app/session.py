"""One session: the stores of one remote account, opened, and everything that works on them.

The agent has one session after the other: a remote's access key that turns out to be of another
account ends a session, and the next one opens the state of that account. For clients this is like
a restart of the agent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from s3d import __version__
from s3d.agent.app.damaged_state import unreadable_state_warnings
from s3d.agent.app.frontends import ControlSocket, S3Endpoint, control_routes
from s3d.agent.app.preflight import create_buckets, exposure_warnings
from s3d.agent.app.sampler import Sampler, sampler_of
from s3d.agent.app.stack import Stack, build_stack
from s3d.agent.app.sync_folders import open_folders
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.log_buffer import LogBuffer
from s3d.agent.frontends.frontend import Frontend
from s3d.agent.sync.folders import Folders
from s3d.agent.transfers.engine import Transfers
from s3d.shared.config.schema import Config
from s3d.shared.control import AgentStatus
from s3d.shared.credentials import AccessKey
from s3d.shared.paths import Places


@dataclass(frozen=True, slots=True)
class ProcessContext:
    """What all sessions of one process share."""

    key: AccessKey
    """Of the agent's clients."""
    umask: int
    """Of files that are the user's."""
    log_buffer: LogBuffer
    started: float
    """Unix seconds."""
    is_serving: Callable[[], bool]
    """False once the agent has been asked to stop."""


@dataclass(frozen=True, slots=True)
class Session:
    """The parts of a session. open_session() opens it, its exit stack closes it."""

    config: Config
    places: Places
    state_dir: Path
    """Of this account."""
    process: ProcessContext
    events: Events
    stack: Stack
    client: S3Client
    """Calls the top of the stack."""
    folders: Folders
    transfers: Transfers
    endpoint: S3Endpoint
    sampler: Sampler

    async def status(self) -> AgentStatus:
        """Everything that `s3d status` shows."""
        config, stack = self.config, self.stack
        return AgentStatus(
            version=__version__,
            pid=os.getpid(),
            started=self.process.started,
            endpoint=self.endpoint.url,
            socket=str(self.places.socket),
            auth=config.auth,
            ephemeral=config.ephemeral,
            remote=stack.remote_status(),
            queue=stack.queue_status(),
            cache=stack.cache_status(),
            store=await stack.store_status(),
            sync=self.folders.status(),
            waiting=stack.waiting_remotes(),
            warnings=[
                *exposure_warnings(config),
                *stack.warnings(),
                *unreadable_state_warnings(self.state_dir),
            ],
            metrics=dict(self.endpoint.status()),
        )


async def open_session(
    config: Config,
    places: Places,
    process: ProcessContext,
    events: Events,
    closing: AsyncExitStack,
) -> Session:
    """Open the stores, then start the front ends; closing ends all of it in the reverse order.

    Raises S3dError, OSError.
    """
    stack = await build_stack(config, places, events)
    closing.push_async_callback(stack.close)
    client = S3Client(stack.top)
    if stack.gateway is None:
        await create_buckets(client, config.buckets)
    folders = open_folders(stack, config, places, events, process.umask)
    closing.callback(folders.close)
    file = stack.places(places).transfers_file
    makes_room = stack.gateway is not None and stack.gateway.queue is not None
    transfers = Transfers(client, events, file, process.umask, makes_room=makes_room)
    endpoint = S3Endpoint(stack.top, config, process.key)
    await _start(endpoint, closing)
    session = Session(
        config=with_bound_port(config, endpoint.url),
        places=places,
        state_dir=file.parent,
        process=process,
        events=events,
        stack=stack,
        client=client,
        folders=folders,
        transfers=transfers,
        endpoint=endpoint,
        sampler=sampler_of(stack, endpoint.server),
    )
    routes = control_routes(session, log_buffer=process.log_buffer, is_serving=process.is_serving)
    await _start(ControlSocket(routes, places.socket), closing)
    return session


async def _start(frontend: Frontend, closing: AsyncExitStack) -> None:
    """It is stopped also when it has started only in part."""
    closing.push_async_callback(frontend.stop)
    await frontend.start()


def with_bound_port(config: Config, url: str) -> Config:
    """The configuration with the port that the system has chosen, so that the next session has the
    same. url: of the endpoint as it is bound."""
    if config.port:
        return config
    start, port = config.endpoint.rpartition(":")[0], url.rpartition(":")[2]
    return msgspec.structs.replace(config, endpoint=f"{start}:{port}")
