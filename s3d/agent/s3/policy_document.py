"""Policies: a JSON document becomes statements, with the errors that PutBucketPolicy gives. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from s3d.agent.s3.action_names import levels_of
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.policy_conditions import Condition, parse_conditions
from s3d.agent.s3.policy_patterns import Pattern, tokens_of
from s3d.shared.filters.globs import Glob

MAX_POLICY = 20 * 1024
"""Bytes of a bucket's policy."""

WITH_VARIABLES = "2012-10-17"
VERSIONS = frozenset({"2008-10-17", WITH_VARIABLES})

ALLOW, DENY = "Allow", "Deny"

EVERYONE = "*"
"""The principal that is everyone, with and without a signature."""

_ARN = "arn:aws:s3:::"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy."""

    number: int
    """Its place in the document, from 1."""
    sid: str
    effect: str
    """ALLOW or DENY."""
    principals: frozenset[str] | None
    """Those named: EVERYONE, or ARNs, account ids and canonical ids; None in the policy of a
    session, which is for its own principal."""
    excludes_principals: bool
    """NotPrincipal: everyone but those named."""
    actions: tuple[Glob, ...]
    """In lower case."""
    excludes_actions: bool
    resources: tuple[Pattern, ...]
    excludes_resources: bool
    conditions: tuple[Condition, ...]

    @property
    def name(self) -> str:
        """How people call it."""
        return f"statement {self.number}" + (f' "{self.sid}"' if self.sid else "")


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy."""

    statements: tuple[Statement, ...]


def parse_policy(text: str, bucket: str | None) -> Policy:
    """The policy of a bucket or, with bucket None, that of a session, which names no principals.

    Raises S3Error MalformedPolicy with the reason.
    """
    if bucket is not None and len(text.encode(errors="replace")) > MAX_POLICY:
        message = f"Policy exceeds the maximum allowed document size of {MAX_POLICY} bytes"
        raise _malformed(message)
    try:
        document = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise S3Error("MalformedPolicy") from error
    if not isinstance(document, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    _check_fields(document, _FIELDS)
    version = document.get("Version", "2008-10-17")
    if version not in VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    given = document.get("Statement")
    statements = given if isinstance(given, list) else [given]
    if not given:
        raise _malformed("Missing required field Statement")
    has_variables = version == WITH_VARIABLES
    return Policy(
        tuple(
            _statement(number, element, bucket, has_variables=has_variables)
            for number, element in enumerate(statements, 1)
        )
    )


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two fields of one name, JSON would keep the last: a statement would lose a condition."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        name = next(name for name in names if names.count(name) > 1)
        raise _malformed(f"Duplicate field {name}")
    return fields


_FIELDS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_FIELDS = frozenset(
    {
        "Action",
        "Condition",
        "Effect",
        "NotAction",
        "NotPrincipal",
        "NotResource",
        "Principal",
        "Resource",
        "Sid",
    }
)


def _statement(number: int, element: Any, bucket: str | None, *, has_variables: bool) -> Statement:
    if not isinstance(element, dict):
        raise _malformed("Statement must be an object")
    _check_fields(element, _STATEMENT_FIELDS)
    if not isinstance(element.get("Sid", ""), str):
        raise _malformed("Sid must be a text")
    effect = element.get("Effect")
    if effect is None:
        raise _malformed("Missing required field Effect")
    if effect not in (ALLOW, DENY):
        raise _malformed(f"Invalid effect: {effect}")
    principals, excludes_principals = _principals(element, bucket is not None)
    if excludes_principals and effect == ALLOW:
        raise _malformed("Allow with NotPrincipal is not allowed.")
    actions, excludes_actions = _texts(element, "Action")
    resources, excludes_resources = _texts(element, "Resource")
    for action in actions:
        _check_action(action, bucket)
    if bucket is not None:
        for resource in resources:
            _check_resource(resource, bucket)
        if not excludes_actions and not excludes_resources:
            _check_combination(actions, resources, bucket)
    return Statement(
        number,
        element.get("Sid", ""),
        effect,
        principals,
        excludes_principals,
        tuple(Glob(tokens_of(action.lower())) for action in actions),
        excludes_actions,
        tuple(Pattern(resource, has_variables=has_variables) for resource in resources),
        excludes_resources,
        parse_conditions(element.get("Condition", {}), has_variables=has_variables),
    )


def _check_fields(element: Mapping[str, Any], known: frozenset[str]) -> None:
    for name in element:
        if name not in known:
            raise _malformed(f"Unknown field {name}")


def _texts(element: Mapping[str, Any], name: str) -> tuple[list[str], bool]:
    """The values of Action or Resource, or of NotAction or NotResource; whether it is the latter.

    Raises MalformedPolicy unless there is exactly one of the two.
    """
    inverse = f"Not{name}"
    if name in element and inverse in element:
        raise _malformed(f"Statement has both {name} and {inverse}")
    is_inverse = inverse in element
    given = element.get(inverse if is_inverse else name)
    values = given if isinstance(given, list) else [given]
    if not given:
        raise _malformed(f"Missing required field {name}")
    texts = [value for value in values if isinstance(value, str) and value]
    if len(texts) < len(values):
        raise _malformed(f"Policy has invalid {name.lower()}")
    return texts, is_inverse


# ---------------------------------------------------------------- principals

_PRINCIPAL_KINDS = frozenset({"AWS", "CanonicalUser", "Federated", "Service"})
_ACCOUNT = re.compile(r"\d{12}")
_CANONICAL = re.compile(r"[0-9a-fA-F]{32,64}")
_PRINCIPAL_ARN = re.compile(
    r"arn:aws[a-z-]*:(iam::[\w-]+:(root|user/[^*]+|role/[^*]+|federated-user/[^*]+)"
    r"|iam::cloudfront:user/[^*]+|sts::[\w-]+:(assumed-role|federated-user)/[^*]+)"
)


def _principals(
    element: Mapping[str, Any], is_required: bool
) -> tuple[frozenset[str] | None, bool]:
    """The principals of a statement, and whether they are those of NotPrincipal."""
    names = [name for name in ("Principal", "NotPrincipal") if name in element]
    if not is_required:
        if names:
            raise _malformed("Policy document should not specify a principal.")
        return None, False
    if not names:
        raise _malformed("Missing required field Principal")
    if len(names) > 1:
        raise _malformed("Statement has both Principal and NotPrincipal")
    given = element[names[0]]
    if given == EVERYONE:
        return frozenset({EVERYONE}), names[0] == "NotPrincipal"
    if not isinstance(given, dict) or not given:
        raise _malformed("Invalid principal in policy")
    found = frozenset(_named(given.items()))
    if not found:
        raise _malformed("Invalid principal in policy")
    return found, names[0] == "NotPrincipal"


def _named(kinds: Iterable[tuple[str, Any]]) -> Iterable[str]:
    for kind, given in kinds:
        for value in given if isinstance(given, list) else [given]:
            if kind not in _PRINCIPAL_KINDS or not isinstance(value, str) or not value:
                raise _malformed("Invalid principal in policy")
            if kind == "AWS" and not _is_aws_principal(value):
                raise _malformed("Invalid principal in policy")
            if kind == "CanonicalUser" and not _CANONICAL.fullmatch(value):
                raise _malformed("Invalid principal in policy")
            yield _identifier(kind, value)


def _identifier(kind: str, value: str) -> str:
    """The name in the form of identifiers_of(). Services and identity providers make no requests
    here, so their names are those of no caller, also where they look like one or are `*`."""
    if kind == "AWS":
        return value
    return value.lower() if kind == "CanonicalUser" else f"{kind}:{value}"


def _is_aws_principal(value: str) -> bool:
    return (
        value == EVERYONE
        or _ACCOUNT.fullmatch(value) is not None
        or _CANONICAL.fullmatch(value) is not None
        or _PRINCIPAL_ARN.fullmatch(value) is not None
    )


# ---------------------------------------------------------------- actions and resources


_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_ACCOUNT_ACTION = "s3:listallmybuckets"
"""Known, but no bucket's policy can grant it."""


def _check_action(action: str, bucket: str | None) -> None:
    """Raises MalformedPolicy unless S3 has an action that fits; the policy of a session may name
    other services."""
    if bucket is None:
        is_known = _ACTION.fullmatch(action) is not None
    else:
        is_known = bool(levels_of(action)) or action.lower() == _ACCOUNT_ACTION
    if not is_known:
        raise _malformed("Policy has invalid action")


def _check_resource(resource: str, bucket: str) -> None:
    """Raises MalformedPolicy unless the resource can be the bucket or an object in it."""
    if not _resource_levels(resource, bucket):
        raise _malformed("Policy has invalid resource")


def _resource_levels(resource: str, bucket: str) -> set[str]:
    if "${" in resource.partition("/")[0]:
        return {"bucket", "object"}
    levels = set()
    if Glob(tokens_of(resource)).matches(_ARN + bucket):
        levels.add("bucket")
    # The part before the first slash names the bucket; a star in it may reach into the keys.
    name, slash, _ = resource.partition("/")
    if slash and Glob(tokens_of(name)).matches(_ARN + bucket):
        levels.add("object")
    if "*" in name:
        start = name[: name.rindex("*") + 1]
        if Glob(tokens_of(start)).matches(f"{_ARN}{bucket}/"):
            levels.add("object")
    return levels


def _check_combination(actions: list[str], resources: list[str], bucket: str) -> None:
    """Raises MalformedPolicy for an action none of whose kind of resource is named."""
    levels = set().union(*(_resource_levels(resource, bucket) for resource in resources))
    if not all(levels_of(action) & levels for action in actions):
        raise _malformed("Action does not apply to any resource(s) in statement")


def _malformed(message: str) -> S3Error:
    return S3Error("MalformedPolicy", message)
