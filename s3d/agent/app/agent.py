"""The agent's life: lock, open, bind, serve, and close in the reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from s3d import __version__
from s3d.agent.app.check import Checker, opened_of
from s3d.agent.app.preflight import (
    check_exposure,
    check_loop,
    check_remote,
    create_buckets,
    create_remote_buckets,
    exposure_warnings,
    listen,
    loop_factory,
    start_errors,
    temporary_places,
)
from s3d.agent.app.process import harden, only_one, private_folder, settle_memory
from s3d.agent.app.sampler import Sampler, sampler_of
from s3d.agent.app.service_manager import Notifier
from s3d.agent.app.set_aside import set_aside
from s3d.agent.app.stack import Stack, build_stack
from s3d.agent.app.sync_folders import open_folders
from s3d.agent.core.client import S3Client
from s3d.agent.core.events import Events, LogEvents
from s3d.agent.core.log_buffer import LogBuffer
from s3d.agent.core.supervise import supervise
from s3d.agent.frontends.control.cache_routes import CacheRoutes
from s3d.agent.frontends.control.check_routes import CheckRoutes
from s3d.agent.frontends.control.control_server import ControlServer
from s3d.agent.frontends.control.diagnostics_routes import DiagnosticsRoutes
from s3d.agent.frontends.control.event_stream import EventStream
from s3d.agent.frontends.control.key_status import KeyStatus
from s3d.agent.frontends.control.object_routes import ObjectRoutes
from s3d.agent.frontends.control.queue_routes import QueueRoutes
from s3d.agent.frontends.control.remote_routes import RemoteRoutes
from s3d.agent.frontends.control.status_routes import StatusRoutes, StatusSources
from s3d.agent.frontends.control.sync_action_routes import SyncActionRoutes
from s3d.agent.frontends.control.sync_folder_routes import SyncFolderRoutes
from s3d.agent.frontends.control.transfer_routes import TransferRoutes
from s3d.agent.frontends.control.user_transfer_routes import MigrationRoutes, UserTransferRoutes
from s3d.agent.frontends.http.s3_server import S3Server
from s3d.agent.s3 import signing
from s3d.agent.s3.credential import Signer
from s3d.agent.stores.read_cache.cache_status import cache_state
from s3d.agent.sync.folders import Folders
from s3d.agent.transfers.engine import Transfers
from s3d.shared.config.schema import Config
from s3d.shared.control import AgentStatus, Presigned, PresignRequest
from s3d.shared.credentials import AccessKey, load_or_create
from s3d.shared.paths import Places
from s3d.shared.text import count, size

if TYPE_CHECKING:
    from s3d.agent.app.gateway import Gateway

logger = logging.getLogger(__name__)

GRACE = 20.0
"""Seconds that requests in flight get to finish when the agent stops."""
THREADS = 8

Announce = Callable[[AgentStatus], None]


def run(config: Config, places: Places, announce: Announce) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. Calls announce once all is bound.

    Raises S3dError, with what to do, when the agent cannot start; AlreadyRunningError (75) when
    another one has the lock.
    """
    umask = harden()
    check_exposure(config)
    with ExitStack() as leaving:
        with start_errors():
            key = load_or_create(places, config)
            check_remote(config, key, os.environ)
            check_loop(config, config.port)
            if config.ephemeral:
                places = leaving.enter_context(temporary_places(config))
            for folder in (places.data_dir, places.state_dir):
                private_folder(folder)
            leaving.enter_context(only_one(places.lock_file, places.socket))
        agent = Agent(config, places, key, umask)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(agent.run(announce))
    return 0


class Agent:
    """One run of the agent, with the lock held."""

    def __init__(self, config: Config, places: Places, key: AccessKey, umask: int) -> None:
        """umask: of files that are the user's."""
        self._umask = umask
        self._config = config
        self._places = places
        self._key = key
        self._events: Events
        self._notifier = Notifier.from_environment(os.environ)
        self._stopping = asyncio.Event()
        self._is_announced = False
        self._started = time.time()
        self._endpoint = config.endpoint
        self._numbers: Callable[[], dict[str, float]] = dict
        self._folders: Folders
        self._log_buffer = LogBuffer((key.secret,))

    async def run(self, announce: Announce) -> None:
        """Open, serve until a signal, close. Raises S3dError when it cannot start."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="agent"))
        self._catch_signals(loop)
        while not self._stopping.is_set():
            await self._serve_once(announce, loop)

    async def _serve_once(self, announce: Announce, loop: asyncio.AbstractEventLoop) -> None:
        """Until a signal, or until the remote's access key is one of another account: then the next
        round opens the state of that account, for clients like another start of the agent."""
        self._events = Events()
        async with AsyncExitStack() as closing:
            closing.enter_context(self._log_events(loop))
            with start_errors():
                stack = await build_stack(self._config, self._places, self._events)
                closing.push_async_callback(stack.close)
                endpoint = await self._open_doors(stack, closing)
            settle_memory()
            if not self._is_announced:
                self._is_announced = True
                self._notifier.send("READY=1", f"STATUS=Serving {self._endpoint}")
                announce(await self._status(stack))
            logger.info("serving endpoint=%s version=%s", self._endpoint, __version__)
            await self._serve(stack, endpoint)
            self._events.close()

    async def _open_doors(self, stack: Stack, closing: AsyncExitStack) -> S3Server:
        """The endpoint and the socket; closing stops both."""
        config = self._config
        objects = S3Client(stack.top)
        if stack.gateway is None:
            await create_buckets(objects, config.buckets)
        self._folders = open_folders(stack, config, self._places, self._events, self._umask)
        closing.callback(self._folders.close)
        file = stack.places(self._places).transfers_file
        self._state_dir = file.parent
        makes_room = stack.gateway is not None and stack.gateway.queue is not None
        self._transfers = Transfers(objects, self._events, file, self._umask, makes_room=makes_room)
        endpoint = S3Server(
            stack.top,
            secret_of=None if config.auth == "none" else self._secret_of,
            hosts=config.hosts,
            region=config.region,
            clock=time.time,
        )
        closing.push_async_callback(endpoint.stop, GRACE)
        self._endpoint = await listen(endpoint, config)
        if not config.port:  # any free one, which stays the same when this state is closed
            start, port = config.endpoint.rpartition(":")[0], self._endpoint.rpartition(":")[2]
            self._config = msgspec.structs.replace(config, endpoint=f"{start}:{port}")
        self._numbers = endpoint.counters_by_name
        self._sampler = sampler_of(stack, endpoint)
        control = self._control(stack, objects, self._sampler)
        closing.push_async_callback(control.stop)
        await control.start(self._places.socket)
        return endpoint

    def _control(self, stack: Stack, objects: S3Client, sampler: Sampler) -> ControlServer:
        sources = StatusSources(
            agent=lambda: self._status(stack),
            usage=stack.usage,
            serving=lambda: not self._stopping.is_set(),
        )
        gateway = stack.gateway
        queue = None if gateway is None else gateway.queue
        cache = None if gateway is None else gateway.cache
        keeper = None if cache is None else cache.keeper
        key_status = None
        if gateway is not None:
            key_status = KeyStatus(S3Client(gateway.remote), queue, partial(cache_state, cache))
        parts = (
            StatusRoutes(sources, objects, self._events, key_status),
            ObjectRoutes(objects, self._presign, key_status),
            DiagnosticsRoutes(self._log_buffer, sampler.samples, self._config),
            QueueRoutes(queue),
            TransferRoutes(queue, UserTransferRoutes(self._transfers, keeper)),
            CacheRoutes(cache),
            RemoteRoutes(stack.waiting, None if gateway is None else gateway.state, queue),
            MigrationRoutes(None if gateway is None else gateway.migration),
            SyncFolderRoutes(self._folders, objects, self._places.config_file),
            SyncActionRoutes(self._folders),
            CheckRoutes(Checker(self._places, opened_of(stack))),
            EventStream(self._events),
        )
        return ControlServer([route for part in parts for route in part.routes()], grace=GRACE)

    async def _serve(self, stack: Stack, endpoint: S3Server) -> None:
        """The long-lived parts, until a signal; then the requests in hand and the queue's flush."""
        parts = {
            "watchdog": self._notifier.feed_watchdog,
            "sync": self._folders.run,
            "samples": self._sampler.run,
            "transfers": self._transfers.run,
            **stack.parts(),
        }
        if stack.gateway is not None:
            make = partial(create_remote_buckets, S3Client(stack.top), self._config.buckets)
            parts["buckets"] = make
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(supervise(name, part, self._events), name=name)
                for name, part in parts.items()
            ]
            await self._until_end(stack.gateway)
            if self._stopping.is_set():
                logger.info("stopping")
                patience = 2 * GRACE + self._config.flush_timeout + 5
                self._notifier.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(patience * 1e6)}")
            await endpoint.stop(GRACE)
            if stack.gateway is not None and self._stopping.is_set():
                await self._flush(stack.gateway)
            for task in tasks:
                task.cancel()

    async def _until_end(self, gateway: Gateway | None) -> None:
        """A signal, or an access key of another account."""
        if gateway is None:
            await self._stopping.wait()
            return
        async with asyncio.TaskGroup() as group:
            events = (self._stopping, gateway.account.changed)
            waits = [group.create_task(each.wait(), name="end") for each in events]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def _flush(self, gateway: Gateway) -> None:
        """Push what is pending, as far as the time allows, and say what is left."""
        left = await gateway.flush(self._config.flush_timeout)
        if left.files:
            logger.warning(
                "%s, %s, not at the remote yet: kept in %s for the next start",
                count(left.files, "write"), size(left.size), gateway.state.places.write_queue_dir,
            )  # fmt: skip

    async def _status(self, stack: Stack) -> AgentStatus:
        config = self._config
        return AgentStatus(
            version=__version__,
            pid=os.getpid(),
            started=self._started,
            endpoint=self._endpoint,
            socket=str(self._places.socket),
            auth=config.auth,
            ephemeral=config.ephemeral,
            remote=stack.remote_status(),
            queue=stack.queue_status(),
            cache=stack.cache_status(),
            store=await stack.store_status(),
            sync=self._folders.status(),
            waiting=stack.waiting_remotes(),
            warnings=[*exposure_warnings(config), *stack.warnings(), *set_aside(self._state_dir)],
            metrics=self._numbers(),
        )

    def _presign(self, wanted: PresignRequest, bucket: str, key: str) -> Presigned:
        url = f"{self._endpoint}/{bucket}/{quote(key, safe='/-_.~')}"
        now = time.time()
        signer = Signer(self._key.access_key_id, self._key.secret.reveal(), self._config.region)
        signed = signing.presign(wanted.method, url, signer, wanted.expires, now)
        return Presigned(signed, int(now) + wanted.expires)

    def _secret_of(self, access_key_id: str) -> str | None:
        return self._key.secret.reveal() if access_key_id == self._key.access_key_id else None

    @contextlib.contextmanager
    def _log_events(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        handlers = (LogEvents(self._events, loop), self._log_buffer)
        for handler in handlers:
            logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
            for handler in handlers:
                logging.getLogger().removeHandler(handler)

    def _catch_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """A signal that whoever started us ignores (nohup, a background job) stays ignored."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        """The first stops in order, the second at once: what was acknowledged is safe anyway."""
        if not self._stopping.is_set():
            self._stopping.set()
            return
        if self._config.ephemeral:
            shutil.rmtree(self._places.data_dir.parent, ignore_errors=True)
        os._exit(128 + number)
