"""The evaluation of policies: which statement decides about an action on a resource. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Collection

from s3d.agent.s3.policy_document import DENY, EVERYONE, Policy, Statement
from s3d.agent.s3.policy_patterns import Lookup


def deciding_statement(
    policy: Policy,
    *,
    identifiers: Collection[str],
    action: str,
    resource: str,
    lookup: Lookup,
) -> Statement | None:
    """The statement that decides: the first that denies, else the first that allows, else None.

    identifiers: every name by which a policy may call the caller: ARNs, account id, canonical id;
    empty for an anonymous one. action: s3:GetObject. resource: an ARN. lookup: the values of the
    condition keys of the request; it is called only for statements whose action and principal
    match, for the variables in their resources and for their conditions.
    """
    lower = action.lower()
    allowing: Statement | None = None
    for statement in policy.statements:
        if allowing is not None and statement.effect != DENY:
            continue
        if not applies(statement, identifiers, lower, resource, lookup):
            continue
        if statement.effect == DENY:
            return statement
        allowing = statement
    return allowing


def denies_if(
    policy: Policy, *, condition: str, action: str, resource: str, lookup: Lookup
) -> bool:
    """Whether a statement without principals denies the action, if its conditions hold on the keys
    that begin so. condition: the beginning of condition keys of which lookup knows nothing."""
    return any(
        statement.effect == DENY
        and _names_action(statement, action.lower())
        and _names_resource(statement, resource, lookup)
        and any(each.key.startswith(condition) for each in statement.conditions)
        and all(
            each.key.startswith(condition) or each.holds(lookup) for each in statement.conditions
        )
        for statement in policy.statements
    )


def applies(
    statement: Statement,
    identifiers: Collection[str],
    action: str,
    resource: str,
    lookup: Lookup,
) -> bool:
    """Whether a statement is about this caller, action (in lower case), resource and request."""
    return (
        _names_action(statement, action)
        and _names_principal(statement, identifiers)
        and _names_resource(statement, resource, lookup)
        and all(condition.holds(lookup) for condition in statement.conditions)
    )


def _names_action(statement: Statement, action: str) -> bool:
    named = any(glob.matches(action) for glob in statement.actions)
    return named is not statement.excludes_actions


def _names_principal(statement: Statement, identifiers: Collection[str]) -> bool:
    principals = statement.principals
    if principals is None:
        return True
    named = EVERYONE in principals or not principals.isdisjoint(identifiers)
    return named is not statement.excludes_principals


def _names_resource(statement: Statement, resource: str, lookup: Lookup) -> bool:
    named = any(pattern.matches(resource, lookup) for pattern in statement.resources)
    return named is not statement.excludes_resources
