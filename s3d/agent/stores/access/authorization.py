"""Whether a request may be carried out: what it needs, decided one by one, before its body is read.

1. actions.needs_of() says what the operation needs.
2. _decide() finds the bucket, and the object where an object's own list or tags matter, and asks
   access_decision.decide().
3. A missing object is hidden from callers that may not list the bucket: they get 403, not 404.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from s3d.agent.core.context import internal_request
from s3d.agent.core.owners import Owners
from s3d.agent.s3.access_decision import (
    INITIATOR_ACTIONS,
    POLICY_ACTIONS,
    BucketAccess,
    Decision,
    ObjectAccess,
    decide,
    decide_by_key,
    refusal,
)
from s3d.agent.s3.acl_evaluation import OBJECT_PERMISSIONS, OWN_OBJECT_ACTIONS
from s3d.agent.s3.actions import SHOWN_WITH, Need, action_of, needs_of, source_needs
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.key_scope import scope_allows
from s3d.agent.s3.messages import RequestContext, S3Request
from s3d.agent.s3.named_objects import parse_copy_source
from s3d.agent.s3.principal import Principal
from s3d.agent.storage.bucket_access import canonical_id, object_access, read_bucket_access
from s3d.agent.storage.index import Index
from s3d.agent.storage.reader import Reader
from s3d.agent.storage.records import ObjectRecord, UploadRecord
from s3d.agent.stores.access.condition_keys import ConditionKeys

_TARGET_ACTIONS = OBJECT_PERMISSIONS.keys() | OWN_OBJECT_ACTIONS
"""Actions for which the owner and the list of the object count."""
_TAG_ACTIONS = frozenset({"s3:GetObjectTagging", "s3:GetObjectVersionTagging"})


class Authorization:
    """Decides about requests to one store. Belongs to the event loop."""

    def __init__(
        self, index: Index, owners: Owners, *, clock: Callable[[], float] = time.time
    ) -> None:
        """clock: Unix seconds."""
        self._index = index
        self._owners = owners
        self._clock = clock
        self.bucket = index.per_bucket(read_bucket_access)
        """Name -> what decides about the bucket; None: there is none."""

    def check(self, request: S3Request[Any], caller: Principal) -> None:
        """Raises S3Error AccessDenied unless the caller may make the request, and MethodNotAllowed
        for the policy of another account's bucket."""
        self.check_expected_owner(request)
        needs = needs_of(request.op.name, request.op.scope, request.input)
        for need in needs:
            decision = self.decide(need, request, caller)
            if not decision.allowed:
                self._refuse(need, decision, request, caller)
            if self._is_policy_of_another(need, caller):
                raise S3Error("MethodNotAllowed")
        named = _read_objects(needs)
        if named and all(self._record(need) is None for need in named):
            self._hide_missing(named[0], request, caller)

    def _is_policy_of_another(self, need: Need, caller: Principal) -> bool:
        """Nobody else may use such a policy, whatever a grant says.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
        """
        access = self.bucket(need.bucket) if need.action in POLICY_ACTIONS else None
        return access is not None and access.owner != caller.owner

    def check_deletes(self, request: S3Request[Any], caller: Principal) -> None:
        """Raises S3Error AccessDenied when an anonymous caller can delete nothing in the bucket.

        Without a policy, the list of the bucket decides about all of its keys alike.
        """
        access = self.bucket(request.bucket)
        if not caller.is_anonymous or access is None or access.policy is not None:
            return
        if not self.decide(Need("s3:DeleteObject", request.bucket), request, caller).allowed:
            raise S3Error("AccessDenied")

    def hidden_members(
        self, request: S3Request[Any], caller: Principal, output: Mapping[str, Any]
    ) -> frozenset[str]:
        """The members of the response to a GetObject or HeadObject that the caller may not see."""
        version = str(request.input.get("VersionId") or "")
        hidden = set()
        for member, operation in SHOWN_WITH.items():
            if member in output:
                action = action_of(operation, "object", of_version=bool(version))
                need = Need(action, request.bucket, request.key, version)
                if not self.decide(need, request, caller).allowed:
                    hidden.add(member)
        return frozenset(hidden)

    def explain(self, need: Need, caller: Principal, *, prefix: str = "") -> Decision:
        """What would be decided about a request that needs this and has nothing else.

        prefix: of a listing.
        """
        if need.bucket and self.bucket(need.bucket) is None:
            return Decision(False, "there is no such bucket")
        members = {"Bucket": need.bucket, "Key": need.key}
        if prefix:
            members["Prefix"] = prefix
        operation = "GetObject" if need.key else "ListObjectsV2"
        request = internal_request(RequestContext(principal=caller), operation, members)
        decision = self.decide(need, request, caller)
        if decision.allowed and self._is_policy_of_another(need, caller):
            return Decision(False, "the policy of a bucket is for the account that owns the bucket")
        return decision

    def decide(self, need: Need, request: S3Request[Any], caller: Principal) -> Decision:
        """Whether the caller may do one thing that a request needs."""
        access = self.bucket(need.bucket) if need.bucket else None
        if access is None or request.op.name == "CreateBucket":
            return self._without_bucket(need, request, caller)
        if need.action in _TAG_ACTIONS and request.op.name == "CopyObject" and not self._tags(need):
            return Decision(True, "the source has no tags")
        if need.of_annotations and not self._has_annotations(request):
            return Decision(True, "the source has no annotations")
        decision = decide(
            need,
            caller,
            access,
            self._target(need),
            self._keys(need, request, access.owner),
            initiator=self._initiator(need, request),
        )
        return self._secondary(need, caller, access, decision) if need.is_secondary else decision

    def _secondary(
        self, need: Need, caller: Principal, access: BucketAccess, decision: Decision
    ) -> Decision:
        """What goes along with a main action that is granted: see Need.is_secondary."""
        if decision.allowed or decision.is_explicit or caller.owner == access.owner:
            return decision
        if caller.is_anonymous or scope_allows(caller, need.action, need.bucket, need.key):
            return Decision(True, "it goes along with the main action")
        return decision

    def _without_bucket(self, need: Need, request: S3Request[Any], caller: Principal) -> Decision:
        """A bucket that does not exist, or none: the caller's own key decides alone."""
        if caller.is_anonymous:
            # The answer to an operation on a missing bucket is NoSuchBucket, for everyone.
            is_missing = bool(need.bucket) and request.op.name != "CreateBucket"
            return Decision(is_missing, "the request is not signed")
        return decide_by_key(need, caller, self._keys(need, request, caller.owner))

    def _keys(self, need: Need, request: S3Request[Any], owner_id: str) -> ConditionKeys:
        """owner_id: canonical id of the owner of the bucket."""
        owner = self._owners.find(owner_id)
        return ConditionKeys(
            request,
            now=self._clock(),
            account="" if owner is None else owner.account_id,
            tags=lambda: self._tags(need),
            begun=lambda: self._begun(need, request),
            version_id=need.version_id,
            if_match=need.if_match,
        )

    def _target(self, need: Need) -> ObjectAccess | None:
        """The existing version, where its owner or its list decides."""
        if need.action not in _TARGET_ACTIONS:
            return None
        record = self._record(need)
        return None if record is None else object_access(record)

    def _tags(self, need: Need) -> Mapping[str, str]:
        record = self._record(need) if need.key else None
        return {} if record is None else record.description.tags

    def _has_annotations(self, request: S3Request[Any]) -> bool:
        """Whether the source of a copy has any."""
        record = self._record(source_needs(request.input)[0])
        return record is not None and record.annotations > 0

    def _record(self, need: Need) -> ObjectRecord | None:
        """The version that a need names, if it exists."""

        def look(reader: Reader) -> ObjectRecord | None:
            key = need.key.encode()
            if need.version_id:
                stored = reader.version(need.bucket, key, need.version_id)
            else:
                stored = reader.current(need.bucket, key)
            return None if stored is None else stored.record

        return self._index.read_inline(look)

    def _initiator(self, need: Need, request: S3Request[Any]) -> str:
        upload = self._upload(need, request) if need.action in INITIATOR_ACTIONS else None
        return "" if upload is None else canonical_id(upload.initiator)

    def _begun(self, need: Need, request: S3Request[Any]) -> Mapping[str, Any]:
        """What a part of an upload and its completion do not repeat, but a copied source lacks."""
        upload = self._upload(need, request) if need.action == "s3:PutObject" else None
        return {} if upload is None else upload.condition_members

    def _upload(self, need: Need, request: S3Request[Any]) -> UploadRecord | None:
        upload_id = str(request.input.get("UploadId") or "")
        return self._index.read_inline(
            lambda reader: reader.upload(need.bucket, need.key.encode(), upload_id)
        )

    # ------------------------------------------------------------ refusals

    def _refuse(
        self, need: Need, decision: Decision, request: S3Request[Any], caller: Principal
    ) -> None:
        """Raises AccessDenied, except where the caller may see that there is nothing."""
        access = self.bucket(need.bucket)
        if access is None:
            raise S3Error("AccessDenied")
        is_known = need.action not in OBJECT_PERMISSIONS or self._record(need) is not None
        # A missing object has no grants that could allow it: a caller who may list may know.
        if is_known or decision.is_explicit:
            raise refusal(need, caller, decision, access.owner)
        self._hide_missing(need, request, caller)

    def _hide_missing(self, need: Need, request: S3Request[Any], caller: Principal) -> None:
        """Raises AccessDenied for an object that is not there, unless the caller may list its key,
        as a key that is limited to a prefix may within it.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        if self.bucket(need.bucket) is None or self._record(need) is not None:
            return
        action = "s3:ListBucketVersions" if need.version_id else "s3:ListBucket"
        listing = request.replace(input={"Bucket": need.bucket, "Prefix": need.key})
        if not self.decide(Need(action, need.bucket), listing, caller).allowed:
            raise S3Error("AccessDenied")

    def check_expected_owner(self, request: S3Request[Any]) -> None:
        """Raises AccessDenied when the bucket, or that of a copy's source, has another owner than
        the request expects.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
        """
        input = request.input
        expected = {request.bucket: input.get("ExpectedBucketOwner")}
        if input.get("ExpectedSourceBucketOwner"):
            source = parse_copy_source(input["CopySource"])[0]
            expected[source] = input["ExpectedSourceBucketOwner"]
        for bucket, account in expected.items():
            access = self.bucket(bucket) if account is not None else None
            if access is not None:
                owner = self._owners.find(access.owner)
                if owner is None or owner.account_id != account:
                    raise S3Error("AccessDenied")


def _read_objects(needs: list[Need]) -> list[Need]:
    """Those of the needs whose objects must exist, or one of them, or the operation answers 404:
    the object itself, or the source of a copy or of a rename."""
    main = needs[0] if needs else Need("")
    if main.action not in _MAKING:
        return [main] if main.key else []
    reads = ("s3:GetObject", "s3:GetObjectVersion")
    return [need for need in needs if need.action in reads and not need.is_secondary]


_MAKING = frozenset(
    {
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
        "s3:RenameObject",
    }
)
"""Main actions on objects that need not exist."""
