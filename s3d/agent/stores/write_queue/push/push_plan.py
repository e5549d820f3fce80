"""What a push sends, on which condition, and whether it may replace what the remote has. Pure.

A write is older than the remote's object when that object was modified after the write was
accepted. An older write never replaces a newer object unless the conflict policy says so.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from s3d.agent.core.failures import FailureClass, classify
from s3d.agent.s3.acl import CANNED, GRANT_MEMBERS, OWNER, requested
from s3d.agent.s3.checksums import member_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import same_state, unquoted
from s3d.agent.s3.messages import Members
from s3d.agent.s3.object_headers import NOT_COPIED
from s3d.agent.storage.records import STANDARD, Layout, ObjectRecord, PartSize, Stored, cut
from s3d.agent.stores.write_queue.journal.pending_write import NO_OBJECT, Base, CopySource, Kind
from s3d.shared.config.values import ConflictPolicy

_FULL = "FULL_OBJECT"

CLOCK_TOLERANCE = 2.0
"""A write replaces an object that was modified at least so many seconds before s3d accepted the
write. Last-Modified, and the Date header that gives the clock offset, have whole seconds."""
SPLIT_ABOVE = 1 << 30
"""Bytes of a single put up to which it is pushed whole."""
SMALL = 256 * 1024
"""Bytes up to which a push to an unknown key tries If-None-Match at once; a larger body is worth a
HeadObject first."""


@dataclass(frozen=True, slots=True)
class Put:
    """The whole object in one PutObject."""

    members: Members
    md5: bytes
    """The MD5 of its bytes."""
    layout: Layout


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a Multipart."""

    number: int
    size: int
    layout: Layout
    checksum: Members
    """The member with its checksum, if the client sent one."""


@dataclass(frozen=True, slots=True)
class Multipart:
    """The object in the parts in which it was uploaded, so that it gets the same ETag."""

    create: Members
    parts: tuple[Part, ...]
    etag: str
    """Of the whole object."""
    complete: Members
    """Without the list of parts."""

    @property
    def fingerprint(self) -> str:
        """A hash of the members of CreateMultipartUpload."""
        return hashlib.sha256(repr(sorted(self.create.items())).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SimpleCall:
    """One operation without a payload."""

    operation: str
    members: Members


Plan = Put | Multipart | SimpleCall


def is_pushed_in_parts(kind: str, stored: Stored) -> bool:
    """Whether a write is a single put that is cut, so that an interrupted push does not start
    over."""
    return kind == "put" and stored.record.size > SPLIT_ABOVE and not stored.layout.parts


def plan(
    kind: str, bucket: str, key: str, stored: Stored | None, source: CopySource | None = None
) -> Plan:
    """The plan of a write; stored: the object after it, unless it is a delete. source: of a copy.

    Raises ValueError for a put that has neither the MD5 of its bytes nor parts.
    """
    place = {"Bucket": bucket, "Key": key}
    if kind == "delete":
        return SimpleCall("DeleteObject", place)
    if stored is None:
        raise ValueError(f"a {kind} without an object")
    if kind == "tags":
        return _tags(place, stored.record.description.tags)
    if source is not None:
        return _copy(place, stored.record, source)
    return _multipart(place, stored) if stored.layout.parts else _put(place, stored)


def conditional(plan: Plan, expected: str | None) -> Plan:
    """The plan on the condition that the key is in this state: an ETag, or NO_OBJECT.

    None: without a condition. A multipart upload carries the condition in its completion. S3 has no
    condition for the deletion of an absent key, and none for tags.
    """
    if expected is None or (isinstance(plan, SimpleCall) and plan.operation != "DeleteObject"):
        return plan
    if isinstance(plan, SimpleCall) and expected == NO_OBJECT:
        return plan
    condition = {"IfNoneMatch": "*"} if expected == NO_OBJECT else {"IfMatch": expected}
    if isinstance(plan, Put):
        return Put(plan.members | condition, plan.md5, plan.layout)
    if isinstance(plan, Multipart):
        return replace(plan, complete=plan.complete | condition)
    return replace(plan, members=plan.members | condition)


class RemoteState(NamedTuple):
    """What HeadObject shows of a key."""

    etag: str
    """NO_OBJECT when there is no object."""
    modified: float = 0.0
    """Unix seconds of the remote's clock."""


def state_of(head: Members) -> RemoteState:
    """The state in an answer of HeadObject; an empty answer stands for an absent key."""
    if not head:
        return RemoteState(NO_OBJECT)
    modified = head.get("LastModified")
    return RemoteState(str(head.get("ETag", "")), modified.timestamp() if modified else 1e12)


class FirstStep(NamedTuple):
    """How a push begins."""

    look: bool
    """Send HeadObject first."""
    expected: str | None = None
    """The state of the key that becomes the condition of the push; None: no condition."""


def first_step(
    kind: Kind, base: str | None, hint: str | None, *, is_conditional: bool, is_small: bool
) -> FirstStep:
    """The cheapest first step that cannot replace a newer version.

    base: the state that this write replaces, if known. hint: the state that the remote showed last.
    is_conditional: the remote supports the condition of this kind of write.
    """
    if not is_conditional:
        return FirstStep(look=True)
    expected = hint if base is None else base
    if kind is Kind.DELETE:
        # S3 has no condition "the key must be absent" for a deletion.
        return FirstStep(look=not expected, expected=expected or None)
    if expected is not None:
        return FirstStep(look=False, expected=expected)
    # Most keys are new: one request instead of two. For an existing key the answer is 412, and
    # HeadObject follows.
    return FirstStep(look=False, expected=NO_OBJECT) if is_small else FirstStep(look=True)


class Comparison(Enum):
    """How a write relates to the state of the remote."""

    PUSH = auto()
    """The write is newer, or follows a write of ours."""
    DONE = auto()
    """The remote already is as the write would leave it."""
    CONFLICT = auto()
    """The remote has a newer version of another writer."""


class Resolution(Enum):
    """What happens to a write after the conflict policy was applied."""

    PUSH = auto()
    DONE = auto()
    PARK = auto()
    DROP = auto()
    KEEP_BOTH = auto()
    """The write becomes a conflict copy beside the remote's version."""


def compare(
    base: Base,
    remote: RemoteState,
    ours: Collection[str],
    *,
    is_delete: bool,
    offset: float,
    direct_write_at: float = 0.0,
) -> Comparison:
    """Compare a write with the state of the remote.

    ours: states that earlier pushes of ours may have left. offset: seconds that the remote's clock
    is ahead of ours. direct_write_at: when a write of this key that s3d forwarded to the remote
    itself was answered (Unix seconds of our clock); 0: there was none.
    """
    if is_delete and remote.etag == NO_OBJECT:
        return Comparison.DONE
    if base.etag is not None and same_state(base.etag, remote.etag):
        return Comparison.PUSH
    if any(same_state(each, remote.etag) for each in ours):
        return Comparison.PUSH
    if base.is_strict and base.etag is not None:
        # An edit wins over a deletion, as in a sync folder.
        return Comparison.PUSH if remote.etag == NO_OBJECT else Comparison.CONFLICT
    if remote.etag == NO_OBJECT:
        # A deletion has no date. It counts as newer when the object existed before, unless a
        # forwarded write of ours may have left the absence since.
        is_newer = base.etag is not None and direct_write_at < base.accepted
        return Comparison.CONFLICT if is_newer else Comparison.PUSH
    is_older = remote.modified + CLOCK_TOLERANCE <= base.accepted + offset
    is_direct_write = (
        direct_write_at > 0 and remote.modified <= direct_write_at + offset + CLOCK_TOLERANCE
    )
    return Comparison.PUSH if is_older or is_direct_write else Comparison.CONFLICT


def resolve(
    comparison: Comparison, policy: ConflictPolicy, *, is_strict: bool = False
) -> Resolution:
    """Apply the conflict policy, which decides about conflicts only. is_strict: see Base."""
    if comparison is Comparison.CONFLICT:
        return Resolution.KEEP_BOTH if is_strict else _RESOLUTIONS[policy]
    return Resolution.PUSH if comparison is Comparison.PUSH else Resolution.DONE


_RESOLUTIONS = {
    ConflictPolicy.PARK: Resolution.PARK,
    ConflictPolicy.OURS: Resolution.PUSH,
    ConflictPolicy.THEIRS: Resolution.DROP,
}


def is_about_condition(error: S3Error, todo: Plan, condition: str) -> bool:
    """Whether a conditional push may succeed after HeadObject.

    If-Match on a key without an object is 404 at AWS and 412 elsewhere, and it needs the permission
    to read, which If-None-Match does not. A completion that lost against a concurrent write (409)
    has lost its upload, so it starts over.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    if error.status == 404:
        return error.code == "NoSuchKey"
    if error.status == 409:
        is_race = error.code in ("ConditionalRequestConflict", "OperationAborted")
        return is_race and not isinstance(todo, Multipart)
    is_denied = classify(error) is FailureClass.DENIED and condition != NO_OBJECT
    return error.status in (412, 501) or is_denied


def _put(place: Members, stored: Stored) -> Put:
    record, layout = stored
    md5 = bytes.fromhex(unquoted(record.etag))
    members = place | description_members(record)
    members["ContentLength"] = record.size
    members["ContentMD5"] = base64.b64encode(md5).decode()
    checksum = record.checksum
    if checksum is not None and checksum.kind == _FULL:
        members[member_of(checksum.algorithm)] = checksum.value
    return Put(members, md5, layout)


def _copy(place: Members, record: ObjectRecord, source: CopySource) -> SimpleCall:
    """A copy keeps headers, metadata and tags of its source, but not the storage class."""
    about = description_members(record)
    tags, storage_class = about.pop("Tagging", ""), about.pop("StorageClass", None)
    members = {**place, "CopySource": f"{place['Bucket']}/{quote(source.key)}"}
    members["CopySourceIfMatch"] = source.etag
    members |= {name: about[name] for name in NOT_COPIED if name in about}
    if source.replaces_metadata:
        members |= {**about, "MetadataDirective": "REPLACE"}
    if source.replaces_tags:
        members |= {"Tagging": tags, "TaggingDirective": "REPLACE"}
    if storage_class is not None:
        members["StorageClass"] = storage_class
    return SimpleCall("CopyObject", members)


def _multipart(place: Members, stored: Stored) -> Multipart:
    record, layout = stored
    create = place | description_members(record)
    complete, checksum = place.copy(), record.checksum
    if checksum is not None:
        create["ChecksumAlgorithm"], create["ChecksumType"] = checksum.algorithm, checksum.kind
        complete["ChecksumType"] = checksum.kind
        if checksum.kind == _FULL:
            complete[member_of(checksum.algorithm)] = checksum.value
    parts, start = [], 0
    for size in layout.parts:
        extents = Layout(cut(layout.extents, start, size.size), layout.inline)
        parts.append(Part(size.number, size.size, extents, _part_checksum(record, size)))
        start += size.size
    return Multipart(create, tuple(parts), record.etag, complete)


def _part_checksum(record: ObjectRecord, part: PartSize) -> Members:
    if record.checksum is None or not part.checksum:
        return {}
    return {member_of(record.checksum.algorithm): part.checksum}


def _tags(place: Members, tags: dict[str, str]) -> SimpleCall:
    if not tags:
        return SimpleCall("DeleteObjectTagging", place)
    tag_set = [{"Key": name, "Value": value} for name, value in tags.items()]
    return SimpleCall("PutObjectTagging", {**place, "Tagging": {"TagSet": tag_set}})


def description_members(record: ObjectRecord) -> Members:
    """The object's headers, metadata, tags, ACL and storage class, as members of a write."""
    about = record.description
    members: Members = {**about.headers, **_acl(about.acl)}
    if about.metadata:
        members["Metadata"] = about.metadata
    if about.tags:
        members["Tagging"] = urlencode(about.tags)
    if record.storage_class != STANDARD:
        members["StorageClass"] = record.storage_class
    return members


def _acl(acl: dict[str, Any] | None) -> Members:
    """A canned ACL, else grants without the owner's own: the remote knows who the owner is."""
    if acl is None:
        return {}
    canned = next((name for name in CANNED if requested({"ACL": name}, OWNER) == acl), None)
    if canned is not None:
        return {} if canned == "private" else {"ACL": canned}
    given: dict[str, list[str]] = {}
    for grant in acl["Grants"]:
        grantee = grant["Grantee"]
        if grantee.get("ID") != OWNER["ID"]:
            kind = "uri" if grantee["Type"] == "Group" else "id"
            named = f'{kind}="{grantee["URI" if kind == "uri" else "ID"]}"'
            given.setdefault(_GRANT_MEMBER[grant["Permission"]], []).append(named)
    return {member: ", ".join(grantees) for member, grantees in given.items()}


_GRANT_MEMBER = {permission: member for member, permission in GRANT_MEMBERS.items()}
