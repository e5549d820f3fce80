"""The policy of a POST Object form: verifies its signature and that it allows the form.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
Version 4 and Version 2 policies. The bucket is that of the URL, never that of a field.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from s3d.agent.s3 import sigv2
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.signature_elements import (
    ALGORITHM,
    parse_credential,
    parse_date,
    signing_key,
    to_bytes,
)

MAX_FILE = 5 * 1024**3
"""Bytes of a file when the policy has no content-length-range."""

_V4_FIELDS = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
_V2_FIELDS = ("awsaccesskeyid", "signature")
_EXEMPT = frozenset({"policy", "file", "x-amz-signature", *_V2_FIELDS})
"""Fields that no condition needs to name; so are those that begin with x-ignore-."""
_NOBODY = "nobody has this secret"

SecretOf = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class FormGrant:
    """What a verified policy allows. Only verify_policy makes one."""

    access_key: str
    min_size: int
    """Bytes of the file."""
    max_size: int

    def check_growth(self, size: int) -> None:
        """Call while the file comes, with its size so far. Raises EntityTooLarge."""
        if size > self.max_size:
            raise S3Error("EntityTooLarge", ProposedSize=size, MaxSizeAllowed=self.max_size)

    def check_size(self, size: int) -> None:
        """Call at the end of the file. Raises EntityTooLarge, EntityTooSmall."""
        self.check_growth(size)
        if size < self.min_size:
            raise S3Error("EntityTooSmall", ProposedSize=size, MinSizeAllowed=self.min_size)


def verify_policy(
    fields: Mapping[str, str], bucket: str, secret_of: SecretOf, now: float
) -> FormGrant:
    """The grant of a form whose fields are complete. fields: lower-case name -> value.

    Raises S3Error: AccessDenied (no policy, expired, a condition is not met, a field that no
    condition names), InvalidPolicyDocument, InvalidArgument, InvalidAccessKeyId,
    SignatureDoesNotMatch.
    """
    if "policy" not in fields:
        raise S3Error("AccessDenied")
    forms = any(f in fields for f in _V4_FIELDS), any(f in fields for f in _V2_FIELDS)
    if all(forms):
        raise S3Error("InvalidArgument", "Only one auth mechanism allowed")
    access_key = (_signed_by_v2 if forms[1] else _signed_by_v4)(fields, secret_of)
    policy = _decode(fields["policy"])
    if now > _expiration(policy):
        raise _denied("Policy expired.")
    values = {**fields, "bucket": bucket}
    smallest, largest = _check_conditions(policy, values)
    return FormGrant(access_key, smallest, largest)


def is_signed(fields: Mapping[str, str]) -> bool:
    """False for an anonymous form, which has neither a policy nor any part of a signature."""
    return not fields.keys().isdisjoint(("policy", *_V4_FIELDS, *_V2_FIELDS))


def signature_version(fields: Mapping[str, str]) -> str:
    """As the condition key s3:signatureversion has it; fields: of a form that verify_policy takes.

    https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
    """
    return ALGORITHM if any(field in fields for field in _V4_FIELDS) else "AWS"


def _signed_by_v4(fields: Mapping[str, str], secret_of: SecretOf) -> str:
    algorithm, credential, date, signature = _required(fields, _V4_FIELDS)
    if algorithm != ALGORITHM:
        raise _bad_field("X-Amz-Algorithm", f"X-Amz-Algorithm only supports {ALGORITHM}")
    scope = parse_credential(credential, "InvalidArgument")
    if parse_date(date) is None or date[:8] != scope.day:
        raise _bad_field("X-Amz-Date", "X-Amz-Date must be an ISO8601 date of the Credential's day")
    secret = secret_of(scope.access_key)
    key = signing_key(_NOBODY if secret is None else secret, scope.day, scope.region)
    right = hmac.digest(key, to_bytes(fields["policy"]), "sha256").hex().encode()
    _judge(right, signature, scope.access_key, known=secret is not None)
    return scope.access_key


def _signed_by_v2(fields: Mapping[str, str], secret_of: SecretOf) -> str:
    access_key, signature = _required(fields, _V2_FIELDS)
    secret = secret_of(access_key)
    right = sigv2.sign(_NOBODY if secret is None else secret, to_bytes(fields["policy"]))
    _judge(right, signature, access_key, known=secret is not None)
    return access_key


def _judge(right: bytes, signature: str, access_key: str, *, known: bool) -> None:
    same = hmac.compare_digest(right, to_bytes(signature))
    if not known:
        raise S3Error("InvalidAccessKeyId", AWSAccessKeyId=access_key)
    if not same:
        raise S3Error("SignatureDoesNotMatch", AWSAccessKeyId=access_key)


def _required(fields: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    for name in names:
        if not fields.get(name):
            raise _bad_field(
                name,
                f"Bucket POST must contain a field named '{name}'.  If it is specified, please "
                "check the order of the fields.",
            )
    return [fields[name] for name in names]


def _decode(text: str) -> Mapping[str, Any]:
    try:
        policy = json.loads(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, RecursionError) as error:
        raise _bad_policy("it must be the base64 form of a JSON document.") from error
    if not isinstance(policy, dict):
        raise _bad_policy("it must be a JSON object.")
    return policy


def _expiration(policy: Mapping[str, Any]) -> float:
    """Unix seconds."""
    text = policy.get("expiration")
    if text is None:
        raise _bad_policy("Policy missing expiration.")
    try:
        if isinstance(text, str) and text.endswith("Z"):
            return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        pass
    raise _bad_policy("Invalid 'expiration' value.")


def _check_conditions(policy: Mapping[str, Any], values: Mapping[str, str]) -> tuple[int, int]:
    """The allowed size of the file, when every condition holds and covers every field.

    The bucket needs a condition, too, also when no field names it:
    https://github.com/aws/aws-sdk-php/issues/3292
    """
    conditions = policy.get("conditions")
    if not isinstance(conditions, list):
        raise _bad_policy("Policy missing conditions.")
    smallest, largest, covered = 0, MAX_FILE, set()
    for condition in conditions:
        for operator, name, operand in _rows(condition):
            if operator == "content-length-range":
                smallest, largest = max(smallest, _size(name)), min(largest, _size(operand))
                continue
            covered.add(_check_one(operator, name, operand, values))
    extra = {name for name in values.keys() - covered - _EXEMPT if not name.startswith("x-ignore-")}
    if extra:
        raise _denied(f"Extra input fields: {', '.join(sorted(extra))}")
    return smallest, largest


def _rows(condition: object) -> list[tuple[str, Any, Any]]:
    """Conditions as (operator, operand, operand): {"acl": "private"} is eq, $acl, private."""
    if isinstance(condition, dict):
        if len(condition) != 1:
            raise _bad_policy(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property "
                "specified."
            )
        return [("eq", f"${name}", value) for name, value in condition.items()]
    if isinstance(condition, list) and len(condition) == 3 and isinstance(condition[0], str):
        return [(condition[0].lower(), condition[1], condition[2])]
    raise _bad_policy("Invalid condition.")


def _check_one(operator: str, name: object, operand: object, values: Mapping[str, str]) -> str:
    """The lower-case field that a condition names, when the condition holds."""
    matches = _MATCHES.get(operator)
    if matches is None:
        raise _bad_policy(f"unknown operation {operator!a}.")
    if not (isinstance(name, str) and name.startswith("$") and isinstance(operand, str)):
        raise _bad_policy("Invalid condition: a field name with $ and a string are needed.")
    field = name[1:].lower()
    value = values.get(field, "")
    # A list of content types meets a starts-with condition when each of its items does.
    items = value.split(",") if (operator, field) == ("starts-with", "content-type") else [value]
    if not all(matches(item.strip(" ") if len(items) > 1 else item, operand) for item in items):
        raise _denied(f"Policy Condition failed: {json.dumps([operator, name, operand])}")
    return field


def _size(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _bad_policy("Invalid content-length-range.")


def _denied(why: str) -> S3Error:
    return S3Error("AccessDenied", f"Invalid according to Policy: {why}")


def _bad_policy(why: str) -> S3Error:
    return S3Error("InvalidPolicyDocument", f"Invalid Policy: {why}")


def _bad_field(name: str, why: str) -> S3Error:
    return S3Error("InvalidArgument", why, ArgumentName=name)


_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "eq": str.__eq__,
    "starts-with": str.startswith,
}
