"""The order of AWS: who is allowed by what, for each kind of caller and resource."""

import json
from dataclasses import replace

import pytest

from s3d.agent.core.access_keys import principal_of
from s3d.agent.s3.access_decision import (
    ENFORCED,
    BucketAccess,
    ObjectAccess,
    decide,
    decide_by_key,
    identifiers_of,
    refusal,
)
from s3d.agent.s3.acl import private, requested
from s3d.agent.s3.actions import Need
from s3d.agent.s3.policy_document import parse_policy
from s3d.agent.s3.principal import ANONYMOUS
from s3d.agent.s3.public_access import PublicAccessBlock
from s3d.shared.access_key import AccessKey, owner_named
from s3d.shared.config.values import Secret


def key(**fields):
    return principal_of(AccessKey("KEY", Secret("s"), **fields))


OWNER, OTHER = owner_named("s3d").members, owner_named("other").members
ROOT = key()
READER = key(name="reader", read_only=True)
NARROW = key(name="narrow", bucket="b", prefix="in/")
STRANGER = key(name="stranger", owner="other")
LIMITED = key(name="limited", owner="other", bucket="elsewhere")
CALLERS = {
    "root": ROOT,
    "reader": READER,
    "narrow": NARROW,
    "stranger": STRANGER,
    "limited": LIMITED,
    "anonymous": ANONYMOUS,
}

ADMIN = "arn:aws:iam::000000000000:role/admin"


def role_session(parent, role="admin"):
    """What AssumeRole gives the holder of a key."""
    arn = f"arn:aws:sts::{parent.account_id}:assumed-role/{role}/session"
    return replace(
        parent, access_key_id="ASIA", arn=arn, parent=parent.access_key_id, parent_arn=parent.arn
    )


READ = Need("s3:GetObject", "b", "in/k")
WRITE = Need("s3:PutObject", "b", "out/k")
LIST = Need("s3:ListBucket", "b")


def policy(effect="Allow", principal="*", action="s3:*"):
    document = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": effect,
            "Principal": principal,
            "Action": action,
            "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
        },
    }
    return parse_policy(json.dumps(document), "b")


def bucket(acl="private", **fields):
    return BucketAccess(OWNER["ID"], requested({"ACL": acl}, OWNER), **fields)


def may(need, access, target=None, lookup=lambda key: None):
    """The callers that are allowed."""
    return {
        name
        for name, caller in CALLERS.items()
        if decide(need, caller, access, target, lookup).allowed
    }


OWN = ObjectAccess(OWNER["ID"], private(OWNER))
PUBLIC = ObjectAccess(OWNER["ID"], requested({"ACL": "public-read"}, OWNER))
FOREIGN = ObjectAccess(OTHER["ID"], private(OTHER))


@pytest.mark.parametrize(
    ("need", "access", "target", "expected"),
    [
        (READ, bucket(), OWN, {"root", "reader", "narrow"}),
        (WRITE, bucket(), None, {"root"}),
        (LIST, bucket(), None, {"root", "reader"}),
        (READ, bucket(), PUBLIC, {"root", "reader", "narrow", "stranger", "anonymous"}),
        (READ, bucket("public-read"), OWN, {"root", "reader", "narrow"}),
        (
            LIST,
            bucket("public-read"),
            None,
            {"root", "reader", "narrow", "stranger", "anonymous"},
        ),
        # A grant to everyone gives the keys of the account more than their scope.
        (
            WRITE,
            bucket("public-read-write"),
            None,
            {"root", "reader", "narrow", "stranger", "anonymous"},
        ),
        (WRITE, bucket("public-read-write", ownership=ENFORCED), None, {"root"}),
        (
            READ,
            bucket(policy=policy()),
            OWN,
            {"root", "reader", "narrow", "stranger", "anonymous"},
        ),
        (
            READ,
            bucket(policy=policy(principal={"CanonicalUser": OTHER["ID"]})),
            OWN,
            {"root", "reader", "narrow", "stranger"},
        ),
        # To its own account: the account passes it on to its keys as far as their scope goes.
        (
            WRITE,
            bucket(policy=policy(principal={"AWS": ROOT.account_id})),
            None,
            {"root"},
        ),
        (WRITE, bucket(policy=policy(principal={"AWS": READER.arn})), None, {"root", "reader"}),
        (READ, bucket(policy=policy("Deny")), PUBLIC, set()),
        (
            READ,
            bucket(policy=policy("Deny", {"CanonicalUser": OTHER["ID"]})),
            PUBLIC,
            {"root", "reader", "narrow", "anonymous"},
        ),
        # What belongs to another account, only that account can open.
        (READ, bucket(has_other_owners=True), FOREIGN, {"stranger"}),
        (READ, bucket(policy=policy(), has_other_owners=True), FOREIGN, {"stranger"}),
        (
            Need("s3:DeleteObject", "b", "in/k"),
            bucket(has_other_owners=True),
            FOREIGN,
            {"root", "narrow"},
        ),
        (
            READ,
            bucket(policy=policy(), block=PublicAccessBlock(restrict_public_buckets=True)),
            OWN,
            {"root", "reader", "narrow"},
        ),
        (
            LIST,
            bucket("public-read", block=PublicAccessBlock(ignore_public_acls=True)),
            None,
            {"root", "reader"},
        ),
    ],
)
def test_who_may_do_what(need, access, target, expected):
    assert may(need, access, target) == expected


def test_the_prefix_of_a_listing_counts_for_the_scope():
    def listing(prefix):
        return {"s3:prefix": [prefix]}.get

    assert "narrow" in may(LIST, bucket(), lookup=listing("in/"))
    assert "narrow" not in may(LIST, bucket(), lookup=listing("out/"))


def test_the_initiator_of_an_upload_may_end_it():
    need = Need("s3:AbortMultipartUpload", "b", "in/k")
    access = bucket()
    for initiator, allowed in ((OTHER["ID"], True), (OWNER["ID"], False)):
        found = decide(need, STRANGER, access, None, lambda key: None, initiator=initiator)
        assert found.allowed is allowed
    assert not decide(need, ANONYMOUS, access, None, lambda key: None, initiator="x").allowed


def session(effect, action="s3:GetObject"):
    document = {
        "Version": "2012-10-17",
        "Statement": {"Effect": effect, "Action": action, "Resource": "arn:aws:s3:::b/*"},
    }
    arn = f"arn:aws:sts::{ROOT.account_id}:assumed-role/role/name"
    return replace(ROOT, arn=arn, session_policies=(json.dumps(document),))


def test_a_session_has_what_its_policy_allows():
    open_bucket = bucket("public-read-write", policy=policy())
    for access in (bucket(), open_bucket):
        assert decide(READ, session("Allow"), access, OWN, lambda key: None).allowed
        assert not decide(WRITE, session("Allow"), access, None, lambda key: None).allowed
        denied = decide(READ, session("Deny"), access, OWN, lambda key: None)
        assert (denied.allowed, denied.is_explicit) == (False, True)
    assert decide_by_key(READ, session("Allow"), lambda key: None).allowed
    assert not decide_by_key(READ, session("Deny"), lambda key: None).allowed


def test_the_names_of_a_session():
    names = identifiers_of(session("Allow"))
    assert f"arn:aws:iam::{ROOT.account_id}:role/role" in names
    assert f"arn:aws:iam::{ROOT.account_id}:root" in names
    assert identifiers_of(ANONYMOUS) == frozenset()


@pytest.mark.parametrize(
    ("caller", "access", "words"),
    [
        (ROOT, bucket(policy=policy("Deny")), "policy of the bucket denies it: statement 1"),
        (STRANGER, bucket(policy=policy()), "policy of the bucket allows it: statement 1"),
        (STRANGER, bucket(), "no policy and no list grants it to this account"),
        (ANONYMOUS, bucket(), "no policy and no list grants it to everyone"),
        (LIMITED, bucket(policy=policy()), "scope of the key KEY does not include it"),
        (ANONYMOUS, bucket("public-read"), "ACL of the bucket grants READ"),
    ],
)
def test_the_reason(caller, access, words):
    assert words in decide(LIST, caller, access, None, lambda key: None).reason


def test_a_plain_bucket():
    assert bucket().is_plain
    assert bucket("public-read").is_plain
    assert not bucket(policy=policy()).is_plain
    assert not bucket(has_other_owners=True).is_plain


@pytest.mark.parametrize(
    "action", ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"]
)
def test_the_root_user_cannot_be_locked_out(action):
    access = bucket(policy=policy("Deny"))
    assert may(Need(action, "b"), access) == {"root"}
    assert may(Need("s3:GetBucketAcl", "b"), access) == set()


@pytest.mark.parametrize(
    ("caller", "allowed"),
    [
        (STRANGER, True),
        (replace(STRANGER, is_read_only=True), False),
        (LIMITED, False),
        (role_session(STRANGER), False),
    ],
)
def test_an_owner_without_a_root_user_cannot_lock_itself_out(caller, allowed):
    """Only the default owner has one."""
    access = BucketAccess(OTHER["ID"], private(OTHER), policy=policy("Deny"))
    need = Need("s3:DeleteBucketPolicy", "b")
    assert decide(need, caller, access, None, lambda key: None).allowed is allowed


@pytest.mark.parametrize(
    ("caller", "access", "words"),
    [
        (READER, bucket(), "because no identity-based policy allows the s3:PutObject action"),
        (ROOT, bucket(policy=policy("Deny")), "with an explicit deny in a resource-based policy"),
        (session("Allow"), bucket(), "because no session policy allows the s3:PutObject action"),
        (session("Deny", "s3:*"), bucket(), "with an explicit deny in a session policy"),
        (STRANGER, bucket(), "Access Denied"),
        (ANONYMOUS, bucket(policy=policy("Deny")), "Access Denied"),
    ],
)
def test_only_keys_of_the_owner_learn_why(caller, access, words):
    decision = decide(WRITE, caller, access, None, lambda key: None)
    error = refusal(WRITE, caller, decision, access.owner)
    assert error.code == "AccessDenied"
    assert error.message.endswith(words)
    names_caller = f"User: {caller.arn} is not authorized to perform: s3:PutObject on resource: "
    assert error.message.startswith(names_caller) is (words != "Access Denied")


@pytest.mark.parametrize(("parent", "allowed"), [(ROOT, True), (READER, False), (NARROW, False)])
def test_a_grant_to_a_role_does_not_widen_the_scope_of_the_key_that_assumes_it(parent, allowed):
    """Every key may assume every role of its account."""
    access = bucket(policy=policy(principal={"AWS": ADMIN}))
    decision = decide(WRITE, role_session(parent), access, None, lambda key: None)
    assert decision.allowed is allowed
    public = bucket(policy=policy(principal="*"))
    assert decide(WRITE, role_session(parent), public, None, lambda key: None).allowed


def test_a_role_does_not_escape_what_its_key_is_denied():
    access = bucket(policy=policy("Deny", {"AWS": READER.arn}))
    for caller, allowed in ((READER, False), (role_session(READER), False), (ROOT, True)):
        decision = decide(READ, caller, access, None, lambda key: None)
        assert decision.allowed is allowed
