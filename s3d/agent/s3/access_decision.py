"""Whether a caller may carry out an action, and why. Pure.

The order of AWS: an explicit deny wins. The account that owns the bucket (or, for what an object's
own list protects, the object) has every right, and its keys have what their scope includes; a
policy or a list can give a key more. A caller of another account needs both: the scope of its own
key, and a grant by the owner's policy or list.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-auth-workflow-bucket-operation.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-auth-workflow-object-operation.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from s3d.agent.s3.acl_evaluation import (
    BUCKET_PERMISSIONS,
    OBJECT_PERMISSIONS,
    OWN_OBJECT_ACTIONS,
    Acl,
    find_grant,
)
from s3d.agent.s3.actions import Need
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.key_scope import LISTINGS, scope_allows
from s3d.agent.s3.policy_document import DENY, Policy, parse_policy
from s3d.agent.s3.policy_evaluation import deciding_statement, denies_if
from s3d.agent.s3.policy_patterns import Lookup
from s3d.agent.s3.principal import Principal
from s3d.agent.s3.public_access import NOTHING_BLOCKED, PublicAccessBlock, is_public_policy
from s3d.shared.access_key import DEFAULT_OWNER, owner_named

ENFORCED, PREFERRED, WRITER = "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"
"""Object Ownership. https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html"""

INITIATOR_ACTIONS = frozenset({"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"})
"""Actions that the account that began an upload has on it."""


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """What decides about the access to a bucket."""

    owner: str
    """Canonical id."""
    acl: Acl
    policy: Policy | None = None
    block: PublicAccessBlock = NOTHING_BLOCKED
    ownership: str = WRITER
    has_other_owners: bool = False
    """Some of its objects may belong to other accounts."""
    is_plain: bool = field(init=False)
    """Its owner may do everything, and nothing else needs to be looked at for its owner."""
    is_public: bool = field(init=False)
    """By its policy."""

    def __post_init__(self) -> None:
        is_plain = self.policy is None and not self.has_other_owners
        object.__setattr__(self, "is_plain", is_plain)
        is_public = self.policy is not None and is_public_policy(self.policy)
        object.__setattr__(self, "is_public", is_public)


class ObjectAccess(NamedTuple):
    """What decides about the access to one existing version, beside its bucket."""

    owner: str
    """Canonical id."""
    acl: Acl


class Decision(NamedTuple):
    """A decision, and what made it, for people."""

    allowed: bool
    reason: str
    is_explicit: bool = False
    """Denied by a statement."""
    is_of_session: bool = False
    """Made by the policy of the caller's session."""


def decide(
    need: Need,
    caller: Principal,
    bucket: BucketAccess,
    target: ObjectAccess | None,
    lookup: Lookup,
    *,
    initiator: str = "",
) -> Decision:
    """Whether the caller may do what a request needs.

    target: the version that the need is about, if it exists. lookup: the values of the condition
    keys of the request. initiator: canonical id of the account that began the upload, for actions
    of INITIATOR_ACTIONS.
    """
    identity = decide_by_key(need, caller, lookup)
    denied = identity if identity.is_explicit else _denial(need, caller, bucket, lookup)
    if denied is not None:
        return denied
    protected = (
        target if need.action in OBJECT_PERMISSIONS and bucket.ownership != ENFORCED else None
    )
    owner = protected.owner if protected is not None else bucket.owner
    is_own = owner == caller.owner and not caller.is_anonymous
    if need.action in INITIATOR_ACTIONS and initiator == caller.owner:
        is_own = True
    if identity.allowed and is_own:
        return identity
    granted = _grant(need, caller, bucket, protected, target, lookup)
    if granted is None:
        if caller.is_anonymous:
            return Decision(False, "no policy and no list grants it to everyone")
        if not is_own and identity.allowed:
            return Decision(False, "no policy and no list grants it to this account")
        return identity
    # A session has at most what its policies allow, even if a grant gives everyone more.
    is_enough = is_own and granted.is_direct and not caller.session_policies
    if caller.is_anonymous or identity.allowed or is_enough:
        return granted.decision
    return identity


class _Granted(NamedTuple):
    """A grant by the owner of the bucket or of the object."""

    decision: Decision
    is_direct: bool
    """To the caller itself or to everyone; False: to its account, which has to pass it on."""


def _denial(need: Need, caller: Principal, bucket: BucketAccess, lookup: Lookup) -> Decision | None:
    if bucket.policy is None or _cannot_be_locked_out(need, caller, bucket):
        return None
    statement = deciding_statement(
        bucket.policy,
        identifiers=_denied_names(caller),
        action=need.action,
        resource=need.resource,
        lookup=lookup,
    )
    if statement is None or statement.effect != DENY:
        return None
    reason = f"the policy of the bucket denies it: {statement.name}"
    return Decision(False, reason, is_explicit=True)


POLICY_ACTIONS = frozenset({"s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"})
"""Actions that only the account of the bucket has, whatever its policy grants."""


def _cannot_be_locked_out(need: Need, caller: Principal, bucket: BucketAccess) -> bool:
    """The root user of the bucket's owner can always replace a policy that denies everything.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
    """
    return (
        need.action in POLICY_ACTIONS
        and caller.owner == bucket.owner
        and _is_root(caller)
        and not caller.session_policies
    )


def _is_root(caller: Principal) -> bool:
    """Only the default owner has a root user: its default key. For another owner, each of its
    unlimited keys counts as the root user; otherwise it could lock itself out for ever."""
    if caller.arn.endswith(":root"):
        return True
    return not (caller.is_restricted or caller.parent or caller.owner == _DEFAULT_OWNER)


_DEFAULT_OWNER = owner_named(DEFAULT_OWNER).canonical_id


def decide_by_key(need: Need, caller: Principal, lookup: Lookup) -> Decision:
    """What the caller's own key allows: its scope, and the policies of its session.

    In front of a remote nothing else decides here: policies and lists are the remote's.
    """
    if caller.is_anonymous:
        return Decision(False, "the request is not signed")
    key = need.key
    if need.action in LISTINGS:
        key = "".join(lookup("s3:prefix") or ())
    if not scope_allows(caller, need.action, need.bucket, key):
        return Decision(False, f"the scope of the key {caller.access_key_id} does not include it")
    for policy in _sessions(caller):
        statement = deciding_statement(
            policy,
            identifiers=(),
            action=need.action,
            resource=need.resource,
            lookup=lookup,
        )
        if statement is None:
            reason = "the policy of the session does not allow it"
            return Decision(False, reason, is_of_session=True)
        if statement.effect == DENY:
            reason = f"the policy of the session denies it: {statement.name}"
            return Decision(False, reason, is_explicit=True, is_of_session=True)
    return Decision(True, f"the scope of the key {caller.access_key_id} includes it")


def may_be_denied_by_tags(need: Need, caller: Principal, lookup: Lookup) -> bool:
    """Whether the session denies this for objects with certain tags, and so may deny it here.

    In front of a remote nothing is known of the tags of an object.
    """
    return any(
        denies_if(
            policy,
            condition=EXISTING_TAG,
            action=need.action,
            resource=need.resource,
            lookup=lookup,
        )
        for policy in _sessions(caller)
    )


EXISTING_TAG = "s3:existingobjecttag/"
"""How the condition keys begin that are about the tags of an existing object."""


def _grant(
    need: Need,
    caller: Principal,
    bucket: BucketAccess,
    protected: ObjectAccess | None,
    target: ObjectAccess | None,
    lookup: Lookup,
) -> _Granted | None:
    if protected is None or protected.owner == bucket.owner:
        # The owner of a bucket cannot grant what belongs to somebody else.
        granted = _policy_grant(need, caller, bucket, lookup)
        if granted is not None:
            return granted
    if bucket.ownership == ENFORCED:
        return None
    return _acl_grant(need, caller, bucket, protected, target)


def _policy_grant(
    need: Need, caller: Principal, bucket: BucketAccess, lookup: Lookup
) -> _Granted | None:
    if bucket.policy is None:
        return None
    is_inside = caller.owner == bucket.owner and not caller.is_anonymous
    if bucket.is_public and bucket.block.restrict_public_buckets and not is_inside:
        return None
    # Any key may assume any role of its account, so a role has to pass on what it is granted.
    direct = frozenset() if _is_role(caller) else _direct(caller)
    for names, is_direct in ((direct, True), (identifiers_of(caller), False)):
        statement = deciding_statement(
            bucket.policy,
            identifiers=names,
            action=need.action,
            resource=need.resource,
            lookup=lookup,
        )
        if statement is not None and statement.effect != DENY:
            reason = f"the policy of the bucket allows it: {statement.name}"
            return _Granted(Decision(True, reason), is_direct)
    return None


def _acl_grant(
    need: Need,
    caller: Principal,
    bucket: BucketAccess,
    protected: ObjectAccess | None,
    target: ObjectAccess | None,
) -> _Granted | None:
    permission, acl, name = BUCKET_PERMISSIONS.get(need.action), bucket.acl, "bucket"
    if need.action in OWN_OBJECT_ACTIONS and (target is None or target.owner == caller.owner):
        permission = "WRITE"
    if protected is not None:
        permission, acl, name = OBJECT_PERMISSIONS[need.action], protected.acl, "object"
    if permission is None:
        return None
    ignores_public = bucket.block.ignore_public_acls
    grant = find_grant(acl, caller, permission, ignores_public=ignores_public)
    if grant is None:
        return None
    reason = f"the ACL of the {name} grants {grant.permission} to {grant.grantee}"
    return _Granted(Decision(True, reason), grant.is_to_group)


def refusal(need: Need, caller: Principal, decision: Decision, owner: str) -> S3Error:
    """The error for what a decision refuses. owner: canonical id of the bucket's owner.

    Only a key of the same owner learns which action it lacks and why, as at AWS.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
    """
    if caller.is_anonymous or caller.owner != owner:
        return S3Error("AccessDenied")
    kind = "session" if decision.is_of_session else "resource-based"
    why = f"with an explicit deny in a {kind} policy"
    if not decision.is_explicit:
        kind = "session" if decision.is_of_session else "identity-based"
        why = f"because no {kind} policy allows the {need.action} action"
    return S3Error(
        "AccessDenied",
        f"User: {caller.arn} is not authorized to perform: {need.action} on resource: "
        f'"{need.resource}" {why}',
    )


# ---------------------------------------------------------------- who the caller is


@lru_cache(1_024)
def identifiers_of(caller: Principal) -> frozenset[str]:
    """Every name by which a policy may call the caller."""
    if caller.is_anonymous:
        return frozenset()
    account = caller.account_id
    root = f"arn:aws:iam::{account}:root"
    return _direct(caller) | {root, account, caller.owner}


def _denied_names(caller: Principal) -> frozenset[str]:
    """A session is denied what its permanent key is denied, or a key could escape by AssumeRole."""
    names = identifiers_of(caller)
    return names | {caller.parent_arn} if caller.parent_arn else names


def _is_role(caller: Principal) -> bool:
    return ":assumed-role/" in caller.arn


@lru_cache(1_024)
def _direct(caller: Principal) -> frozenset[str]:
    """The names of the caller itself, without those of its account."""
    if caller.is_anonymous:
        return frozenset()
    names = {caller.arn}
    # arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION is a session of arn:aws:iam::ACCOUNT:role/ROLE.
    head, is_session, rest = caller.arn.partition(":assumed-role/")
    if is_session:
        role = rest.rpartition("/")[0]
        names.add(f"{head.replace(':sts:', ':iam:')}:role/{role}")
    return frozenset(names)


def _sessions(caller: Principal) -> tuple[Policy, ...]:
    return _parsed(caller.session_policies) if caller.session_policies else ()


@lru_cache(256)
def _parsed(texts: tuple[str, ...]) -> tuple[Policy, ...]:
    return tuple(parse_policy(text, None) for text in texts)
