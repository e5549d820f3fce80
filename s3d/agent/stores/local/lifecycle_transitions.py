"""The rules that AWS checks for the transitions of a lifecycle rule. Pure.

Transitions are not carried out: an embedded store has one kind of storage.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
Codes and messages are those that others have recorded:
https://github.com/noobaa/noobaa-core/blob/master/src/endpoint/s3/ops/s3_put_bucket_lifecycle.js
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from s3d.agent.s3.errors import S3Error

COLDER = (
    "STANDARD_IA",
    "INTELLIGENT_TIERING",
    "ONEZONE_IA",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
)
"""The classes that a transition may name; an object never moves to an earlier one."""
INFREQUENT_ACCESS = frozenset({"STANDARD_IA", "ONEZONE_IA"})
MIN_DAYS = 30
"""How long an object must be in STANDARD before it moves to a class of infrequent access."""


class _Kind(NamedTuple):
    """Transitions of current or of noncurrent versions, and the expiration that ends them."""

    action: str
    times: tuple[str, ...]
    """The members that say when; a transition has exactly one."""
    expiration: str


_KINDS = (
    _Kind("Transition", ("Days", "Date"), "Expiration"),
    _Kind("NoncurrentVersionTransition", ("NoncurrentDays",), "NoncurrentVersionExpiration"),
)


def check_transitions(rule: Mapping[str, Any]) -> None:
    """Raise MalformedXML for a transition without a class or a time; InvalidRequest for a class
    that comes twice, and for dates beside days; InvalidArgument for days that are negative or too
    few, for a colder class that is not due later, and for an expiration that is due first."""
    for kind in _KINDS:
        transitions = rule.get(f"{kind.action}s") or ()
        for transition in transitions:
            _check_transition(kind, transition)
        text = filter_text(rule)
        classes = Counter(transition["StorageClass"] for transition in transitions)
        if any(count > 1 for count in classes.values()):
            message = f"'StorageClass' must be different for '{kind.action}' actions in same 'Rule'"
            raise S3Error("InvalidRequest", f"{message} with filter '{text}'")
        for member in kind.times:
            timed = [each for each in transitions if member in each]
            _check_order(kind, member, timed, text)
            _check_expiration(kind, member, timed, rule, text)


def check_dates_beside_days(rule: Mapping[str, Any]) -> None:
    """Raise InvalidRequest when some actions of a rule are due by date and others by days."""
    moves, expires = rule.get("Transitions") or (), rule.get("Expiration") or {}
    times = {name for each in moves for name in ("Date", "Days") if name in each}
    if len(times) > 1:
        actions = "Transition"
    elif len(times | (expires.keys() & {"Date", "Days"})) > 1:
        actions = "Expiration and Transition"
    else:
        return
    message = f"Found mixed 'Date' and 'Days' based {actions} actions in lifecycle rule for filter"
    raise S3Error("InvalidRequest", f"{message} '{filter_text(rule)}'")


def filter_text(rule: Mapping[str, Any]) -> str:
    """The filter of a rule as AWS's messages have it: "(prefix=a/ and objectsizelessthan=5)"."""
    given = rule.get("Filter")
    conditions = {"Prefix": rule.get("Prefix")} if given is None else given.get("And") or given
    return f"({' and '.join(_condition_texts(conditions)) or 'prefix='})"


def _condition_texts(conditions: Mapping[str, Any]) -> Iterator[str]:
    if "Prefix" in conditions:
        yield f"prefix={conditions['Prefix'] or ''}"
    for tag in [*filter(None, [conditions.get("Tag")]), *(conditions.get("Tags") or ())]:
        yield f"tag={{key={tag['Key']}, value={tag['Value']}}}"
    for bound in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"):
        if bound in conditions:
            yield f"{bound.lower()}={conditions[bound]}"


def _check_transition(kind: _Kind, transition: Mapping[str, Any]) -> None:
    storage_class = transition.get("StorageClass")
    times = [member for member in kind.times if member in transition]
    if storage_class not in COLDER or len(times) != 1:
        raise S3Error("MalformedXML")
    member, value = times[0], transition[times[0]]
    if member == "Date":
        return
    if value < 0:
        raise S3Error("InvalidArgument", f"'{member}' in {kind.action} action must be nonnegative")
    if storage_class in INFREQUENT_ACCESS and value < MIN_DAYS:
        message = f"'{member}' in {kind.action} action must be greater than or equal to {MIN_DAYS}"
        raise S3Error("InvalidArgument", f"{message} for storageClass '{storage_class}'")


def _check_order(kind: _Kind, member: str, timed: list[Mapping[str, Any]], text: str) -> None:
    ranked = sorted(timed, key=lambda each: COLDER.index(each["StorageClass"]))
    for warmer, colder in pairwise(ranked):
        if colder[member] <= warmer[member]:
            first, last = (
                f"'{member}' in the {kind.action} action for StorageClass "
                f"'{each['StorageClass']}' for filter '{text}'"
                for each in (colder, warmer)
            )
            raise S3Error("InvalidArgument", f"{first} must be greater than {last}")


def _check_expiration(
    kind: _Kind,
    member: str,
    timed: list[Mapping[str, Any]],
    rule: Mapping[str, Any],
    text: str,
) -> None:
    expires = (rule.get(kind.expiration) or {}).get(member)
    if expires is not None and any(each[member] >= expires for each in timed):
        message = f"'{member}' in the {kind.expiration} action for filter '{text}' must be greater "
        raise S3Error("InvalidArgument", f"{message}than '{member}' in the {kind.action} action")
