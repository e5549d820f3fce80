"""What a pending write asks of the remote: operations and their members. Pure."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from s3d.agent.s3.acl import CANNED, GRANT_MEMBERS, OWNER, requested
from s3d.agent.s3.checksums import member_of
from s3d.agent.s3.messages import Members
from s3d.agent.storage.records import STANDARD, Layout, ObjectRecord, PartSize, Stored, cut
from s3d.agent.stores.write_queue.pending import ABSENT

_FULL = "FULL_OBJECT"


@dataclass(frozen=True, slots=True)
class Put:
    """The whole object in one PutObject."""

    members: Members
    md5: bytes
    """What its bytes must hash to."""
    layout: Layout


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a Multipart."""

    number: int
    size: int
    layout: Layout
    checksum: Members
    """The member with its checksum, if it came with one."""


@dataclass(frozen=True, slots=True)
class Multipart:
    """The object in the same parts in which it came, so that it gets the same ETag."""

    create: Members
    parts: tuple[Part, ...]
    etag: str
    """Of the whole: what the parts' bytes must hash to."""
    complete: Members
    """Without the list of parts."""

    @property
    def made_as(self) -> str:
        """Stands for all that CreateMultipartUpload says."""
        return hashlib.sha256(repr(sorted(self.create.items())).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SimpleCall:
    """One operation without a payload."""

    operation: str
    members: Members


Plan = Put | Multipart | SimpleCall


def conditional(todo: Plan, expected: str | None) -> Plan:
    """The plan on the condition that the key is in this state: an ETag, or ABSENT.

    None: without a condition. A multipart upload is judged when it is completed. No condition says
    that a key must be absent for its deletion, nor anything of tags.
    """
    if expected is None or (isinstance(todo, SimpleCall) and (todo.operation != "DeleteObject")):
        return todo
    if isinstance(todo, SimpleCall) and expected == ABSENT:
        return todo
    condition = {"IfNoneMatch": "*"} if expected == ABSENT else {"IfMatch": expected}
    if isinstance(todo, Put):
        return Put(todo.members | condition, todo.md5, todo.layout)
    if isinstance(todo, Multipart):
        return replace(todo, complete=todo.complete | condition)
    return replace(todo, members=todo.members | condition)


def plan(kind: str, bucket: str, key: str, stored: Stored | None) -> Plan:
    """The plan of a put, a delete or a tags; stored: what a put or a tags is about.

    Raises ValueError for a put that says neither what its bytes hash to nor what its parts are.
    """
    place = {"Bucket": bucket, "Key": key}
    if kind == "delete":
        return SimpleCall("DeleteObject", place)
    if stored is None:
        raise ValueError(f"a {kind} without an object")
    if kind == "tags":
        return _tags(place, stored.record.about.tags)
    return _multipart(place, stored) if stored.layout.parts else _put(place, stored)


def _put(place: Members, stored: Stored) -> Put:
    record, layout = stored
    md5 = bytes.fromhex(record.etag.strip('"'))
    members = place | said(record)
    members["ContentLength"] = record.size
    members["ContentMD5"] = base64.b64encode(md5).decode()
    checksum = record.checksum
    if checksum is not None and checksum.kind == _FULL:
        members[member_of(checksum.algorithm)] = checksum.value
    return Put(members, md5, layout)


def _multipart(place: Members, stored: Stored) -> Multipart:
    record, layout = stored
    create, complete, checksum = place | said(record), place.copy(), record.checksum
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


def said(record: ObjectRecord) -> Members:
    """What the writer said of the object, as members of PutObject or CreateMultipartUpload."""
    about = record.about
    members: Members = {**about.headers, **_acl(about.acl)}
    if about.metadata:
        members["Metadata"] = about.metadata
    if about.tags:
        members["Tagging"] = urlencode(about.tags)
    if record.storage_class != STANDARD:
        members["StorageClass"] = record.storage_class
    return members


def _acl(acl: dict[str, Any] | None) -> Members:
    """A canned ACL, else grants; the owner's own are left out: who that is, the remote knows."""
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
