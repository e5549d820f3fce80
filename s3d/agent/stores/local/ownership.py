"""Who owns what is written, and which access control list it gets.

The owner of an object is the account that has written it, unless Object Ownership gives it to the
owner of the bucket.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from s3d.agent.core.owners import Owners
from s3d.agent.s3.access_decision import ENFORCED, PREFERRED
from s3d.agent.s3.acl import ACL_MEMBERS, any_user, is_full_control_of, requested
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members, RequestContext, S3Request
from s3d.agent.s3.public_access import is_public_acl
from s3d.agent.storage.bucket_access import block_of, canonical_id, ownership_of
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import BucketRecord, ObjectRecord, ObjectRow, UploadRecord
from s3d.agent.storage.transaction import Transaction
from s3d.shared.access_key import DEFAULT_OWNER, owner_named

DEFAULT_ID = owner_named(DEFAULT_OWNER).canonical_id


class Owned(NamedTuple):
    """The owner of a new object, as records have it, and its list; None: private."""

    owner: str
    acl: Members | None


class Ownership:
    """The rules of ownership of one store."""

    def __init__(self, owners: Owners | None) -> None:
        """owners: the accounts that exist; None: of one owner, the default one, as the staging area
        of a remote's writes, where the remote knows which grantees exist."""
        self._owners = owners
        self._find_user = any_user if owners is None else owners.grantee

    def writer(self, context: RequestContext) -> str:
        """The account that makes a request, as records have it: "" is the default owner."""
        if self._owners is None or context.principal is None:
            return ""
        owner = context.principal.owner
        return "" if owner == DEFAULT_ID else owner

    def members(self, recorded: str) -> Members:
        """The Owner element of an owner as records have it."""
        id = canonical_id(recorded)
        if self._owners is None:
            return dict(owner_named(DEFAULT_OWNER).members) if id == DEFAULT_ID else {"ID": id}
        return dict(self._owners.members(id))

    def of_rows(self, bucket: BucketRecord) -> Callable[[ObjectRow], Members]:
        """Row of a listing -> its Owner element. A row without an owner, which is not a whole
        record, belongs to the owner of the bucket; so do delete markers."""
        own = self.members(bucket.owner)
        if not bucket.has_other_owners:
            return lambda row: own
        known = {bucket.owner: own}

        def owner_of(row: ObjectRow) -> Members:
            if not isinstance(row, ObjectRecord) or row.delete_marker:
                return own
            if row.owner not in known:
                known[row.owner] = self.members(row.owner)
            return known[row.owner]

        return owner_of

    def of_new_object(
        self, reader: Reader, bucket: BucketRecord, request: S3Request[Members]
    ) -> Owned:
        """The owner and list of an object that a request makes.

        Raises S3Error as acl.requested does, AccessControlListNotSupported, and AccessDenied for a
        public list that Block Public Access refuses.
        """
        writer = self.writer(request.context)
        if writer == bucket.owner and ACL_MEMBERS.isdisjoint(request.input):
            return Owned(writer, None)
        ownership = ownership_of(reader.settings(bucket.name))
        owner = bucket.owner if ownership == ENFORCED else writer
        acl = self.acl_of_object(reader, bucket, owner, request.input)
        if ownership == ENFORCED:
            return Owned(owner, None)
        if ownership == PREFERRED and acl is not None and _gives_to_bucket_owner(bucket, acl):
            return Owned(bucket.owner, None)
        return Owned(writer, acl)

    def owned(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        request: S3Request[Members],
        record: ObjectRecord,
    ) -> ObjectRecord:
        """The record with the owner and list that of_new_object gives; raises as it does."""
        owner, acl = self.of_new_object(tx, bucket, request)
        note_owner(tx, bucket, owner)
        if not owner and acl is None:
            return record
        return replace(record, owner=owner, description=replace(record.description, acl=acl))

    def owned_upload(
        self,
        tx: Transaction,
        bucket: BucketRecord,
        request: S3Request[Members],
        upload: UploadRecord,
    ) -> UploadRecord:
        """The record of an upload, with the owner and list that its object will have."""
        owner, acl = self.of_new_object(tx, bucket, request)
        initiator = self.writer(request.context)
        note_owner(tx, bucket, owner)
        description = replace(upload.description, acl=acl)
        return replace(upload, owner=owner, initiator=initiator, description=description)

    def acl_of_object(
        self, reader: Reader, bucket: BucketRecord, owner: str, input: Mapping[str, Any]
    ) -> Members | None:
        """The list that a request sets on an object of this owner, as records have it."""
        acl = requested(
            input,
            self.members(owner),
            bucket_owner=self.members(bucket.owner),
            find_user=self._find_user,
        )
        return self._admitted(reader, bucket, acl)

    def acl_of_bucket(
        self, reader: Reader, bucket: BucketRecord, input: Mapping[str, Any]
    ) -> Members | None:
        """The list that PutBucketAcl sets."""
        acl = requested(input, self.members(bucket.owner), find_user=self._find_user)
        return self._admitted(reader, bucket, acl)

    def acl_of_new_bucket(self, owner: str, input: Mapping[str, Any]) -> Members | None:
        """The list that CreateBucket sets."""
        return requested(input, self.members(owner), find_user=self._find_user)

    def _admitted(
        self, reader: Reader, bucket: BucketRecord, acl: Members | None
    ) -> Members | None:
        if acl is None:
            return None
        settings = reader.settings(bucket.name)
        if ownership_of(settings) == ENFORCED and not is_full_control_of(
            acl, canonical_id(bucket.owner)
        ):
            raise S3Error("AccessControlListNotSupported", "The bucket does not allow ACLs")
        if block_of(settings).block_public_acls and is_public_acl(acl):
            raise S3Error("AccessDenied")
        return acl


def shows_owners(reader: Reader, bucket: BucketRecord) -> bool:
    """Whether a listing has to read who owns each object: not where the bucket's owner owns all."""
    if not bucket.has_other_owners:
        return False
    return ownership_of(reader.settings(bucket.name)) != ENFORCED


def note_owner(tx: Transaction, bucket: BucketRecord, owner: str) -> None:
    """Note in the bucket's record that it has objects or uploads of another account."""
    if owner != bucket.owner and not bucket.has_other_owners:
        tx.put_bucket(replace(bucket, has_other_owners=True))


def _gives_to_bucket_owner(bucket: BucketRecord, acl: Members) -> bool:
    id = canonical_id(bucket.owner)
    return any(
        grant["Permission"] == "FULL_CONTROL" and grant["Grantee"].get("ID") == id
        for grant in acl["Grants"]
    )
