"""Requests of ours that may still arrive at the remote although nobody waits for their answer.

Such a request left before a crash, or its answer was lost. What it carries may be older than what
the remote has by now. Its condition refuses it, unless the remote judges none, or the key is again
in the state that the condition names: an object that was deleted, the same bytes once more. So a
write that leaves such a state is looked at again when the request can be alive no more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

import msgspec

from s3d.agent.storage.reader import Reader
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.conflict_decision import same_state
from s3d.agent.stores.write_queue.pending import ABSENT

REQUEST_LIFE = 900.0
"""Seconds after which no request of ours can take effect any more: S3 refuses a signature that is
15 minutes old, and no connection of ours waits that long.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html"""

TABLE = """
-- Pushes that may arrive late: the ETag that they leave ('' for a delete), until when, and the
-- states of the key in which the remote would take them (NULL: in any).
CREATE TABLE doubts(bucket TEXT, key BLOB, etag TEXT, until REAL NOT NULL, states BLOB,
    PRIMARY KEY(bucket, key, etag)) WITHOUT ROWID;
"""

Place = tuple[str, str]

_decode_states = msgspec.msgpack.Decoder(tuple[str, ...]).decode


class UnresolvedPush(NamedTuple):
    """One request."""

    until: float
    """Unix seconds; after that it cannot arrive."""
    states: frozenset[str] | None = frozenset((ABSENT,))
    """States of the key in which the remote takes it; None: any."""

    def with_state(self, state: str) -> UnresolvedPush:
        """It may have been sent with this state as its condition."""
        states = self.states
        return self if states is None else self._replace(states=states | {state.strip('"')})

    def may_replace(self, state: str, *, is_judged: bool) -> bool:
        """Whether the remote would take it now that the key is in this state."""
        return self.states is None or not is_judged or state.strip('"') in self.states


class UnresolvedPushes:
    """Of writes that are pending no more, or were replaced. Belongs to the loop."""

    def __init__(self) -> None:
        self._of: dict[Place, dict[str, UnresolvedPush]] = {}

    def add(self, place: Place, etag: str, doubt: UnresolvedPush) -> None:
        """etag: what the request would leave; ABSENT for a delete."""
        self._of.setdefault(place, {})[etag.strip('"')] = doubt

    def etags(self, place: Place) -> Collection[str]:
        """States that requests in doubt may have left, or may leave yet."""
        return self._of.get(place, {}).keys()

    def saw(self, place: Place, state: str) -> None:
        """The remote shows this state: a request in doubt may have it as its condition."""
        known = self._of.get(place)
        if known and state.strip('"') not in known:
            self._of[place] = {etag: doubt.with_state(state) for etag, doubt in known.items()}

    def until(self, place: Place, own: str, state: str, *, is_judged: bool) -> float:
        """Until when a request may replace what a write has left there, Unix seconds; 0: none may.

        own: the ETag of the write itself: a request that brings the same bytes does no harm.
        """
        return max(
            (
                doubt.until
                for etag, doubt in self._of.get(place, {}).items()
                if not same_state(etag, own) and doubt.may_replace(state, is_judged=is_judged)
            ),
            default=0.0,
        )

    def expire(self, place: Place, now: float) -> bool:
        """Nothing is pending for the key: forget it if nothing can arrive; whether it was so."""
        known = self._of.get(place)
        if not known or any(doubt.until > now for doubt in known.values()):
            return False
        del self._of[place]
        return True


def put(tx: Transaction, place: Place, etag: str, doubt: UnresolvedPush) -> None:
    """Keep one across a restart."""
    states = None if doubt.states is None else msgspec.msgpack.encode(sorted(doubt.states))
    row = (place[0], place[1].encode(), etag.strip('"'), doubt.until, states)
    tx.run("REPLACE INTO doubts VALUES (?, ?, ?, ?, ?)", row)


def drop(tx: Transaction, place: Place) -> None:
    """Of a key."""
    tx.run("DELETE FROM doubts WHERE bucket = ? AND key = ?", (place[0], place[1].encode()))


def load(reader: Reader, now: float, is_pending: Callable[[Place], bool]) -> UnresolvedPushes:
    """Those that still matter: they may arrive, or a write of their key is pending."""
    doubts = UnresolvedPushes()
    for bucket, key, etag, until, states in reader.select(
        "SELECT bucket, key, etag, until, states FROM doubts", ()
    ):
        place = bucket, key.decode()
        if until > now or is_pending(place):
            known = None if states is None else frozenset(_decode_states(states))
            doubts.add(place, etag, UnresolvedPush(until, known))
    return doubts
