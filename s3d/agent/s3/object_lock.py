"""Object lock: which versions may not be deleted, and how a retention may change.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
Pure; the time is always an argument. The state of a version is in its description, by the members
of GetObject: ObjectLockMode, ObjectLockRetainUntilDate and ObjectLockLegalHoldStatus.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.agent.s3.scalars import iso_time

GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
MODES = frozenset({GOVERNANCE, COMPLIANCE})

_PROTECTED = "Access Denied because object protected by object lock."
_DAYS_A_YEAR = 365


def check_deletion(version: Mapping[str, Any], *, may_bypass: bool, now: float) -> None:
    """Raise AccessDenied for a version that a legal hold or a retention protects.

    may_bypass: the request has x-amz-bypass-governance-retention. now: Unix seconds.
    """
    if version.get("ObjectLockLegalHoldStatus") == "ON":
        raise S3Error("AccessDenied", _PROTECTED)
    mode = _mode_in_force(version, now)
    if mode == COMPLIANCE or (mode == GOVERNANCE and not may_bypass):
        raise S3Error("AccessDenied", _PROTECTED)


def check_retention_change(
    version: Mapping[str, Any], retention: Mapping[str, Any], *, may_bypass: bool, now: float
) -> None:
    """Raise AccessDenied for a retention that would protect a version less than the one in force.

    Anyone may extend a retention in its mode. Only a bypass may shorten, remove or change one in
    governance mode, and nobody one in compliance mode. retention: Mode and RetainUntilDate; empty:
    none.
    """
    mode = _mode_in_force(version, now)
    if mode is None or (mode == GOVERNANCE and may_bypass):
        return
    until = retention.get("RetainUntilDate")
    is_extended = until is not None and until >= version["ObjectLockRetainUntilDate"]
    if retention.get("Mode") != mode or not is_extended:
        raise S3Error("AccessDenied", _PROTECTED)


def check_end(until: datetime, *, argument: str, now: float) -> None:
    """Raise InvalidArgument for a new retention that has ended. argument: its name in the error."""
    if until.timestamp() <= now:
        raise S3Error(
            "InvalidArgument",
            "The retain until date must be in the future!",
            ArgumentName=argument,
            ArgumentValue=iso_time(until),
        )


def default_retention(configuration: Mapping[str, Any], now: float) -> Members:
    """The members that a new version gets from the bucket's ObjectLockConfiguration, if any.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DefaultRetention.html
    """
    rule = (configuration.get("Rule") or {}).get("DefaultRetention") or {}
    days = rule.get("Days") or rule.get("Years", 0) * _DAYS_A_YEAR
    if not days:
        return {}
    until = datetime.fromtimestamp(int(now), UTC) + timedelta(days=days)
    return {"ObjectLockMode": rule["Mode"], "ObjectLockRetainUntilDate": until}


def _mode_in_force(version: Mapping[str, Any], now: float) -> str | None:
    """The mode of the retention, unless it has ended."""
    until = version.get("ObjectLockRetainUntilDate")
    if until is None or until.timestamp() <= now:
        return None
    return str(version.get("ObjectLockMode"))
