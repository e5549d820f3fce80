"""lifecycle_transitions: which transitions are taken, and the codes and texts of the errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.local.lifecycle_rules import check_lifecycle
from s3d.agent.stores.local.lifecycle_transitions import filter_text

TODAY, TOMORROW = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)
TAG = {"Key": "k", "Value": "v"}


def rule(*transitions: tuple[str, Any], **members: Any) -> dict[str, Any]:
    """A rule with transitions of current versions: (class, days or date)."""
    moves = [
        {"StorageClass": name, "Date" if isinstance(when, datetime) else "Days": when}
        for name, when in transitions
    ]
    return {"Status": "Enabled", "Filter": {"Prefix": "a/"}, "Transitions": moves, **members}


def noncurrent(*transitions: tuple[str, int], **members: Any) -> dict[str, Any]:
    moves = [{"StorageClass": name, "NoncurrentDays": days} for name, days in transitions]
    return rule(NoncurrentVersionTransitions=moves, **members)


@pytest.mark.parametrize(
    "given",
    [
        rule(("STANDARD_IA", 30), ("GLACIER", 31), ("DEEP_ARCHIVE", 32), Expiration={"Days": 33}),
        rule(("DEEP_ARCHIVE", 2), ("GLACIER", 1)),
        rule(("GLACIER_IR", 0)),
        rule(("INTELLIGENT_TIERING", 0)),
        rule(("GLACIER", TODAY), ("DEEP_ARCHIVE", TOMORROW)),
        rule(("GLACIER", TODAY), Expiration={"Date": TOMORROW}),
        noncurrent(("STANDARD_IA", 30), NoncurrentVersionExpiration={"NoncurrentDays": 31}),
        noncurrent(("GLACIER", 5), Expiration={"Days": 1}),
    ],
)
def test_taken(given: dict[str, Any]) -> None:
    check_lifecycle({"Rules": [given]})


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (rule(("STANDARD", 30)), "MalformedXML", ""),
        (rule(Transitions=[{"Days": 1}]), "MalformedXML", ""),
        (rule(Transitions=[{"StorageClass": "GLACIER"}]), "MalformedXML", ""),
        (
            rule(Transitions=[], NoncurrentVersionTransitions=[{"StorageClass": "GLACIER"}]),
            "MalformedXML",
            "",
        ),
        (
            rule(("STANDARD_IA", 29)),
            "InvalidArgument",
            "'Days' in Transition action must be greater than or equal to 30 for storageClass "
            "'STANDARD_IA'",
        ),
        (
            noncurrent(("ONEZONE_IA", 29)),
            "InvalidArgument",
            "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal "
            "to 30 for storageClass 'ONEZONE_IA'",
        ),
        (
            rule(("GLACIER", -1)),
            "InvalidArgument",
            "'Days' in Transition action must be nonnegative",
        ),
        (
            rule(("GLACIER", 90), ("GLACIER", 30)),
            "InvalidRequest",
            "'StorageClass' must be different for 'Transition' actions in same 'Rule' with filter "
            "'(prefix=a/)'",
        ),
        (
            rule(("GLACIER", TODAY), ("DEEP_ARCHIVE", TODAY)),
            "InvalidArgument",
            "'Date' in the Transition action for StorageClass 'DEEP_ARCHIVE' for filter "
            "'(prefix=a/)' must be greater than 'Date' in the Transition action for StorageClass "
            "'GLACIER' for filter '(prefix=a/)'",
        ),
        (
            rule(("GLACIER", 5), Expiration={"Days": 5}),
            "InvalidArgument",
            "'Days' in the Expiration action for filter '(prefix=a/)' must be greater than 'Days' "
            "in the Transition action",
        ),
        (
            noncurrent(("GLACIER", 5), NoncurrentVersionExpiration={"NoncurrentDays": 4}),
            "InvalidArgument",
            "'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '(prefix=a/)' "
            "must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action",
        ),
        (
            rule(("GLACIER", 5), ("DEEP_ARCHIVE", TODAY)),
            "InvalidRequest",
            "Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule for filter "
            "'(prefix=a/)'",
        ),
        (
            rule(("GLACIER", 5), Expiration={"Date": TODAY}),
            "InvalidRequest",
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle "
            "rule for filter '(prefix=a/)'",
        ),
    ],
)
def test_refused(given: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(S3Error) as caught:
        check_lifecycle({"Rules": [given]})
    assert caught.value.code == code
    if message:
        assert caught.value.message == message


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"Filter": {}}, "(prefix=)"),
        ({"Filter": {"Tag": TAG}}, "(tag={key=k, value=v})"),
        ({"Prefix": "a/"}, "(prefix=a/)"),
        (
            {"Filter": {"And": {"Prefix": "a/", "Tags": [TAG], "ObjectSizeLessThan": 5}}},
            "(prefix=a/ and tag={key=k, value=v} and objectsizelessthan=5)",
        ),
    ],
)
def test_a_filter_is_named_as_in_the_messages_of_aws(given: dict[str, Any], text: str) -> None:
    assert filter_text(given) == text
