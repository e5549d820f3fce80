"""The rules that AWS checks when a lifecycle configuration is put, and the ids that it fills in.

Pure but for the ids. What a configuration does is in s3/lifecycle.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from uuid import uuid4

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.local.lifecycle_transitions import check_dates_beside_days, check_transitions

MAX_RULES = 1000
MAX_ID = 255
MAX_SIZE = 1_099_511_627_776_000
"""Bytes of the largest size that a filter may name."""
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
_SIZES = {"ObjectSizeGreaterThan": 0, "ObjectSizeLessThan": 1}
"""Condition -> its least value."""


def check_lifecycle(configuration: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html"""
    rules = configuration.get("Rules") or []
    if not 1 <= len(rules) <= MAX_RULES:
        raise S3Error("MalformedXML")
    names = Counter(rule["ID"] for rule in rules if rule.get("ID"))
    if any(count > 1 for count in names.values()):
        message = "Rule ID must be unique. Found same ID for more than one rule"
        raise S3Error("InvalidArgument", message)
    if any(len(name) > MAX_ID for name in names):
        raise S3Error("InvalidArgument", f"ID length should not exceed allowed limit of {MAX_ID}")
    for rule in rules:
        if rule["Status"] not in ("Enabled", "Disabled"):
            raise S3Error("MalformedXML")
        if not ACTIONS & rule.keys():
            message = "At least one action needs to be specified in a rule"
            raise S3Error("InvalidRequest", message)
        _check_form(rule, rules[0])
        _check_filter(rule)
        _check_selectable(rule)
        _check_periods(rule)
        _check_dates(rule)
        check_transitions(rule)
        check_dates_beside_days(rule)
    if "Filter" not in rules[0]:
        _check_prefixes(rules)


def assign_ids(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration, in which each rule has an ID; S3 makes one for a rule without."""
    rules = configuration["Rules"]
    return {**configuration, "Rules": [{**r, "ID": r.get("ID") or str(uuid4())} for r in rules]}


def _check_form(rule: Mapping[str, Any], first: Mapping[str, Any]) -> None:
    """Raise MalformedXML for a rule without a filter and a prefix; InvalidRequest for one with
    another of them than the first rule of its configuration, or with what came with filters.

    https://github.com/hashicorp/terraform-provider-aws/issues/23299
    https://github.com/hashicorp/terraform-provider-aws/issues/23228
    """
    if not {"Filter", "Prefix"} & rule.keys():
        raise S3Error("MalformedXML")
    if "Filter" in first:
        if "Prefix" in rule:
            message = "Base level prefix cannot be used in Lifecycle V2, prefixes are only "
            raise S3Error("InvalidRequest", f"{message}supported in the Filter.")
        return
    members = {**rule, **(rule.get("NoncurrentVersionExpiration") or {})}
    for name in ("Filter", "NewerNoncurrentVersions"):
        if name in members:
            message = f"{name} element can only be used in Lifecycle V2."
            raise S3Error("InvalidRequest", message)


def _check_prefixes(rules: Sequence[Mapping[str, Any]]) -> None:
    """Raise InvalidRequest when two rules that have no filter do the same to one object.

    https://github.com/noobaa/noobaa-core/issues/8341
    """
    for action in sorted(ACTIONS):
        prefixes = sorted(rule["Prefix"] or "" for rule in rules if action in rule)
        for short, long in pairwise(prefixes):
            if long.startswith(short):
                message = f"Found overlapping prefixes '{short}' and '{long}' for same action type "
                raise S3Error("InvalidRequest", f"{message}'{action.removesuffix('s')}'")


def _check_filter(rule: Mapping[str, Any]) -> None:
    """Raise MalformedXML unless a filter has one condition, or an And of two or more;
    InvalidRequest for a tag that is named twice.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleFilter.html
    https://github.com/hashicorp/terraform-provider-aws/issues/23882
    """
    given = rule.get("Filter")
    if given is None:
        return
    together = given.get("And")
    if len(given) > 1 or (together is not None and _conditions(together) < 2):
        raise S3Error("MalformedXML")
    names = [tag["Key"] for tag in (together or {}).get("Tags") or ()]
    if len(names) > len(set(names)):
        raise S3Error("InvalidRequest", "Duplicate Tag Keys are not allowed.")


def _conditions(together: Mapping[str, Any]) -> int:
    tags = together.get("Tags") or ()
    return len(tags) + len(together.keys() - {"Tags"})


def _check_selectable(rule: Mapping[str, Any]) -> None:
    """Raise InvalidRequest for an action on what has neither tags nor a size, below a filter that
    asks for them: delete markers and unfinished uploads; and for sizes that no object has.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-filters.html
    """
    given = rule.get("Filter") or {}
    conditions = given.get("And") or given
    sizes = {name: conditions[name] for name in _SIZES if name in conditions}
    for name, size in sizes.items():
        if not _SIZES[name] <= size <= MAX_SIZE:
            message = f"'{name}' should be between {_SIZES[name]} and {MAX_SIZE}."
            raise S3Error("InvalidRequest", message)
    if len(sizes) == 2 and sizes["ObjectSizeLessThan"] <= sizes["ObjectSizeGreaterThan"]:
        message = "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."
        raise S3Error("InvalidRequest", message)
    actions = {**rule, **(rule.get("Expiration") or {})}
    for action in ("AbortIncompleteMultipartUpload", "ExpiredObjectDeleteMarker"):
        for name, words in (("Tags", {"Tag", "Tags"}), ("Object Size", _SIZES.keys())):
            if action in actions and not words.isdisjoint(conditions):
                raise S3Error("InvalidRequest", f"{action} cannot be specified with {name}.")


def _check_periods(rule: Mapping[str, Any]) -> None:
    """Raise MalformedXML for an action that does not say when; InvalidArgument for days, and for
    numbers of versions, that are not positive.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html
    """
    if rule.get("Expiration") == {}:
        raise S3Error("MalformedXML")
    for action, member in _PERIODS:
        days = (rule.get(action) or {}).get(member)
        if days is None and action in rule and action != "Expiration":
            raise S3Error("MalformedXML")
        if days is not None and days <= 0:
            message = f"'{member}' for {action} action must be a positive integer"
            raise S3Error("InvalidArgument", message)
    newer = (rule.get("NoncurrentVersionExpiration") or {}).get("NewerNoncurrentVersions")
    if newer is not None and newer <= 0:
        message = "'NewerNoncurrentVersions' must be a positive integer"
        raise S3Error("InvalidArgument", message)


def _check_dates(rule: Mapping[str, Any]) -> None:
    """Raise S3Error for a date that is not midnight, and for one beside days in one action."""
    actions = [rule.get("Expiration") or {}, *(rule.get("Transitions") or ())]
    for action in actions:
        if len({"Date", "Days", "ExpiredObjectDeleteMarker"} & action.keys()) > 1:
            raise S3Error("MalformedXML")
        if "Date" in action and action["Date"].timestamp() % SECONDS_A_DAY:
            raise S3Error("InvalidArgument", "'Date' must be at midnight GMT")
