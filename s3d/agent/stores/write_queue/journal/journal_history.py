"""Tables about writes that are not pending any more, and unresolved pushes in memory.

- completions: answers of CompleteMultipartUpload. A client whose connection broke repeats the
  request, perhaps after the object was pushed, replaced or deleted; the remote does not know an
  upload that was staged here.
  https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
- ETag aliases (table aliases): ETags of the remote for objects whose clients were given another
  ETag. A remote that encrypts with its own keys returns such ETags.
- recent pushes (table landings): the state of keys after recent acknowledged pushes, so that a
  restart does not take an object of ours for another writer's when the next write of its key
  follows within seconds.
- unresolved pushes (table doubts): the request was sent before a crash, or its answer was lost, so
  it may still arrive although nobody waits for it, older than what the remote has by then. Its
  condition rejects it, unless the remote supports no conditions or the key is again in the state
  that the condition names (a deleted object, the same bytes once more). A write that leaves the key
  in such a state is checked again when the request can arrive no longer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from s3d.agent.s3.checksums import member_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_etag, same_state, unquoted
from s3d.agent.s3.messages import Members
from s3d.agent.s3.object_headers import ENCRYPTION
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRecord, Stored, decode_object, encode
from s3d.agent.storage.transaction import Transaction
from s3d.agent.stores.write_queue.journal import journal_rows
from s3d.agent.stores.write_queue.journal.pending_write import (
    NO_OBJECT,
    Base,
    Kind,
    ObjectName,
    PendingWrite,
)
from s3d.agent.stores.write_queue.journal.remote_states import STATE_MAX_AGE

COMPLETION_LIFE = 2 * 86_400.0
"""Seconds for which a response to CompleteMultipartUpload is stored."""
ALIAS_LIFE = 7 * 86_400.0
"""Seconds for which an ETag alias is stored."""
PRUNE_INTERVAL = 4_096
"""Acknowledged pushes between two removals of old rows of landings."""
REQUEST_LIFE = 900.0
"""Seconds after which a request can take effect no longer: S3 rejects a signature that is 15
minutes old, and no connection of s3d waits that long.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html"""

_MUST_ENTER = ("", "queue.enter_completions")
"""Bucket and name of the setting that journal_rows.TABLES makes when it upgrades an index."""

_decode_answer = msgspec.msgpack.Decoder(dict[str, str | bool]).decode
_decode_states = msgspec.msgpack.Decoder(tuple[str, ...]).decode


# Completed uploads


def find_completion(reader: Reader, bucket: str, key: str, upload_id: str) -> Members | None:
    """The answer that completed an upload; None: no such upload was completed recently."""
    query = "SELECT answer FROM completions WHERE bucket = ? AND key = ? AND upload = ?"
    row = reader.select(query, (bucket, key.encode(), upload_id)).fetchone()
    return None if row is None else dict(_decode_answer(row[0]))


def put_completion(tx: Transaction, bucket: str, record: ObjectRecord, now: float) -> None:
    """Record that an upload has created this object, and remove old records."""
    row = (bucket, record.key.encode(), record.upload_id, encode(_answer(bucket, record)), now)
    tx.run("REPLACE INTO completions VALUES (?, ?, ?, ?, ?)", row)
    tx.run("DELETE FROM completions WHERE at < ?", (now - COMPLETION_LIFE,))


def drop_completion(tx: Transaction, bucket: str, stored: Stored | None) -> None:
    """The object was discarded before the remote had it, so its upload created nothing."""
    if stored is not None and stored.record.upload_id:
        place = (bucket, stored.record.key.encode(), stored.record.upload_id)
        tx.run("DELETE FROM completions WHERE bucket = ? AND key = ? AND upload = ?", place)


def must_enter_pending_completions(reader: Reader) -> bool:
    """Whether this index was upgraded from a version that kept no answers."""
    return reader.setting(*_MUST_ENTER) is not None


def enter_pending_completions(tx: Transaction, now: float) -> None:
    """Record uploads that an earlier version has completed and not pushed."""
    query = "SELECT bucket, record FROM queue WHERE kind = 'put' AND record IS NOT NULL"
    for bucket, encoded in tx.select(query, ()).fetchall():
        record = decode_object(encoded)
        if record.upload_id:
            put_completion(tx, bucket, record, now)
    tx.put_setting(*_MUST_ENTER, None)


def _answer(bucket: str, record: ObjectRecord) -> Members:
    answer: Members = {
        "Location": f"/{bucket}/{quote(record.key)}",
        "Bucket": bucket,
        "Key": record.key,
        "ETag": record.etag,
    }
    headers = record.description.headers
    answer |= {name: headers[name] for name in ENCRYPTION if name in headers}
    if record.checksum is not None:
        answer[member_of(record.checksum.algorithm)] = record.checksum.value
        answer["ChecksumType"] = record.checksum.kind
    return answer


# ETag aliases


class EtagAlias(NamedTuple):
    """Two ETags of one object, without quotes."""

    client_etag: str
    """The ETag that the client was given."""
    remote_etag: str


def find_alias(reader: Reader, bucket: str, key: str) -> EtagAlias | None:
    """None when the remote has the ETag that the client was given."""
    query = "SELECT told, etag FROM aliases WHERE bucket = ? AND key = ?"
    row = reader.select(query, (bucket, key.encode())).fetchone()
    return None if row is None else EtagAlias(row[0], row[1])


def put_alias(tx: Transaction, place: ObjectName, alias: EtagAlias, now: float) -> None:
    """Record an alias, and remove old ones."""
    bucket, key = place
    etags = unquoted(alias.client_etag), unquoted(alias.remote_etag)
    tx.run("REPLACE INTO aliases VALUES (?, ?, ?, ?, ?)", (bucket, key.encode(), *etags, now))
    tx.run("DELETE FROM aliases WHERE at < ?", (now - ALIAS_LIFE,))


# Recent pushes


def put_recent_push(tx: Transaction, place: ObjectName, etag: str, now: float) -> None:
    """Record the state of a key after an acknowledged push."""
    bucket, key = place
    tx.run("REPLACE INTO landings VALUES (?, ?, ?, ?)", (bucket, key.encode(), etag, now))


def prune_recent_pushes(tx: Transaction, now: float) -> None:
    """Remove old records, and those of a clock that was ahead."""
    tx.run("DELETE FROM landings WHERE at NOT BETWEEN ? AND ?", (now - STATE_MAX_AGE, now))


def load_recent_pushes(reader: Reader, since: float) -> list[tuple[str, str, str, float]]:
    """(bucket, key, ETag, Unix seconds), oldest first."""
    query = "SELECT bucket, key, etag, at FROM landings WHERE at >= ? ORDER BY at"
    rows = reader.select(query, (since,))
    return [(bucket, key.decode(), etag, at) for bucket, key, etag, at in rows]


# Unresolved pushes


class UnresolvedPush(NamedTuple):
    """A request whose outcome is unknown."""

    until: float
    """Unix seconds; after that it cannot arrive."""
    states: frozenset[str] | None = frozenset((NO_OBJECT,))
    """States of the key in which the remote accepts it; None: any."""
    is_assumed: bool = False
    """It was sent by an agent that was killed, and whether it had a condition is not known yet."""

    def with_state(self, state: str) -> UnresolvedPush:
        """It may have been sent with this state as its condition."""
        states = self.states
        return self if states is None else self._replace(states=states | {unquoted(state)})

    def with_support(self, *, is_conditional: bool) -> UnresolvedPush:
        """It is known now whether the remote supports a condition of such requests."""
        if not self.is_assumed:
            return self
        return UnresolvedPush(self.until, self.states if is_conditional else None)

    def may_replace(self, state: str, *, is_conditional: bool) -> bool:
        """Whether the remote would accept it now that the key is in this state.

        is_conditional: the remote supports the condition of the push.
        """
        return self.states is None or not is_conditional or unquoted(state) in self.states


class UnresolvedOfWrites:
    """The unresolved pushes of pending writes, by seq. The writer thread may read it.

    After a run that was killed, every write that it left is assumed to have one; to note each would
    take 5 MB for 100,000 of them.
    """

    def __init__(self) -> None:
        self._noted: dict[int, UnresolvedPush] = {}
        self._assumed: UnresolvedPush | None = None
        self._last_assumed = 0

    def assume(self, last: int, push: UnresolvedPush) -> None:
        """Each write with a seq up to the last may have this push."""
        self._last_assumed, self._assumed = last, push

    def __setitem__(self, seq: int, push: UnresolvedPush) -> None:
        self._noted[seq] = push

    def get(self, seq: int) -> UnresolvedPush | None:
        return self._noted.get(seq) or (self._assumed if seq <= self._last_assumed else None)

    def forget(self, seq: int) -> None:
        """The write is not pending any more, so nothing asks for it again."""
        self._noted.pop(seq, None)

    def has_any(self, oldest: int | None) -> bool:
        """oldest: the least seq of the pending writes; None: there are none."""
        return bool(self._noted) or (oldest is not None and oldest <= self._last_assumed)


UnresolvedOf = Callable[[int], UnresolvedPush | None]


class UnresolvedPushes:
    """All unresolved pushes. Belongs to the loop; the writer thread reads of_write."""

    def __init__(self) -> None:
        self.of_write = UnresolvedOfWrites()
        self._of_key: dict[ObjectName, dict[str, UnresolvedPush]] = {}
        """By ETag, of writes that are not pending any more or were replaced."""

    def is_unresolved(self, write: PendingWrite) -> bool:
        """Whether an earlier push of this key may have succeeded without an answer."""
        return self.of_write.get(write.seq) is not None or bool(
            self.etags((write.bucket, write.key))
        )

    def mark(self, write: PendingWrite, expected: str | None, until: float) -> UnresolvedPush:
        """A push of a pending write is unresolved. expected: its condition; None: it had none."""
        states = None if expected is None else frozenset((unquoted(expected),))
        known = self.of_write.get(write.seq)
        if known is not None and states is not None:
            states = None if known.states is None else states | known.states
        unresolved = self.of_write[write.seq] = UnresolvedPush(until, states)
        return unresolved

    def forget(self, seq: int) -> None:
        """The write is not pending any more."""
        self.of_write.forget(seq)

    def note_state(self, write: PendingWrite, state: str) -> None:
        """The remote shows this state: an unresolved push of the key may have it as condition."""
        known = self.of_write.get(write.seq)
        if known is not None:
            self.of_write[write.seq] = known.with_state(state)
        place = write.bucket, write.key
        pushes = self._of_key.get(place)
        if pushes and unquoted(state) not in pushes:
            self._of_key[place] = {etag: push.with_state(state) for etag, push in pushes.items()}

    def note_support(self, write: PendingWrite, *, is_conditional: bool) -> None:
        """It is known now whether the remote supports a condition for pushes of this write."""
        known = self.of_write.get(write.seq)
        if known is not None:
            self.of_write[write.seq] = known.with_support(is_conditional=is_conditional)

    def add(self, place: ObjectName, etag: str, push: UnresolvedPush) -> None:
        """etag: what the request would leave; NO_OBJECT for a delete."""
        self._of_key.setdefault(place, {})[unquoted(etag)] = push

    def etags(self, place: ObjectName) -> Collection[str]:
        """States that unresolved pushes may have left, or may leave yet."""
        return self._of_key.get(place, {}).keys()

    def until(self, place: ObjectName, own: str, state: str, *, is_conditional: bool) -> float:
        """Until when a request may replace what a write has left, Unix seconds; 0: none may.

        own: the ETag of the write itself, NO_OBJECT for a delete. A late delete undoes no delete,
        but a late object with the same bytes may have other metadata.
        """
        return max(
            (
                push.until
                for etag, push in self._of_key.get(place, {}).items()
                if not etag == own == NO_OBJECT
                and push.may_replace(state, is_conditional=is_conditional)
            ),
            default=0.0,
        )

    def expire(self, place: ObjectName, now: float) -> bool:
        """Forget the pushes of a key that has no pending write, if none can arrive any longer.

        Returns whether they were forgotten.
        """
        known = self._of_key.get(place)
        if not known or any(push.until > now for push in known.values()):
            return False
        del self._of_key[place]
        return True


def put_unresolved(tx: Transaction, place: ObjectName, etag: str, push: UnresolvedPush) -> None:
    """Keep an unresolved push across a restart."""
    states = None if push.states is None else msgspec.msgpack.encode(sorted(push.states))
    row = (place[0], place[1].encode(), unquoted(etag), push.until, states)
    tx.run("REPLACE INTO doubts VALUES (?, ?, ?, ?, ?)", row)


def drop_unresolved(tx: Transaction, place: ObjectName) -> None:
    """Remove those of a key."""
    tx.run("DELETE FROM doubts WHERE bucket = ? AND key = ?", (place[0], place[1].encode()))


def load_unresolved(
    reader: Reader, now: float, is_pending: Callable[[ObjectName], bool]
) -> list[tuple[ObjectName, str, UnresolvedPush]]:
    """(place, ETag, push) of those that may arrive, or of whose key a write is pending."""
    found = []
    for bucket, key, etag, until, states in reader.select(
        "SELECT bucket, key, etag, until, states FROM doubts", ()
    ):
        place = bucket, key.decode()
        if until > now or is_pending(place):
            known = None if states is None else frozenset(_decode_states(states))
            found.append((place, etag, UnresolvedPush(until, known)))
    return found


def inherit(
    tx: Transaction,
    base: Base,
    head: PendingWrite,
    replaced: Sequence[PendingWrite],
    unresolved: UnresolvedOf,
) -> tuple[Base, list[tuple[str, UnresolvedPush]]]:
    """The base of a write that replaces others, and their pushes that may still arrive.

    A write that followed S3's rules would have replaced any older version, and so does the write
    that replaces it.
    """
    state, is_strict, direct_write_at, inherited = None, False, base.direct_write_at, []
    for each in replaced:
        push = unresolved(each.seq)
        if each is not head and push is None:
            continue
        row = journal_rows.find(tx, each.seq)
        if row is None:
            continue
        if each is head:
            state = row.base.etag if row.base.pushed_etag is None else row.base.pushed_etag
            is_strict = base.is_strict and row.base.is_strict
            direct_write_at = max(direct_write_at, row.base.direct_write_at)
        if push is not None:
            if each.kind is Kind.DELETE or row.upload is not None:
                # Some remotes support a condition for PutObject only.
                push = push.with_support(is_conditional=False)
            if row.base.etag is not None:
                push = push.with_state(row.base.etag)
            inherited.append((row.etag, push))
    return Base(base.accepted, state, None, is_strict, direct_write_at), inherited


def check_replaced(reader: Reader, bucket: str, key: str, expected: str) -> str:
    """The state of the remote that a write of the mount may replace.

    expected: the ETag of the object that its file had, or NO_OBJECT. Raises PreconditionFailed when
    a pending write of the key has another object.
    """
    known = journal_rows.of_key(reader, bucket, key)
    if not known:
        alias = find_alias(reader, bucket, key)
        is_ours = alias is not None and same_etag(alias.client_etag, expected)
        return f'"{alias.remote_etag}"' if alias is not None and is_ours else expected
    newest = journal_rows.find(reader, known[-1].seq)
    if newest is None or not same_state(newest.etag, expected):
        raise S3Error("PreconditionFailed", "A newer write of this object waits to be pushed.")
    return expected
