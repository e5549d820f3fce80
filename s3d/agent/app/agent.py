"""The life of the agent's process: lock, open a session, serve, and close in the reverse order.

1. run() checks the configuration, takes the lock and starts the event loop.
2. Agent.run() opens a session (open_session.py: the stack of stores, the front ends), announces
   it, and runs the background tasks (background.py) until a signal.
3. At a signal the front ends finish the requests in hand, the write queue is flushed for as long
   as the configuration allows, and everything is closed in the reverse order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING

from s3d import __version__
from s3d.agent.app.access_key_manager import KeyManager
from s3d.agent.app.admin_address import AdminAddress
from s3d.agent.app.agent_session import AgentSession, ProcessContext, with_bound_port
from s3d.agent.app.background import background_tasks, context_of
from s3d.agent.app.frontends import GRACE
from s3d.agent.app.log_files import LogFiles, open_log_files
from s3d.agent.app.open_session import open_session
from s3d.agent.app.otel.start import TelemetryExport
from s3d.agent.app.process import (
    Notifier,
    harden,
    has_terminal,
    only_one,
    private_folder,
    settle_memory,
)
from s3d.agent.app.socket_activation import inherited_sockets
from s3d.agent.app.start_checks import (
    check_exposure,
    check_loop,
    check_policy,
    check_remote,
    check_stdin,
    loop_factory,
    start_errors,
    temporary_places,
    try_remote_buckets,
)
from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.events import Events, LogEvents
from s3d.agent.core.log_buffer import LogBuffer
from s3d.agent.core.spans import Tracer
from s3d.agent.core.supervise import supervise
from s3d.agent.core.telemetry import open_registry
from s3d.shared.access_key import AccessKey
from s3d.shared.config.schema import Config
from s3d.shared.config.values import Secret
from s3d.shared.control import AgentStatus
from s3d.shared.credentials import load_or_create_token
from s3d.shared.local_access_keys import LocalKeys
from s3d.shared.paths import Places
from s3d.shared.text import count, size
from s3d.shared.transfers import Totals

if TYPE_CHECKING:
    from s3d.agent.app.gateway import Gateway

logger = logging.getLogger(__name__)

THREADS = 8

Announce = Callable[[AgentStatus], None]


def run(config: Config, places: Places, announce: Announce, stdin: int | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. Calls announce once all listeners are
    bound. stdin: a descriptor of a pipe, whose end stops the agent, too.

    Raises S3dError, with what to do, when the agent cannot start; AlreadyRunningError (75) when
    another one has the lock.
    """
    umask = harden()
    check_exposure(config)
    check_policy(config)
    check_stdin(stdin)
    with ExitStack() as leaving:
        with start_errors():
            stored = LocalKeys(places, config)
            keys = stored.load()
            token = load_or_create_token(places, config)
            check_remote(config, keys, os.environ)
            check_loop(config, config.port)
            if config.ephemeral:
                places = leaving.enter_context(temporary_places(config))
            for folder in (places.data_dir, places.state_dir):
                private_folder(folder)
            leaving.enter_context(only_one(places.lock_file, places.socket))
        log_files = leaving.enter_context(open_log_files(config, places))
        agent = Agent(
            config,
            places,
            umask,
            stored=stored,
            keys=keys,
            log_files=log_files,
            admin_token=token,
            stdin=stdin,
        )
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(agent.run(announce))
    return 0


class Agent:
    """One run of the agent, with the lock held: one session after the other, until a signal."""

    def __init__(
        self,
        config: Config,
        places: Places,
        umask: int,
        *,
        stored: LocalKeys,
        keys: list[AccessKey],
        log_files: LogFiles,
        admin_token: Secret | None = None,
        stdin: int | None = None,
    ) -> None:
        """umask: for files of the user. stored: where the keys were loaded from. admin_token: a
        request of /metrics has to have it; None: no token is needed. stdin: see run()."""
        in_use = AccessKeys(keys)
        self._stdin = stdin
        self._config = config
        self._places = places
        self._notifier = Notifier.from_environment(os.environ)
        self._stopping = asyncio.Event()
        self._is_announced = False
        registry, tracer = open_registry(os.environ), Tracer()
        self._process = ProcessContext(
            keys=in_use,
            access_key_manager=KeyManager(stored, in_use),
            umask=umask,
            log_buffer=LogBuffer(),
            log_files=log_files,
            started=time.time(),
            is_serving=lambda: not self._stopping.is_set(),
            registry=registry,
            tracer=tracer,
            export=TelemetryExport(registry, tracer),
            admin=AdminAddress(config, admin_token, registry),
            sockets=inherited_sockets(os.environ),
        )

    async def run(self, announce: Announce) -> None:
        """Open, serve until a signal, close. Raises S3dError when it cannot start."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="agent"))
        self._catch_signals(loop)
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._process.admin.stop)
            await self._process.admin.start()
            closing.push_async_callback(self._process.export.stop)
            await self._process.export.start()
            while not self._stopping.is_set():
                await self._run_session(announce)

    async def _run_session(self, announce: Announce) -> None:
        """Run until a signal, or until the remote's access key belongs to another account."""
        events = Events()
        async with AsyncExitStack() as closing:
            handlers = (LogEvents(events, asyncio.get_running_loop()), self._process.log_buffer)
            closing.enter_context(_log_handlers(handlers))
            with start_errors():
                session = await open_session(
                    self._config, self._places, self._process, events, closing
                )
            self._config = with_bound_port(self._config, session.endpoint.url)
            settle_memory()
            if session.stack.gateway is not None and not self._is_announced:
                await try_remote_buckets(session.client, self._config.buckets)
            if not self._is_announced:
                self._is_announced = True
                self._notifier.send("READY=1", f"STATUS=Serving {session.endpoint.url}")
                announce(await session.status())
            logger.info("serving endpoint=%s version=%s", session.endpoint.url, __version__)
            _log_pending(session.stack.gateway, "of an earlier run")
            await self._serve(session)
            events.close()

    async def _serve(self, session: AgentSession) -> None:
        """Run the background tasks until the session ends; then let requests in hand finish, and
        push what is pending."""
        gateway = session.stack.gateway
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    supervise(name, task, session.events), name=name, context=context_of(name)
                )
                for name, task in background_tasks(session, self._notifier).items()
            ]
            await self._until_end(gateway)
            if self._stopping.is_set():
                logger.info("stopping")
                # Before the flush, during which a service manager or a cluster may kill the agent.
                _log_pending(gateway, f"pushed for up to {self._config.flush_timeout:.0f} s")
                longest = 3 * GRACE + self._config.flush_timeout + 5
                self._notifier.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(longest * 1e6)}")
            await session.endpoint.stop()
            await session.mounts.stop()
            if gateway is not None and self._stopping.is_set():
                await self._flush(gateway)
            if session.change_sources is not None:
                await session.change_sources.finish()
            for task in tasks:
                task.cancel()

    async def _until_end(self, gateway: Gateway | None) -> None:
        """Return at a signal, or when the access key belongs to another account."""
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
        """Push pending writes until the time limit, and log how many are left."""
        left = await gateway.flush(self._config.flush_timeout)
        if left.files:
            logger.warning(
                "%s, %s, not pushed yet: kept in %s for the next start",
                count(left.files, "write"), size(left.size), gateway.state.places.write_queue_dir,
            )  # fmt: skip

    def _catch_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """A signal that the parent process ignores (nohup, a background job) stays ignored."""
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._on_signal, number)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            # Closing a terminal stops the programs in it. A daemon has no terminal: there, the
            # signal means that its log files were moved.
            if has_terminal():
                loop.add_signal_handler(signal.SIGHUP, self._on_signal, signal.SIGHUP)
            else:
                loop.add_signal_handler(signal.SIGHUP, self._process.log_files.reopen)
        for number in (signal.SIGUSR1, signal.SIGUSR2):  # they would end the process
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, signal.SIG_IGN)
        if self._stdin is not None:
            loop.add_reader(self._stdin, self._on_input, self._stdin)

    def _on_input(self, stdin: int) -> None:
        """Ignore what arrives at standard input; at its end, stop the agent in order."""
        if not os.read(stdin, 4096):
            asyncio.get_running_loop().remove_reader(stdin)
            self._stopping.set()

    def _on_signal(self, number: int) -> None:
        """The first one stops the agent in order, the second at once: acknowledged writes are
        durable in either case."""
        if not self._stopping.is_set():
            self._stopping.set()
            return
        if self._config.ephemeral:
            shutil.rmtree(self._places.data_dir.parent, ignore_errors=True)
        os._exit(128 + number)


def _log_pending(gateway: Gateway | None, note: str) -> None:
    """Log how many writes are pending, if any are."""
    left = Totals() if gateway is None else gateway.left()
    if left.files:
        logger.info("%s pending, %s, %s", count(left.files, "write"), size(left.size), note)


@contextlib.contextmanager
def _log_handlers(handlers: Iterable[logging.Handler]) -> Iterator[None]:
    for handler in handlers:
        logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logging.getLogger().removeHandler(handler)
