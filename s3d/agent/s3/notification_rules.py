"""The notification configuration of a bucket: its validation, and what it selects. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.event_names import matching, selected

ARN = "arn:s3d:"
"""What the ARNs of all targets begin with: arn:s3d:TYPE:::NAME."""
MAX_VALUE = 1024
"""Bytes of a prefix or suffix."""
_KINDS = (
    ("QueueConfigurations", "QueueArn", "queue"),
    ("TopicConfigurations", "TopicArn", "topic"),
    ("LambdaFunctionConfigurations", "LambdaFunctionArn", "Lambda function"),
)
"""Member of the configuration -> its member with the ARN, and its name in messages."""
_TESTED = ("QueueConfigurations", "TopicConfigurations")
"""S3 sends no test message to a Lambda function."""


class Rule(NamedTuple):
    """Which events of a bucket go to which target."""

    id: str
    target: str
    """Name of the target."""
    events: frozenset[str]
    """Without "s3:", as messages have them."""
    prefix: str = ""
    suffix: str = ""

    def selects(self, event: str, key: str) -> bool:
        return event in self.events and key.startswith(self.prefix) and key.endswith(self.suffix)


def target_arn(kind: str, name: str) -> str:
    """The ARN of a target: kind is "webhook" or "sqs"."""
    return f"{ARN}{kind}:::{name}"


def rules_of(configuration: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of a configuration that check() accepts."""
    return tuple(
        Rule(
            str(one.get("Id", "")),
            one[member].rpartition(":")[2],
            selected(one["Events"]),
            *_filter_of(one),
        )
        for member, one, _ in _configurations(configuration)
    )


def probed_targets(configuration: Mapping[str, Any]) -> list[str]:
    """Names of the targets that get a test message, each once."""
    tested = {kind: configuration.get(kind) or () for kind in _TESTED}
    return list(dict.fromkeys(rule.target for rule in rules_of(tested)))


def check(configuration: Mapping[str, Any], arns: Collection[str]) -> None:
    """Raise the S3Error InvalidArgument of AWS. arns: of the targets that exist."""
    for member, one, kind in _configurations(configuration):
        for selector in one["Events"]:
            if not matching(selector):
                message = "A specified event is not supported for notifications."
                raise S3Error(
                    "InvalidArgument", message, ArgumentName="Event", ArgumentValue=selector
                )
        _check_filter(one)
        if one[member] not in arns:
            raise _unknown_destination(one[member], kind, arns)
    _check_overlaps(rules_of(configuration))


def _configurations(
    configuration: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    for kind, member, name in _KINDS:
        for one in configuration.get(kind) or ():
            yield member, one, name


def _filter_rules(one: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    key = (one.get("Filter") or {}).get("Key") or {}
    return key.get("FilterRules") or ()


def _filter_of(one: Mapping[str, Any]) -> tuple[str, str]:
    """Prefix and suffix."""
    values = {rule["Name"].lower(): rule.get("Value") or "" for rule in _filter_rules(one)}
    return values.get("prefix", ""), values.get("suffix", "")


def _check_filter(one: Mapping[str, Any]) -> None:
    seen = set()
    for rule in _filter_rules(one):
        name, value = str(rule.get("Name", "")).lower(), rule.get("Value") or ""
        if name not in ("prefix", "suffix"):
            message = "filter rule name must be either prefix or suffix"
            raise S3Error("InvalidArgument", message, ArgumentName="FilterRule.Name")
        if name in seen:
            message = f"Cannot specify more than one {name} rule in a filter."
            raise S3Error("InvalidArgument", message, ArgumentName="FilterRule.Name")
        if len(value.encode()) > MAX_VALUE:
            message = f"Size of filter rule value cannot exceed {MAX_VALUE} bytes in UTF-8 "
            message += "representation"
            raise S3Error("InvalidArgument", message, ArgumentName="FilterRule.Value")
        seen.add(name)


def _check_overlaps(rules: Iterable[Rule]) -> None:
    """Two rules may not both select an event of a key: S3 would not know where to send it."""
    for one, other in combinations(rules, 2):
        if not one.events & other.events:
            continue
        if not (one.prefix or one.suffix or other.prefix or other.suffix):
            message = "Configurations overlap. Configurations on the same bucket cannot share a "
            raise S3Error("InvalidArgument", message + "common event type.")
        prefixes = sorted((one.prefix, other.prefix), key=len)
        suffixes = sorted((one.suffix, other.suffix), key=len)
        if prefixes[1].startswith(prefixes[0]) and suffixes[1].endswith(suffixes[0]):
            message = "Configuration is ambiguously defined. Cannot have overlapping suffixes in "
            message += "two rules if the prefixes are overlapping for the same event type."
            raise S3Error("InvalidArgument", message)


def _unknown_destination(arn: str, kind: str, arns: Collection[str]) -> S3Error:
    reason = f"The destination {kind} does not exist"
    if arns:
        reason += f"; this agent has {', '.join(sorted(arns))}"
    else:
        reason += "; declare it as [[notification_target]] in the configuration file"
    message = "Unable to validate the following destination configurations"
    return S3Error("InvalidArgument", message, ArgumentName1=arn, ArgumentValue1=reason)
