"""Open a session: the stores, what works on them, and the table of front ends that serve them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from s3d.agent.app.admin_address import AdminPages, scrape
from s3d.agent.app.agent_session import AgentSession, ProcessContext
from s3d.agent.app.free_space import FreeSpace
from s3d.agent.app.frontends import ControlSocket, S3Endpoint
from s3d.agent.app.mounted_buckets import MountedBuckets, open_mounts
from s3d.agent.app.process_metrics import CACHE, QUEUE, STORE, report_process
from s3d.agent.app.readiness import session_readiness
from s3d.agent.app.sampler import sampler_of
from s3d.agent.app.seed import prepare_store
from s3d.agent.app.stack import Stack, build_stack
from s3d.agent.app.sync_folders import open_folders
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events
from s3d.agent.core.log_buffer import LogBuffer
from s3d.agent.core.own_mounts import OwnMounts
from s3d.agent.core.telemetry import Registry
from s3d.agent.frontends.control.access_decision_routes import AccessDecisionRoutes
from s3d.agent.frontends.control.access_key_routes import AccessKeyRoutes
from s3d.agent.frontends.control.bucket_property_routes import BucketPropertyRoutes
from s3d.agent.frontends.control.cache_routes import CacheRoutes
from s3d.agent.frontends.control.check_routes import CheckRoutes
from s3d.agent.frontends.control.control_call import Route
from s3d.agent.frontends.control.diagnostics_routes import DiagnosticsRoutes
from s3d.agent.frontends.control.event_stream import EventStream
from s3d.agent.frontends.control.mount_routes import MountRoutes
from s3d.agent.frontends.control.object_routes import ObjectRoutes
from s3d.agent.frontends.control.object_states import ObjectStates
from s3d.agent.frontends.control.queue_routes import QueueRoutes
from s3d.agent.frontends.control.remote_routes import FleetRoutes, RemoteRoutes
from s3d.agent.frontends.control.status_routes import StatusRoutes, StatusSources
from s3d.agent.frontends.control.sync_action_routes import SyncActionRoutes
from s3d.agent.frontends.control.sync_folder_routes import SyncFolderRoutes
from s3d.agent.frontends.control.testing_routes import StoreControlRoutes
from s3d.agent.frontends.control.trace_routes import TraceRoutes
from s3d.agent.frontends.control.transfer_routes import TransferRoutes
from s3d.agent.frontends.control.user_transfer_routes import MigrationRoutes, UserTransferRoutes
from s3d.agent.frontends.frontend import Frontend
from s3d.agent.stores.read_cache.cache_status import cache_state
from s3d.agent.transfers.user_transfers import UserTransfers
from s3d.shared.config.mount_settings import mount_of_fuse
from s3d.shared.config.schema import Config
from s3d.shared.diagnostics import CheckLine
from s3d.shared.logs import change_level
from s3d.shared.paths import Places

if TYPE_CHECKING:
    from s3d.agent.after_upload.pushed_uploads import Uploads
    from s3d.agent.remote_changes.change_sources import ChangeSources
    from s3d.agent.sync.folders import Folders


async def open_session(
    config: Config,
    places: Places,
    process: ProcessContext,
    events: Events,
    closing: AsyncExitStack,
) -> AgentSession:
    """Open the stores, then start the front ends; closing ends all of it in the reverse order.

    Raises S3dError, OSError.
    """
    registry, own_config = process.registry, config
    config = _with_fleet_settings(config, places)
    stack = await build_stack(
        config,
        places,
        events,
        registry,
        tracer=process.tracer,
        owners=process.keys.owners,
    )
    closing.push_async_callback(stack.close)
    client = stack.bounded_client()
    if stack.embedded is not None:
        await prepare_store(stack.embedded.index, client, config)
    own_mounts = OwnMounts()
    uploads = _uploads(stack, config, places)
    if uploads is not None:
        closing.callback(uploads.close)
    folders = open_folders(
        stack,
        config,
        places,
        events,
        umask=process.umask,
        registry=registry,
        own_mounts=own_mounts,
        uploads=uploads,
    )
    closing.callback(folders.close)
    mounted = MountedBuckets(stack, places, events, config.fuse)
    closing.push_async_callback(mounted.close)
    await mounted.recover()
    file = stack.places(places).transfers_file
    makes_room = stack.gateway is not None and stack.gateway.queue is not None
    transfers = UserTransfers(
        client,
        events,
        file,
        process.umask,
        direct=S3Client(stack.top, bypass_queue=True),
        part_size=config.part_size,
        is_too_large=stack.is_too_large,
        waits_for_disk=makes_room,
        registry=registry,
        own_mounts=own_mounts,
    )
    controls = stack.controls
    endpoint = S3Endpoint(
        stack.endpoint_top or stack.top,
        config,
        process.keys,
        registry,
        tracer=process.tracer,
        access=stack.access,
        access_log=process.log_files.access_log,
        record=None if controls is None else controls.requests.add,
        listener=process.sockets.for_endpoint(),
    )
    fleet = None
    if own_config.config_url and stack.gateway is not None:
        from s3d.agent.app.fleet_member import open_fleet

        fleet = open_fleet(
            own_config, config, stack.gateway, folders,
            listing=stack.bounded_client(stack.gateway.remote),
            state=stack.places(places), started=process.started, warnings=stack.warnings,
        )  # fmt: skip
    session = AgentSession(
        configured=config,
        places=places,
        state_dir=file.parent,
        process=process,
        events=events,
        stack=stack,
        client=client,
        folders=folders,
        change_sources=_open_change_sources(
            stack, config, places=places, folders=folders, events=events, closing=closing
        ),
        mounts=open_mounts(mounted, own_mounts, config, places, folders=folders, registry=registry),
        own_mounts=own_mounts,
        transfers=transfers,
        endpoint=endpoint,
        sampler=sampler_of(
            registry,
            has_queue=stack.gateway is not None and stack.gateway.queue is not None,
            has_cache=stack.gateway is not None and stack.gateway.cache is not None,
        ),
        disks=FreeSpace(_folders(stack, places, file.parent)),
        fleet=fleet,
    )
    if stack.bucket_logs is not None:
        await stack.bucket_logs.start(endpoint.server.log_buckets)
    session.disks.start()
    report_process(registry, process.started, session.disks)
    closing.callback(registry.drop_computed)
    for row in FRONTENDS:
        await _start(row.construct(session), closing)
    return session


def _with_fleet_settings(config: Config, places: Places) -> Config:
    """The configuration of a start: of the device, and of the last good document of its fleet."""
    if not config.config_url:
        return config
    from s3d.agent.fleet.saved_document import with_saved_document  # most devices have none

    effective = with_saved_document(config, places.state_dir)
    if effective.log_level != config.log_level:
        change_level(effective.log_level)
    return effective


def _uploads(stack: Stack, config: Config, places: Places) -> Uploads | None:
    """Those of the gateway, or of the embedded store, to which only sync folders upload; None where
    nothing gets a receipt."""
    if stack.gateway is not None:
        return stack.gateway.uploads
    if stack.embedded is None or not (config.receipts or config.after_upload.evicts):
        return None
    from s3d.agent.after_upload.pushed_uploads import open_uploads  # most agents write no receipts

    own, store = stack.places(places), str(places.store_dir)
    return open_uploads(config, own, stack.embedded.local, store)


def _folders(stack: Stack, base: Places, state_dir: Path) -> dict[str, Path]:
    """The folders whose disks matter, by their purpose. state_dir: of the account."""
    places = stack.places(base)
    folders = {"state": state_dir}
    if stack.gateway is None:
        folders[STORE] = places.store_dir
    else:
        folders |= {QUEUE: places.write_queue_dir, CACHE: places.read_cache_dir}
    return folders


class FrontendRow(NamedTuple):
    """One way in, in the table of front ends."""

    name: str
    construct: Callable[[AgentSession], Frontend]
    """Called when the front ends of the rows above are started."""


async def _start(frontend: Frontend, closing: AsyncExitStack) -> None:
    """Start a front end. It is stopped at the end, also when its start has failed half-way."""
    closing.push_async_callback(frontend.stop)
    await frontend.start()


def _control_socket(session: AgentSession) -> ControlSocket:
    process = session.process
    routes = control_routes(session, log_buffer=process.log_buffer, registry=process.registry)
    return ControlSocket(
        routes,
        session.places.socket,
        process.registry,
        listener=process.sockets.for_control(),
    )


def _admin_pages(session: AgentSession) -> AdminPages:
    process, sources = session.process, session.change_sources
    return AdminPages(
        process.admin,
        partial(session_readiness, session),
        process.is_serving,
        None if sources is None else sources.deliver,
    )


FRONTENDS = (
    FrontendRow("http", lambda session: session.endpoint),
    FrontendRow("control", _control_socket),
    FrontendRow("fuse", lambda session: session.mounts),
    FrontendRow("admin", _admin_pages),
)
"""They are started from the top down and stopped in the reverse order. The control API shows the
address of the endpoint, so it comes after it; a session is ready when all others are started. To
add a front end, add its row."""


def control_routes(
    session: AgentSession, *, log_buffer: LogBuffer, registry: Registry
) -> list[Route]:
    """All routes of the control API. log_buffer and registry are the process's own."""
    stack, client, gateway = session.stack, session.client, session.stack.gateway
    queue = None if gateway is None else gateway.queue
    cache = None if gateway is None else gateway.cache
    object_states = None
    if gateway is not None:
        object_states = ObjectStates(
            stack.bounded_client(gateway.remote), queue, partial(cache_state, cache),
            gateway.uploads.writer.folder.newest,
        )  # fmt: skip
    sources = StatusSources(
        agent=session.status,
        usage=stack.usage,
        readiness=partial(session_readiness, session),
        metrics=partial(scrape, registry),
    )
    user_transfers = UserTransferRoutes(
        session.transfers, None if cache is None else cache.pin_manager
    )
    routes = (
        StatusRoutes(sources, client, session.events, object_states),
        ObjectRoutes(client, session.endpoint.presign, object_states),
        BucketPropertyRoutes(client),
        DiagnosticsRoutes(log_buffer, session.sampler.samples, session.config),
        QueueRoutes(queue),
        TraceRoutes(None if gateway is None else gateway.history, queue),
        TransferRoutes(queue, user_transfers),
        CacheRoutes(cache, client),
        RemoteRoutes(stack.waiting, None if gateway is None else gateway.state, queue),
        MigrationRoutes(None if gateway is None else gateway.migration),
        SyncFolderRoutes(session.folders, client, session.places.config_file),
        SyncActionRoutes(session.folders),
        MountRoutes(
            session.mounts,
            session.own_mounts,
            client,
            session.places.config_file,
            declared=[each.dir for each in mount_of_fuse(session.config.fuse)],
        ),
        AccessKeyRoutes(session.process.access_key_manager),
        AccessDecisionRoutes(stack.explain, session.process.keys),
        StoreControlRoutes(stack.controls),
        CheckRoutes(_CheckOfSession(session)),
        FleetRoutes(None if session.fleet is None else session.fleet.devices),
        EventStream(session.events),
    )
    return [route for each in routes for route in each.routes()]


class _CheckOfSession:
    """Runs the integrity check over what the session has open."""

    def __init__(self, session: AgentSession) -> None:
        self._session = session

    def run(self, *, repair: bool) -> AsyncGenerator[CheckLine, None]:
        # Imported here because it is large and most agents are never checked.
        from s3d.agent.app.integrity_check import Checker, opened_of

        session = self._session
        return Checker(session.places, opened_of(session.stack)).run(repair=repair)


def _open_change_sources(
    stack: Stack, config: Config, *, places: Places, folders: Folders, events: Events,
    closing: AsyncExitStack,
) -> ChangeSources | None:  # fmt: skip
    if stack.gateway is None:
        return None
    from s3d.agent.app.remote_events import open_change_sources  # of no use without a remote

    return open_change_sources(
        stack, config, places=places, folders=folders, events=events, closing=closing
    )
