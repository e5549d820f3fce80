"""One session: the stores of one remote account, opened, and everything that works on them.

The agent has one session after the other: a remote's access key that turns out to be of another
account ends a session, and the next one opens the state of that account. For clients this is like
a restart of the agent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from s3d import __version__
from s3d.agent.app.access_key_manager import KeyManager
from s3d.agent.app.admin_address import AdminAddress
from s3d.agent.app.damaged_state import unreadable_state_warnings
from s3d.agent.app.free_space import FreeSpace
from s3d.agent.app.frontends import S3Endpoint
from s3d.agent.app.log_files import LogFiles
from s3d.agent.app.otel.start import TelemetryExport
from s3d.agent.app.sampler import Sampler
from s3d.agent.app.socket_activation import InheritedSockets
from s3d.agent.app.stack import Stack
from s3d.agent.app.start_checks import exposure_warnings
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.log_buffer import LogBuffer
from s3d.agent.core.own_mounts import OwnMounts
from s3d.agent.core.spans import Tracer
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.fuse.mounts import Mounts
from s3d.agent.sync.folders import Folders
from s3d.agent.transfers.user_transfers import UserTransfers
from s3d.shared.config.schema import Config
from s3d.shared.control import AdminStatus, AgentStatus
from s3d.shared.credentials import uses_token_file
from s3d.shared.paths import Places

if TYPE_CHECKING:
    from s3d.agent.app.fleet_member import Fleet
    from s3d.agent.remote_changes.change_sources import ChangeSources


@dataclass(frozen=True, slots=True)
class ProcessContext:
    """What all sessions of one process share."""

    keys: AccessKeys
    """Credentials of the agent's clients."""
    access_key_manager: KeyManager
    """Changes them."""
    umask: int
    """Permission bits for files of the user."""
    log_buffer: LogBuffer
    log_files: LogFiles
    started: float
    """Unix seconds."""
    is_serving: Callable[[], bool]
    """False once the agent has been asked to stop."""
    registry: Registry
    """All metrics."""
    tracer: Tracer
    export: TelemetryExport
    admin: AdminAddress
    sockets: InheritedSockets
    """Of the service manager."""


@dataclass(frozen=True, slots=True)
class AgentSession:
    """The parts of a session. open_session() opens it, its exit stack closes it."""

    configured: Config
    places: Places
    state_dir: Path
    """Of this account."""
    process: ProcessContext
    events: Events
    stack: Stack
    client: S3Client
    """Calls the top of the stack."""
    folders: Folders
    change_sources: ChangeSources | None
    """What reports changes of the remote; None: nothing does."""
    mounts: Mounts
    own_mounts: OwnMounts
    transfers: UserTransfers
    endpoint: S3Endpoint
    sampler: Sampler
    disks: FreeSpace
    fleet: Fleet | None = None
    """None without S3D_CONFIG_URL."""

    @property
    def config(self) -> Config:
        """The configuration with the port that the endpoint has."""
        return with_bound_port(self.configured, self.endpoint.url)

    def admin_status(self) -> AdminStatus | None:
        url, file = self.process.admin.url, self.places.admin_token_file
        if not url:
            return None
        is_generated = uses_token_file(self.configured)
        needs_token = is_generated or self.configured.admin_token is not None
        return AdminStatus(url, str(file) if is_generated else "", needs_token)

    async def status(self) -> AgentStatus:
        """The status that `s3d status` shows."""
        config, stack = self.config, self.stack
        return AgentStatus(
            version=__version__,
            pid=os.getpid(),
            started=self.process.started,
            endpoint=self.endpoint.url,
            socket=str(self.places.socket),
            auth=config.auth,
            admin=self.admin_status(),
            ephemeral=config.ephemeral,
            remote=stack.remote_status(),
            queue=stack.queue_status(),
            cache=stack.cache_status(),
            store=await stack.store_status(),
            sync=self.folders.status(),
            mounts=self.mounts.statuses(),
            waiting=stack.waiting_remotes(),
            notifications=await stack.notifications_status(),
            warnings=[
                *exposure_warnings(config),
                *self.process.export.warnings,
                *stack.warnings(),
                *([] if self.fleet is None else self.fleet.warnings()),
                *unreadable_state_warnings(self.state_dir),
                *self.process.log_files.warnings(),
            ],
            metrics=dict(self.endpoint.status()),
        )


def with_bound_port(config: Config, url: str) -> Config:
    """The configuration with the port that the system has chosen, so that the next session has the
    same. url: of the endpoint as it is bound."""
    if config.port:
        return config
    start, port = config.endpoint.rpartition(":")[0], url.rpartition(":")[2]
    return msgspec.structs.replace(config, endpoint=f"{start}:{port}")
