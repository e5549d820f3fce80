"""What "public" means, for policies and access control lists, and the switches that block it. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, NamedTuple

from s3d.agent.s3.acl import ALL_USERS, AUTHENTICATED_USERS
from s3d.agent.s3.policy_conditions import Condition
from s3d.agent.s3.policy_document import ALLOW, EVERYONE, Policy, Statement

PUBLIC_GROUPS = frozenset({ALL_USERS, AUTHENTICATED_USERS})


class PublicAccessBlock(NamedTuple):
    """The four switches of a bucket."""

    block_public_acls: bool = False
    """Refuse to set a public ACL."""
    ignore_public_acls: bool = False
    """Grants of an ACL to a public group have no effect."""
    block_public_policy: bool = False
    """Refuse to set a public policy."""
    restrict_public_buckets: bool = False
    """A public policy has effect only within the account of the bucket's owner."""

    @classmethod
    def of_members(cls, members: Mapping[str, Any]) -> PublicAccessBlock:
        """From the members of PublicAccessBlockConfiguration."""
        return cls(
            bool(members.get("BlockPublicAcls")),
            bool(members.get("IgnorePublicAcls")),
            bool(members.get("BlockPublicPolicy")),
            bool(members.get("RestrictPublicBuckets")),
        )


NOTHING_BLOCKED = PublicAccessBlock()
EVERYTHING_BLOCKED = PublicAccessBlock(True, True, True, True)


def is_public_acl(acl: Mapping[str, Any] | None) -> bool:
    """Whether a list grants anything to everyone, or to everyone who has an account."""
    grants = acl.get("Grants") or () if acl is not None else ()
    return any(grant["Grantee"].get("URI") in PUBLIC_GROUPS for grant in grants)


def is_public_policy(policy: Policy) -> bool:
    """Whether a policy grants anything to everyone, without a condition that limits who that is."""
    return any(_is_public(statement) for statement in policy.statements)


def _is_public(statement: Statement) -> bool:
    return (
        statement.effect == ALLOW
        and (statement.excludes_principals or EVERYONE in (statement.principals or ()))
        and not any(_limits(condition) for condition in statement.conditions)
    )


_LIMITING_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:accesspointnetworkorigin",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
"""Keys that keep a grant to everyone from being public, when their values are fixed."""


def _limits(condition: Condition) -> bool:
    """Whether a condition leaves a known set of callers only."""
    if (
        condition.key not in _LIMITING_KEYS
        or condition.is_negated
        or condition.if_exists
        or condition.compare is None
        or condition.quantifier == "ForAllValues"
    ):
        return False
    texts = [value.text for value in condition.values]
    if condition.key == "aws:sourceip":
        return all(_is_narrow(text) for text in texts)
    return all(not {"*", "?"} & set(text) and "${" not in text for text in texts)


_WIDEST = {4: 8, 6: 32}
"""Version of IP -> the shortest prefix of a range that is not public."""


def _is_narrow(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return False
    return network.prefixlen >= _WIDEST[network.version] or network.is_private
