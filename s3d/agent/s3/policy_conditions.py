"""The Condition element of a policy: its operators, and their evaluation. Pure.

A condition is true when each of its tests is; a test compares the values of one condition key of
the request with the values in the policy, of which one has to fit (none, for an operator with
"Not").
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.policy_operators import OPERATORS, Compare
from s3d.agent.s3.policy_patterns import Lookup, Pattern, key_of

_IF_EXISTS = "IfExists"
_FOR_ALL, _FOR_ANY = "ForAllValues", "ForAnyValue"


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of a Condition element."""

    operator: str
    """As it stands in the policy: ForAnyValue:StringLikeIfExists."""
    key: str
    """As key_of() gives it."""
    values: tuple[Pattern, ...]
    compare: Compare | None
    """None: Null, which looks only whether the key is there."""
    is_negated: bool = False
    if_exists: bool = False
    quantifier: str = ""
    """"", ForAllValues or ForAnyValue."""

    def holds(self, lookup: Lookup) -> bool:
        """Whether the test is true for the request of which lookup gives the values."""
        given = lookup(self.key)
        if self.compare is None:
            return any(value.text.lower() == _boolean(not given) for value in self.values)
        if not given:
            if self.if_exists or self.quantifier == _FOR_ALL:
                return True
            return self.is_negated and self.quantifier != _FOR_ANY
        if self.quantifier == _FOR_ALL:
            return all(self._fits(value, lookup) for value in given)
        if self.quantifier == _FOR_ANY or not self.is_negated:
            return any(self._fits(value, lookup) for value in given)
        return all(self._fits(value, lookup) for value in given)

    def _fits(self, value: str, lookup: Lookup) -> bool:
        assert self.compare is not None
        matches = any(self.compare(value, wanted, lookup) for wanted in self.values)
        return matches is not self.is_negated


def parse_conditions(element: Any, *, has_variables: bool) -> tuple[Condition, ...]:
    """The tests of a Condition element. Raises S3Error MalformedPolicy."""
    if not isinstance(element, Mapping):
        raise S3Error("MalformedPolicy", "Conditions must be an object")
    conditions: list[Condition] = []
    for operator, keys in element.items():
        if not isinstance(keys, Mapping):
            raise S3Error("MalformedPolicy", f"Condition {operator} must be an object")
        for key, values in keys.items():
            conditions.append(_condition(operator, key, values, has_variables=has_variables))
    return tuple(conditions)


def _condition(operator: str, key: str, values: Any, *, has_variables: bool) -> Condition:
    quantifier, colon, name = operator.rpartition(":")
    if colon and quantifier not in (_FOR_ALL, _FOR_ANY):
        raise _unknown_operator(operator)
    if_exists = name.endswith(_IF_EXISTS)
    base = name.removesuffix(_IF_EXISTS)
    if base not in OPERATORS or (base == "Null" and (if_exists or quantifier)):
        raise _unknown_operator(operator)
    compare, is_negated, check = OPERATORS[base]
    _check_key(key)
    texts = [_text(value) for value in (values if isinstance(values, list) else [values])]
    for text in texts:
        if check is not None and "${" not in text and not check(text):
            message = f"Invalid value for condition operator {operator}: {text}"
            raise S3Error("MalformedPolicy", message)
    patterns = tuple(Pattern(text, has_variables=has_variables) for text in texts)
    return Condition(operator, key_of(key), patterns, compare, is_negated, if_exists, quantifier)


def _unknown_operator(operator: str) -> S3Error:
    return S3Error("MalformedPolicy", f"Invalid Condition type : {operator}")


def _text(value: Any) -> str:
    """A value as a text: booleans and numbers of JSON are allowed for any operator."""
    if isinstance(value, bool):
        return _boolean(value)
    if isinstance(value, str | int | float):
        return str(value)
    raise S3Error("MalformedPolicy", "Condition values must be texts, numbers or booleans")


def _boolean(value: bool) -> str:
    return "true" if value else "false"


_KEY = re.compile(r"[A-Za-z0-9-]+:[^\s:/]+(/.+)?", re.DOTALL)

S3_KEYS = frozenset(
    {
        "s3:accessgrantsinstancearn",
        "s3:accesspointnetworkorigin",
        "s3:authtype",
        "s3:bucketnamespace",
        "s3:buckettag",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:dataaccesspointtag",
        "s3:delimiter",
        "s3:destinationregion",
        "s3:existingjoboperation",
        "s3:existingjobpriority",
        "s3:existingobjecttag",
        "s3:if-match",
        "s3:if-none-match",
        "s3:inventoryaccessibleoptionalfields",
        "s3:jobsuspendedcause",
        "s3:locationconstraint",
        "s3:max-keys",
        "s3:metadatatablearn",
        "s3:object-lock-legal-hold",
        "s3:object-lock-mode",
        "s3:object-lock-remaining-retention-days",
        "s3:object-lock-retain-until-date",
        "s3:objectcreationoperation",
        "s3:prefix",
        "s3:requestjoboperation",
        "s3:requestjobpriority",
        "s3:requestobjecttag",
        "s3:requestobjecttagkeys",
        "s3:resourceaccount",
        "s3:signatureage",
        "s3:signatureversion",
        "s3:tlsversion",
        "s3:versionid",
        "s3:x-amz-acl",
        "s3:x-amz-content-sha256",
        "s3:x-amz-copy-source",
        "s3:x-amz-grant-full-control",
        "s3:x-amz-grant-read",
        "s3:x-amz-grant-read-acp",
        "s3:x-amz-grant-write",
        "s3:x-amz-grant-write-acp",
        "s3:x-amz-metadata-directive",
        "s3:x-amz-object-ownership",
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-server-side-encryption-customer-algorithm",
        "s3:x-amz-storage-class",
        "s3:x-amz-website-redirect-location",
    }
)
"""https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html"""


CONDITION_MEMBERS = frozenset(
    {
        "ACL",
        "GrantFullControl",
        "GrantRead",
        "GrantReadACP",
        "GrantWriteACP",
        "ObjectLockLegalHoldStatus",
        "ObjectLockMode",
        "ObjectLockRetainUntilDate",
        "SSEKMSKeyId",
        "ServerSideEncryption",
        "StorageClass",
        "Tagging",
        "WebsiteRedirectLocation",
    }
)
"""Members of CreateMultipartUpload about the new object that condition keys are about."""


def _check_key(key: str) -> None:
    name = key_of(key).partition("/")[0]
    if not _KEY.fullmatch(key) or (name.startswith("s3:") and name not in S3_KEYS):
        raise S3Error("MalformedPolicy", "Policy has an invalid condition key")
