"""Lifecycle rules: which versions and uploads have expired, and when an object will. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html

S3 adds the days of a rule to the time of an object and rounds the result up to the next midnight
UTC. Of several rules that match, the earliest expiration counts. Transitions are not carried out:
an embedded store has one kind of storage.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from s3d.agent.s3.messages import Members

DAY = 86_400
"""Seconds."""


class Version(NamedTuple):
    """What rules look at of one version of an object, or of a delete marker."""

    key: str
    modified: float
    """Unix seconds."""
    size: int = 0
    tags: Mapping[str, str] = {}
    is_marker: bool = False
    noncurrent_since: float | None = None
    """Unix seconds: when a newer version took its place; None for the current one."""
    newer_noncurrent: int = 0
    """How many noncurrent versions of its key are newer."""
    is_only: bool = False
    """True when its key has no other version."""


class Expiry(NamedTuple):
    """When a rule removes an object."""

    at: float
    """Unix seconds."""
    rule_id: str


def enabled(rules: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rules of a LifecycleConfiguration that are in force."""
    return [rule for rule in rules if rule.get("Status") == "Enabled"]


def matches(rule: Mapping[str, Any], version: Version) -> bool:
    """Whether the filter of a rule selects a version.

    A delete marker has no tags and no size, so only a rule with a prefix alone selects it.
    """
    conditions = _conditions(rule)
    if not version.key.startswith(conditions.get("Prefix") or ""):
        return False
    wanted_tags = [*conditions.get("Tags", ()), *filter(None, [conditions.get("Tag")])]
    above, below = (conditions.get(f"ObjectSize{bound}Than") for bound in ("Greater", "Less"))
    if version.is_marker:
        return not wanted_tags and above is None and below is None
    if any(version.tags.get(tag["Key"]) != tag["Value"] for tag in wanted_tags):
        return False
    return (above is None or version.size > above) and (below is None or version.size < below)


def expiry_of(rules: Iterable[Mapping[str, Any]], version: Version) -> Expiry | None:
    """When the current version of an object will expire, by the earliest of the enabled rules."""
    expiries = [
        Expiry(at, str(rule.get("ID", "")))
        for rule in rules
        if matches(rule, version) and (at := _expires(rule, version.modified)) is not None
    ]
    return min(expiries, default=None)


def expiration_member(expiry: Expiry | None) -> Members:
    """The member Expiration (x-amz-expiration) of an object; empty without an expiry."""
    if expiry is None:
        return {}
    date = format_datetime(datetime.fromtimestamp(expiry.at, UTC), usegmt=True)
    return {"Expiration": f'expiry-date="{date}", rule-id="{quote(expiry.rule_id)}"'}


def has_expired(rules: Iterable[Mapping[str, Any]], version: Version, now: float) -> bool:
    """Whether a rule removes a version by now, or hides it behind a delete marker.

    now: Unix seconds.
    """
    return any(matches(rule, version) and _removes(rule, version, now) for rule in rules)


def abort_of(rules: Iterable[Mapping[str, Any]], key: str, initiated: float) -> Expiry | None:
    """When a multipart upload that was initiated then is aborted unless it is complete, by the
    earliest of the enabled rules."""
    expiries = []
    for rule in rules:
        days = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
        prefix = _conditions(rule).get("Prefix") or ""
        if days is not None and key.startswith(prefix):
            expiries.append(Expiry(_midnight_after(initiated, days), str(rule.get("ID", ""))))
    return min(expiries, default=None)


def abort_members(expiry: Expiry | None) -> Members:
    """The members AbortDate and AbortRuleId of an upload; empty when no rule aborts it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
    """
    if expiry is None:
        return {}
    return {"AbortDate": datetime.fromtimestamp(expiry.at, UTC), "AbortRuleId": expiry.rule_id}


def _conditions(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """The conditions of a rule in one mapping: Filter, its And, or the deprecated Prefix."""
    given = rule.get("Filter")
    if given is None:
        return {"Prefix": rule.get("Prefix")}
    together: Mapping[str, Any] | None = given.get("And")
    return given if together is None else together


def _removes(rule: Mapping[str, Any], version: Version, now: float) -> bool:
    if version.noncurrent_since is not None:
        return _noncurrent_expired(rule, version, now)
    if not version.is_marker:
        at = _expires(rule, version.modified)
        return at is not None and at <= now
    # A marker is of no use once no older version is hidden by it.
    if not version.is_only:
        return False
    if (rule.get("Expiration") or {}).get("ExpiredObjectDeleteMarker"):
        return True
    at = _expires(rule, version.modified)
    return at is not None and at <= now


def _noncurrent_expired(rule: Mapping[str, Any], version: Version, now: float) -> bool:
    limits = rule.get("NoncurrentVersionExpiration")
    if limits is None or version.noncurrent_since is None:
        return False
    if version.newer_noncurrent < (limits.get("NewerNoncurrentVersions") or 0):
        return False
    days = limits.get("NoncurrentDays")
    return days is not None and _midnight_after(version.noncurrent_since, days) <= now


def _expires(rule: Mapping[str, Any], modified: float) -> float | None:
    """When a rule expires a current object that was written then."""
    expiration = rule.get("Expiration") or {}
    date, days = expiration.get("Date"), expiration.get("Days")
    if date is not None:
        return float(date.timestamp())
    return None if days is None else _midnight_after(modified, days)


def _midnight_after(time: float, days: int) -> float:
    return float(math.ceil((time + days * DAY) / DAY) * DAY)
