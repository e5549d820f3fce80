"""The rules that AWS checks when a lifecycle configuration is put, and the ids that it fills in.

Pure but for the ids. What a configuration does is in s3/lifecycle.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from s3d.agent.s3.errors import S3Error

MAX_RULES = 1000
MAX_ID = 255
SECONDS_A_DAY = 86_400
ACTIONS = frozenset(
    {
        "AbortIncompleteMultipartUpload",
        "Expiration",
        "NoncurrentVersionExpiration",
        "NoncurrentVersionTransitions",
        "Transitions",
    }
)
_PERIODS = (
    ("Expiration", "Days"),
    ("NoncurrentVersionExpiration", "NoncurrentDays"),
    ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
)
"""Action of a rule -> its member that counts days."""


def check_lifecycle(configuration: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html"""
    rules = configuration.get("Rules") or []
    if not 1 <= len(rules) <= MAX_RULES:
        raise S3Error("MalformedXML")
    names = Counter(rule["ID"] for rule in rules if rule.get("ID"))
    if any(count > 1 for count in names.values()):
        raise S3Error("InvalidArgument", "Rule ID must be unique. Found same ID for two rules")
    if any(len(name) > MAX_ID for name in names):
        raise S3Error("InvalidArgument", f"ID length should not exceed limit of {MAX_ID}")
    for rule in rules:
        if rule["Status"] not in ("Enabled", "Disabled"):
            raise S3Error("MalformedXML")
        if not ACTIONS & rule.keys():
            message = "At least one action needs to be specified in a rule"
            raise S3Error("InvalidRequest", message)
        _check_filter(rule)
        _check_periods(rule)
        _check_dates(rule)


def assign_ids(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, in which each rule has an ID; S3 makes one for a rule without."""
    rules = configuration["Rules"]
    return {**configuration, "Rules": [{**r, "ID": r.get("ID") or str(uuid4())} for r in rules]}


def _check_filter(rule: Mapping[str, Any]) -> None:
    """Raise MalformedXML unless a rule has one condition, or an And of two or more; InvalidRequest
    for a prefix beside the filter, and for a tag that is named twice.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleFilter.html
    https://github.com/hashicorp/terraform-provider-aws/issues/23882
    """
    given = rule.get("Filter")
    if given is None:
        if "Prefix" not in rule:
            raise S3Error("MalformedXML")
        return
    if "Prefix" in rule:
        message = "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported "
        raise S3Error("InvalidRequest", f"{message}in the Filter.")
    together = given.get("And")
    if len(given) > 1 or (together is not None and _conditions(together) < 2):
        raise S3Error("MalformedXML")
    names = [tag["Key"] for tag in (together or {}).get("Tags") or ()]
    if len(names) > len(set(names)):
        raise S3Error("InvalidRequest", "Duplicate Tag Keys are not allowed.")


def _conditions(together: Mapping[str, Any]) -> int:
    tags = together.get("Tags") or ()
    return len(tags) + len(together.keys() - {"Tags"})


def _check_periods(rule: Mapping[str, Any]) -> None:
    """Raise InvalidArgument for days that are not positive, and in a transition for negative ones;
    MalformedXML for an expiration of noncurrent versions without any limit.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html
    """
    for action, member in _PERIODS:
        days = (rule.get(action) or {}).get(member)
        if days is not None and days <= 0:
            message = f"'{member}' for {action} action must be a positive integer"
            raise S3Error("InvalidArgument", message)
    if rule.get("NoncurrentVersionExpiration") == {}:
        raise S3Error("MalformedXML")
    for action, member, days in _transition_days(rule):
        if days < 0:
            raise S3Error("InvalidArgument", f"'{member}' for {action} action must be nonnegative")


def _transition_days(rule: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """(action, member, days) of each transition that counts days."""
    for action, member in (
        ("Transition", "Days"),
        ("NoncurrentVersionTransition", "NoncurrentDays"),
    ):
        for transition in rule.get(f"{action}s") or ():
            if transition.get(member) is not None:
                yield action, member, transition[member]


def _check_dates(rule: Mapping[str, Any]) -> None:
    """Raise S3Error for a date that is not midnight, and for a mixture of dates and days."""
    actions = [rule.get("Expiration") or {}, *(rule.get("Transitions") or ())]
    for action in actions:
        if len({"Date", "Days", "ExpiredObjectDeleteMarker"} & action.keys()) > 1:
            raise S3Error("MalformedXML")
        if "Date" in action and action["Date"].timestamp() % SECONDS_A_DAY:
            raise S3Error("InvalidArgument", "'Date' must be at midnight GMT")
    if {"Date", "Days"} <= {member for action in actions for member in action}:
        message = "Found mixed 'Date' and 'Days' based Expiration and Transition actions"
        raise S3Error("InvalidRequest", f"{message} in lifecycle rule")
