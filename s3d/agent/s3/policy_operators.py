"""The operators of conditions: how a value of the request is compared with one of a policy. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from s3d.agent.s3.policy_patterns import Lookup, Pattern, tokens_of
from s3d.shared.filters.globs import Glob

Compare = Callable[[str, Pattern, Lookup], bool]
"""(value of the request, value of the policy, values of variables) -> whether they fit."""

Check = Callable[[str], bool]
"""Whether a policy may have this value."""


def _equals(value: str, expected: Pattern, lookup: Lookup) -> bool:
    return expected.literal(lookup) == value


def _equals_ignoring_case(value: str, expected: Pattern, lookup: Lookup) -> bool:
    literal = expected.literal(lookup)
    return literal is not None and literal.lower() == value.lower()


def _like(value: str, expected: Pattern, lookup: Lookup) -> bool:
    return expected.matches(value, lookup)


def _arn_like(value: str, expected: Pattern, lookup: Lookup) -> bool:
    """Each of the six fields is compared by itself: no wildcard reaches over a colon of the first
    five."""
    pattern = expected.literal(lookup)
    if pattern is None:
        return False
    if pattern == "*":
        return True
    fields, given = pattern.split(":", 5), value.split(":", 5)
    if len(fields) != len(given):
        return False
    return all(
        Glob(tokens_of(field)).matches(part) for field, part in zip(fields, given, strict=True)
    )


def _bool(value: str, expected: Pattern, lookup: Lookup) -> bool:
    return (expected.literal(lookup) or "").lower() == value.lower()


def _in_network(value: str, expected: Pattern, lookup: Lookup) -> bool:
    network, address = _network(expected.literal(lookup) or ""), _address(value)
    return network is not None and address is not None and address in network


def _numeric(holds: Callable[[Decimal, Decimal], bool]) -> Compare:
    return _ordered(_number, holds)


def _date(holds: Callable[[datetime, datetime], bool]) -> Compare:
    return _ordered(_time, holds)


def _ordered(read: Callable[[str], Any], holds: Callable[[Any, Any], bool]) -> Compare:
    def compare(value: str, expected: Pattern, lookup: Lookup) -> bool:
        left, right = read(value), read(expected.literal(lookup) or "")
        return left is not None and right is not None and holds(left, right)

    return compare


@lru_cache(256)
def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?(Z|[+-]\d\d:?\d\d)?")


@lru_cache(256)
def _time(text: str) -> datetime | None:
    """A time of ISO 8601, or seconds since 1970."""
    text = text.strip()
    try:
        if re.fullmatch(r"-?\d{1,12}(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        if not _DATE.fullmatch(text):
            return None
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


@lru_cache(256)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_boolean(text: str) -> bool:
    return text.lower() in ("true", "false")


def _is_number(text: str) -> bool:
    return _number(text) is not None


def _is_time(text: str) -> bool:
    return _time(text) is not None


def _is_network(text: str) -> bool:
    return _network(text) is not None


OPERATORS: Mapping[str, tuple[Compare | None, bool, Check | None]] = {
    "StringEquals": (_equals, False, None),
    "StringNotEquals": (_equals, True, None),
    "StringEqualsIgnoreCase": (_equals_ignoring_case, False, None),
    "StringNotEqualsIgnoreCase": (_equals_ignoring_case, True, None),
    "StringLike": (_like, False, None),
    "StringNotLike": (_like, True, None),
    "NumericEquals": (_numeric(Decimal.__eq__), False, _is_number),
    "NumericNotEquals": (_numeric(Decimal.__eq__), True, _is_number),
    "NumericLessThan": (_numeric(Decimal.__lt__), False, _is_number),
    "NumericLessThanEquals": (_numeric(Decimal.__le__), False, _is_number),
    "NumericGreaterThan": (_numeric(Decimal.__gt__), False, _is_number),
    "NumericGreaterThanEquals": (_numeric(Decimal.__ge__), False, _is_number),
    "DateEquals": (_date(datetime.__eq__), False, _is_time),
    "DateNotEquals": (_date(datetime.__eq__), True, _is_time),
    "DateLessThan": (_date(datetime.__lt__), False, _is_time),
    "DateLessThanEquals": (_date(datetime.__le__), False, _is_time),
    "DateGreaterThan": (_date(datetime.__gt__), False, _is_time),
    "DateGreaterThanEquals": (_date(datetime.__ge__), False, _is_time),
    "Bool": (_bool, False, _is_boolean),
    "BinaryEquals": (_equals, False, None),
    "IpAddress": (_in_network, False, _is_network),
    "NotIpAddress": (_in_network, True, _is_network),
    "ArnEquals": (_arn_like, False, None),
    "ArnLike": (_arn_like, False, None),
    "ArnNotEquals": (_arn_like, True, None),
    "ArnNotLike": (_arn_like, True, None),
    "Null": (None, False, _is_boolean),
}
"""Operator -> how it compares, whether it asks that nothing fits, which values it takes."""
