"""The agent's life: lock, open, bind, serve, and close in the reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from urllib.parse import quote

from s3d import __version__
from s3d.agent.control.objects import ObjectRoutes
from s3d.agent.control.server import ControlServer
from s3d.agent.control.status import Facts, Status
from s3d.agent.control.stream import Stream
from s3d.agent.endpoint.server import S3Server
from s3d.agent.events import Events, LogEvents
from s3d.agent.notify import Notifier
from s3d.agent.process import harden, only_one, private_folder, settle_memory
from s3d.agent.s3 import signing
from s3d.agent.s3.credential import Signer
from s3d.agent.stack import Stack, build_stack
from s3d.agent.start import (
    check_exposure,
    create_buckets,
    exposure_warnings,
    listen,
    loop_factory,
    start_errors,
    temporary_places,
)
from s3d.agent.store.objects import Objects
from s3d.agent.supervise import supervise
from s3d.shared.config import Config
from s3d.shared.control import AgentStatus, Presigned, PresignRequest
from s3d.shared.credentials import AccessKey, load_or_create
from s3d.shared.paths import Places

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
    harden()
    check_exposure(config)
    with ExitStack() as leaving:
        with start_errors():
            key = load_or_create(places, config)
            if config.ephemeral:
                places = leaving.enter_context(temporary_places(config))
            for folder in (places.data_dir, places.state_dir):
                private_folder(folder)
            leaving.enter_context(only_one(places.lock_file, places.socket))
        agent = Agent(config, places, key)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(agent.run(announce))
    return 0


class Agent:
    """One run of the agent, with the lock held."""

    def __init__(self, config: Config, places: Places, key: AccessKey) -> None:
        self._config = config
        self._places = places
        self._key = key
        self._events = Events()
        self._notifier = Notifier.from_environment(os.environ)
        self._stopping = asyncio.Event()
        self._started = time.time()
        self._endpoint = config.endpoint
        self._numbers: Callable[[], dict[str, float]] = dict

    async def run(self, announce: Announce) -> None:
        """Open, serve until a signal, close. Raises S3dError when it cannot start."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="agent"))
        self._catch_signals(loop)
        async with AsyncExitStack() as closing:
            closing.enter_context(self._log_events(loop))
            with start_errors():
                stack = build_stack(self._config, self._places, self._events)
                closing.callback(stack.close)
                await self._open_doors(stack, closing)
            settle_memory()
            status = await self._status(stack)
            self._notifier.send("READY=1", f"STATUS=Serving {self._endpoint}")
            announce(status)
            await self._serve(stack)
            logger.info("stopping")
            self._notifier.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int((GRACE + 5) * 1e6)}")
            self._events.close()

    async def _open_doors(self, stack: Stack, closing: AsyncExitStack) -> None:
        """The endpoint and the socket; closing stops both, at the same time."""
        config = self._config
        objects = Objects(stack.top)
        await create_buckets(objects, config.buckets)
        endpoint = S3Server(
            stack.top,
            secret_of=None if config.auth == "none" else self._secret_of,
            hosts=config.hosts,
            region=config.region,
            clock=time.time,
        )
        doors: list[Callable[[], Awaitable[None]]] = []
        closing.push_async_callback(_close_all, doors)
        self._endpoint = await listen(endpoint, config)
        self._numbers = endpoint.numbers
        doors.append(lambda: endpoint.stop(GRACE))
        control = self._control(stack, objects)
        doors.append(control.stop)
        await control.start(self._places.socket)

    def _control(self, stack: Stack, objects: Objects) -> ControlServer:
        facts = Facts(
            agent=lambda: self._status(stack),
            usage=stack.usage,
            serving=lambda: not self._stopping.is_set(),
        )
        parts = (
            Status(facts, objects, self._events),
            ObjectRoutes(objects, self._presign),
            Stream(self._events),
        )
        return ControlServer([route for part in parts for route in part.routes()], grace=GRACE)

    async def _serve(self, stack: Stack) -> None:
        """The long-lived parts, until a signal."""
        parts = {"watchdog": self._notifier.feed_watchdog, "sweep": stack.sweep}
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(supervise(name, part, self._events), name=name)
                for name, part in parts.items()
            ]
            await self._stopping.wait()
            for task in tasks:
                task.cancel()

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
            store=await stack.status(),
            warnings=exposure_warnings(config),
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
        handler = LogEvents(self._events, loop)
        logging.getLogger().addHandler(handler)
        try:
            yield
        finally:
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


async def _close_all(doors: list[Callable[[], Awaitable[None]]]) -> None:
    async with asyncio.TaskGroup() as group:
        for door in doors:
            group.create_task(_close(door))


async def _close(door: Callable[[], Awaitable[None]]) -> None:
    await door()
