"""A pusher between a staging store and a remote in this process, with time that stands still."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from s3d.agent.core.clock import Clock
from s3d.agent.core.events import Events
from s3d.agent.core.failures import Reason, Refusal, Unreachable
from s3d.agent.core.store import ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import (
    Body,
    BytesBody,
    Members,
    RequestContext,
    S3Request,
    S3Response,
)
from s3d.agent.s3.model import operations
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import Layout
from s3d.agent.stores.local.store import LocalStore
from s3d.agent.stores.remote.error_mapping import refused
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.journal.pending_write import PendingState, PendingWrite
from s3d.agent.stores.write_queue.push.push_attempt import PushFilter
from s3d.agent.stores.write_queue.push.push_executor import PushExecutor
from s3d.agent.stores.write_queue.push.pusher import Pusher
from s3d.agent.stores.write_queue.push.remote_gate import PushThrottle, RemoteGate
from s3d.shared.config.values import ConflictPolicy, Timetable
from tests.contract.client import Client

PATIENCE = 10.0
"""Real seconds that a test waits for what must happen at once."""
EPOCH = 1_800_000_000.0
MIB = 1 << 20


class Conditions(NamedTuple):
    """A ConditionSupport."""

    put_if_absent: bool = True
    put_if_match: bool = True
    complete_if_absent: bool = True
    complete_if_match: bool = True
    delete_if_match: bool = True


ALL_CONDITIONS = Conditions()
NO_CONDITIONS = Conditions(*[False] * 5)


class Time:
    """It moves when a test says so."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.suspended = 0.0
        """Seconds in which the machine slept: the steady clock knows nothing of them."""
        self.slept: list[float] = []
        self.on_sleep: list[Callable[[], None]] = []
        """Called when somebody goes to sleep."""
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.clock = Clock(
            now=lambda: EPOCH + self.passed + self.suspended,
            steady=lambda: self.passed,
            minute=lambda: int(self.passed / 60) % 1440,
            sleep=self.sleep,
            random=lambda: 1.0,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.passed + seconds, next(self._order), future))
        for tell in self.on_sleep:
            tell()
        await future

    def wakes_within(self, seconds: float) -> bool:
        """Whether somebody sleeps who would be woken by so much time."""
        due = self.passed + seconds
        return any(at <= due and not future.done() for at, _, future in self._sleepers)

    def advance(self, seconds: float) -> None:
        """Wake those who have slept enough."""
        self.passed += seconds
        while self._sleepers and self._sleepers[0][0] <= self.passed:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)


@dataclass
class Trouble:
    """What happens to calls of an operation."""

    operation: str
    error: Callable[[], S3Error]
    left: float
    after: bool
    """The remote has done it before the error comes."""


@dataclass
class Remote:
    """An ObjectStore that answers as a remote does, or as badly as it is told to."""

    inner: ObjectStore
    calls: list[tuple[str, Members]] = field(default_factory=list)
    contexts: list[RequestContext] = field(default_factory=list)
    """Those of the calls, in the same order."""
    troubles: list[Trouble] = field(default_factory=list)
    edit: Callable[[str, Members], Members] = lambda name, answer: answer
    """Changes answers on their way back."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Calls wait while it is not set."""
    on_call: list[Callable[[], None]] = field(default_factory=list)

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def of(self, name: str) -> list[Members]:
        return [members for called, members in self.calls if called == name]

    def fail(
        self, operation: str, error: Callable[[], S3Error], times: float = 1, *, after: bool = False
    ) -> None:
        """operation: a name, or "" for all."""
        self.troubles.append(Trouble(operation, error, times, after))

    async def call(self, request: S3Request[Any]) -> S3Response[Any]:
        name = request.op.name
        self.calls.append((name, dict(request.input)))
        self.contexts.append(request.context)
        for tell in self.on_call:
            tell()
        await self.gate.wait()
        trouble = self._trouble(name)
        if trouble is not None and not trouble.after:
            raise trouble.error()
        response = await self.inner.call(request)
        if trouble is not None:
            raise trouble.error()
        response.output = self.edit(name, dict(response.output))
        return response

    def _trouble(self, name: str) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.left > 0 and trouble.operation in ("", name):
                trouble.left -= 1
                return trouble
        return None


def refusal(status: int, code: str = "", retry_after: float | None = None) -> Callable[[], S3Error]:
    """An answer of the remote."""

    said = Refusal(status, code, "it said no", "REQUEST1", retry_after)
    return lambda: refused(operations()["PutObject"], said)


def unreachable(reason: Reason = Reason.CONNECT, *, sent: bool = False) -> Callable[[], S3Error]:
    """No answer of the remote."""

    def make() -> S3Error:
        error = S3Error("ServiceUnavailable", "The remote cannot be reached")
        error.failure = Unreachable(reason, "nothing", sent=sent)
        return error

    return make


def lost() -> S3Error:
    """The answer was lost on its way."""
    return unreachable(Reason.LOST, sent=True)()


SLOW_DOWN = refusal(503, "SlowDown")
DENIED = refusal(403, "AccessDenied")
BAD_KEY = refusal(403, "InvalidAccessKeyId")


@dataclass
class Rig:
    """All that a test of the pusher touches."""

    time: Time
    index: Index
    journal: Journal
    pusher: Pusher
    new_pusher: Callable[[Journal, RemoteGate], Pusher]
    """Another pusher with the same surroundings."""
    remote_gate: RemoteGate
    events: Events
    blobs: Blobs
    throttle: PushThrottle
    body_of: Callable[[Layout], Body]
    remote: Remote
    staged: Client
    there: Client
    """The remote itself, behind its troubles."""
    news: asyncio.Event
    running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.running = self.aside(self.pusher.run())

    async def stop(self) -> None:
        """As a crash does, but for what is in the memory of others."""
        running, self.running = self.running, None
        if running is not None:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    def aside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds, without the time passing."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def advance(self, seconds: float) -> None:
        """Let time pass, also for the journal."""
        await self.asleep()
        self.time.advance(seconds)
        await self.journal.control.resume()

    async def asleep(self) -> None:
        """Let everybody come so far that only time can help, or an answer of a thread."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def pushed(self) -> None:
        """Until nothing is pending."""
        await self.until(lambda: self.journal.totals().files == 0)

    async def parked(self) -> PendingWrite:
        """Until something is parked; the first."""
        await self.until(lambda: any(self.journal.pending.in_state(PendingState.FAILED)))
        return next(self.journal.pending.in_state(PendingState.FAILED))

    async def back(self, attempts: int = 1) -> PendingWrite:
        """Until the first write was given back so many times."""

        def given_back() -> bool:
            write = next(self.journal.pending.in_state(PendingState.WAITING), None)
            return write is not None and write.attempts >= attempts

        await self.until(given_back)
        return next(self.journal.pending.in_state(PendingState.WAITING))

    async def put_parts(self, key: str, *sizes: int) -> str:
        """Stage a multipart object; its ETag."""
        made = await self.staged("CreateMultipartUpload", Bucket="bbb", Key=key)
        named = {"Bucket": "bbb", "Key": key, "UploadId": made["UploadId"]}
        parts = []
        for number, size in enumerate(sizes, 1):
            data = bytes([number]) * size
            part = await self.staged("UploadPart", **named, PartNumber=number, Body=data)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        done = await self.staged(
            "CompleteMultipartUpload", **named, MultipartUpload={"Parts": parts}
        )
        return str(done["ETag"])


def body_of(index: Index, blobs: Blobs) -> Callable[[Layout], Body]:
    def open_body(layout: Layout) -> Body:
        if not layout.inline:
            return blobs.body(layout.extents)
        (extent,) = layout.extents
        data = index.read_inline(lambda reader: reader.data(extent))
        if data is None:
            raise S3Error("InternalError", "the bytes are gone")
        return BytesBody(data)

    return open_body


@asynccontextmanager
async def open_rig(
    folder: Path,
    *,
    over: ObjectStore | None = None,
    clock: Clock | None = None,
    judged: Conditions = ALL_CONDITIONS,
    policy: ConflictPolicy = ConflictPolicy.PARK,
    rules: PushFilter | None = None,
    learn_key: Callable[[str, str], Awaitable[None]] | None = None,
) -> AsyncIterator[Rig]:
    """over: the remote; else a LocalStore in the folder, with bucket bbb. Nothing runs yet.

    judged: what the remote is known to judge. policy: of conflicts. rules: what is held. learn_key:
    see PushExecutor."""
    time = Time()
    clock = clock or time.clock
    (folder / "queue").mkdir(exist_ok=True)
    (folder / "there").mkdir(exist_ok=True)
    index = Index.open(folder / "queue/index", ephemeral=True, tables=journal_rows.TABLES)
    far = Index.open(folder / "there/index", ephemeral=True)
    try:
        blobs = Blobs(folder / "queue/blobs", ephemeral=True)
        index.on_freed = blobs.remove
        events, news = Events(), asyncio.Event()
        journal = await Journal.open(index, events, clock.now)
        staging = LocalStore(index, blobs, clock=clock.now, on_change=journal.recorder.record)
        there = LocalStore(far, Blobs(folder / "there/blobs", ephemeral=True), clock=clock.now)
        remote = Remote(over or there)
        remote.gate.set()
        remote.on_call.append(news.set)
        time.on_sleep.append(news.set)
        journal.on_change.append(news.set)
        throttle, gate = PushThrottle(Timetable(), clock), RemoteGate(clock)
        bodies = body_of(index, blobs)

        def new_pusher(journal: Journal, gate: RemoteGate) -> Pusher:
            push = PushExecutor(
                journal,
                remote=remote,
                body_of=bodies,
                throttle=throttle,
                clock=clock,
                condition_support=lambda bucket: judged,
                conflict_policy=lambda bucket, key: policy,
                push_filter=rules,
                learn_key=learn_key,
            )
            return Pusher(journal, push, gate, events, remote=remote, clock=clock)

        pusher = new_pusher(journal, gate)
        staged, client = Client(staging), Client(over or there)
        if over is None:
            for each in (staged, client):
                if await each.code("HeadBucket", Bucket="bbb"):
                    await each("CreateBucket", Bucket="bbb")
        rig = Rig(
            time=time,
            index=index,
            journal=journal,
            pusher=pusher,
            new_pusher=new_pusher,
            remote_gate=gate,
            events=events,
            blobs=blobs,
            throttle=throttle,
            body_of=bodies,
            remote=remote,
            staged=staged,
            there=client,
            news=news,
        )
        try:
            yield rig
        finally:
            await rig.stop()
    finally:
        index.close()
        far.close()
