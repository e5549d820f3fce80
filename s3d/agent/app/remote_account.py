"""Whether the access key in use is of the account whose state the agent has open.

The queue's writes were accepted for one account. A key that is listed in the identity files is of
that account. Any other key has to be confirmed: ListBuckets names the same owner, or the user does
(s3d queue adopt). Until then pending writes are held. When the key turns out to be of another
account, the event `changed` ends the session, and the next one opens the state of that account.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from s3d.agent.app.remote_folders import RemoteFolder, claim, write_identity
from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.core.store import Answer, Layer, ObjectStore
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request, S3Response
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.identity import (
    Certainty,
    RemoteIdentity,
    TakeOver,
    confirmed,
    match,
    new_identity,
)
from s3d.agent.stores.remote.static_credentials import RemoteKey
from s3d.agent.stores.write_queue.journal.journal import Journal
from s3d.agent.stores.write_queue.push.remote_gate import AccountUnknown

logger = logging.getLogger(__name__)

LOOK = 5.0
"""Seconds between two checks whether the remote has answered, in case answered() was not called."""
SETTLE = 1.0
"""Seconds to wait after the first response before the request for the owner."""
PAUSE = 60.0
"""Seconds before the next request for the owner after a failure."""

AskOwner = Callable[[RemoteKey], Awaitable[str]]
"""Owner id of a key; "" when the remote refuses it. Raises S3Error when the remote is
unreachable."""


class PendingBefore:
    """The writes that were pending when the agent started."""

    def __init__(self) -> None:
        self.after = 0
        """Sequence number of the newest of them."""
        self._journal: Journal | None = None

    def note(self, journal: Journal) -> None:
        """Note the pending writes. Called before the first write is accepted."""
        self._journal = journal
        self.after = max((write.seq for write in journal.pending), default=0)

    @property
    def is_left(self) -> bool:
        """Whether any of those writes is still pending."""
        if self._journal is None:
            return False
        return any(write.seq <= self.after for write in self._journal.pending)


class RemoteAccount:
    """Confirms that the access key in use belongs to the account of the open state.

    Belongs to the loop. run() has to run as long as the gateway is open.
    """

    def __init__(
        self, ask: AskOwner, keys: CredentialProvider, url: str, *, is_confirmed: bool
    ) -> None:
        self.is_confirmed = is_confirmed
        """Whether pending writes may be pushed."""
        self.trouble = ""
        """Why they are held, for the status."""
        self.changed = asyncio.Event()
        """Set when the state of another account has to be opened instead of this one."""
        self.before = PendingBefore()
        self.on_answer: Callable[[int], None] = lambda status: None
        """Called with the status of each answer of the remote, once the key is confirmed."""
        self._answered = asyncio.Event()
        self._ask = ask
        self._keys = keys
        self._url = url
        self._folders: list[RemoteFolder] = []
        self._state_base = Path()
        self._lock = asyncio.Lock()
        keys.admit = self.admit
        keys.on_key = self._on_key
        if not is_confirmed:
            self.trouble = "the remote has not returned the account of the access key yet"

    def opened(self, folder: RemoteFolder) -> None:
        """Record a folder of this remote that is in use."""
        self._folders.append(folder)

    def state_is_in(self, base: Path) -> None:
        """Set the folder that gets the identity of another account for the next session."""
        self._state_base = base

    @property
    def needs_owner(self) -> bool:
        return any(not folder.identity.owner for folder in self._folders)

    async def confirm(self) -> None:
        """Return when pending writes may be pushed. Raises S3Error while they are held."""
        async with self._lock:
            if self.is_confirmed:
                return
            if self.changed.is_set():
                raise self._held()
            key = await self._current_key()
            if await self._is_same(key):
                return
            raise self._held()

    async def admit(self, key: RemoteKey) -> bool:
        """Whether a key that replaces the current one in the credential chain may be used.

        If not, the state of its account is opened as at a start, unless the remote is unreachable.
        """
        try:
            if await self._is_same(key):
                return True
        except S3Error as error:
            logger.warning("cannot switch to another access key yet: %s", error.message)
            return False
        self.changed.set()
        return False

    async def adopt(self) -> None:
        """Accept the key as one of this account, as the user states. Raises S3Error without a
        key."""
        async with self._lock:
            await self._accept((await self._current_key()).access_key)

    async def separate(self) -> None:
        """Open the state of another account, because the user says that the key is not of this one.

        Raises S3Error without a key."""
        async with self._lock:
            await self._change((await self._current_key()).access_key, "")

    async def run(self, has_answered: Callable[[], bool]) -> None:
        """Learn the owner and confirm the key as soon as the remote answers; then return."""
        while self.needs_owner or not self.is_confirmed:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._answered.wait()
                    await asyncio.sleep(SETTLE)
            self._answered.clear()
            if not has_answered():
                continue
            try:
                if await self._learn():
                    return
            except S3Error as error:
                logger.info("the owner of the access key is not known yet: %s", error.message)
            await asyncio.sleep(PAUSE)

    def answered(self, status: int) -> None:
        """The remote has answered with this status; only called until run() has ended.

        A success shows that it accepts the key: ask for the owner now, while it can be reached.
        """
        if status < 400:
            self._answered.set()
        if self.is_confirmed:
            self.on_answer(status)

    async def _learn(self) -> bool:
        """Whether nothing is left to learn. A remote that hides the owner gets one request for
        each start."""
        async with self._lock:
            key = await self._current_key()
            if not await self._is_same(key):
                return False
            if self.needs_owner:
                await self._accept(key.access_key, await self._ask(key))
            return True

    async def _is_same(self, key: RemoteKey) -> bool:
        """Whether a key is of this account. Raises S3Error when the remote cannot be asked."""
        if self._certainty(key.access_key) is Certainty.SAME:
            await self._accept(key.access_key)
            return True
        owner = await self._ask(key)
        certainty = self._certainty(key.access_key, owner)
        if certainty is Certainty.SAME:
            await self._accept(key.access_key, owner)
            return True
        if certainty is Certainty.NEW or not self.before.is_left:
            await self._change(key.access_key, owner)
        elif not self.is_confirmed:
            self._hold(owner)
        return False

    def _certainty(self, key: str, owner: str = "") -> Certainty:
        found = {
            match([identity], identity.endpoint, key, owner).certainty
            for _, identity in self._folders
        }
        for certainty in (Certainty.NEW, Certainty.OPEN):
            if certainty in found:
                return certainty
        return Certainty.SAME

    async def _current_key(self) -> RemoteKey:
        try:
            return await self._keys.key()
        except Unreachable as cause:
            raise self._error(f"no credentials: {cause.detail}") from cause

    async def _accept(self, key: str, owner: str = "") -> None:
        for number, (path, old) in enumerate(self._folders):
            identity = confirmed(old, key, owner)
            if identity != old:
                self._folders[number] = RemoteFolder(path, identity)
                await asyncio.to_thread(_note, path, identity)
        if not self.is_confirmed:
            logger.info("the access key is of the account that pending writes wait for")
        self.is_confirmed, self.trouble = True, ""

    async def _on_key(self, before: RemoteKey | None, key: RemoteKey) -> None:
        """Record the first key, and temporary keys that replace one another."""
        is_ours = self._certainty(key.access_key) is Certainty.SAME
        if self.is_confirmed and (is_ours or before is not None):
            await self._accept(key.access_key)

    def _hold(self, owner: str) -> None:
        question = "whether the access key is of the account that they were written for"
        trouble = f"the remote does not say {question}"
        if owner:
            trouble = f"the account of the earlier key is not known, nor {question}"
        if trouble != self.trouble:
            logger.warning("pending writes are held: %s; confirm it with: s3d queue adopt", trouble)
        self.trouble = trouble

    async def _change(self, key: str, owner: str) -> None:
        """Have the next session open the state of another account, which takes over the writes that
        were accepted in this session."""
        identity = new_identity(self._url, key, owner, time.time())
        if not self.is_confirmed and self._folders:
            source = self._folders[0].identity.id
            identity = msgspec.structs.replace(
                identity, take_over=TakeOver(source, self.before.after)
            )
        await asyncio.to_thread(claim, self._state_base, identity)
        self.trouble = "the access key is of another account"
        logger.warning("%s: its own queue and cache are opened", self.trouble)
        self.changed.set()

    def _held(self) -> S3Error:
        remedy = "" if self.changed.is_set() else ": s3d queue adopt"
        return self._error(self.trouble + remedy, AccountUnknown)

    def _error(self, detail: str, kind: type[Unreachable] = Unreachable) -> S3Error:
        cause = kind(Reason.CREDENTIALS, detail, sent=False)
        error = S3Error("ServiceUnavailable", f"Pending writes are held: {detail}")
        error.failure = cause
        return error


class HeldUntilConfirmed(Layer):
    """Holds pushes until the access key is known to be of the account that accepted them."""

    def __init__(self, inner: ObjectStore, account: RemoteAccount) -> None:
        super().__init__(inner)
        self._account = account

    def fallback(self, request: S3Request[Any]) -> Answer:
        if self._account.is_confirmed:
            return self.inner.call(request)
        return self._confirmed(request)

    async def _confirmed(self, request: S3Request[Any]) -> S3Response[Any]:
        try:
            await self._account.confirm()
        except BaseException:
            if request.body is not None:
                await request.body.aclose()
            raise
        return await self.inner.call(request)


def _note(folder: Path, identity: RemoteIdentity) -> None:
    """Write an identity. A failure is logged: the identity is then known for this run only."""
    try:
        write_identity(folder, identity)
    except OSError as error:
        logger.warning("cannot save the account of the remote: %s path=%s", error, folder)
