"""object_lock: which versions may be deleted, and how a retention may change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.object_lock import check_deletion, check_retention_change, default_retention

TODAY = datetime(2026, 11, 29, 12, tzinfo=UTC)
NOW = TODAY.timestamp()


def retained(mode: str, days: int) -> dict[str, object]:
    return {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": TODAY + timedelta(days=days)}


@pytest.mark.parametrize(
    ("version", "may_bypass", "is_protected"),
    [
        ({}, False, False),
        ({"ObjectLockLegalHoldStatus": "OFF"}, False, False),
        ({"ObjectLockLegalHoldStatus": "ON"}, False, True),
        ({"ObjectLockLegalHoldStatus": "ON"}, True, True),
        (retained("GOVERNANCE", 1), False, True),
        (retained("GOVERNANCE", 1), True, False),
        (retained("GOVERNANCE", -1), False, False),
        (retained("COMPLIANCE", 1), True, True),
        (retained("COMPLIANCE", -1), False, False),
        ({**retained("GOVERNANCE", 1), "ObjectLockLegalHoldStatus": "ON"}, True, True),
    ],
)
def test_a_version_that_is_protected_is_not_deleted(version, may_bypass, is_protected):
    try:
        check_deletion(version, may_bypass=may_bypass, now=NOW)
        refused = ""
    except S3Error as error:
        refused = error.code
    assert refused == ("AccessDenied" if is_protected else "")


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
@pytest.mark.parametrize(
    ("other_mode", "days", "is_weaker"),
    [(False, 2, False), (False, 1, False), (False, 0, True), (True, 2, True), (False, None, True)],
    ids=["extended", "the same", "shortened", "in the other mode", "removed"],
)
@pytest.mark.parametrize("may_bypass", [False, True])
def test_a_retention_in_force_changes_only_to_a_stronger_one(
    mode, other_mode, days, is_weaker, may_bypass
):
    other = {"GOVERNANCE": "COMPLIANCE", "COMPLIANCE": "GOVERNANCE"}[mode]
    until = None if days is None else TODAY + timedelta(days=days)
    new = {} if until is None else {"Mode": other if other_mode else mode, "RetainUntilDate": until}
    version = retained(mode, 1)
    if is_weaker and not (mode == "GOVERNANCE" and may_bypass):
        with pytest.raises(S3Error) as caught:
            check_retention_change(version, new, may_bypass=may_bypass, now=NOW)
        assert caught.value.code == "AccessDenied"
    else:
        check_retention_change(version, new, may_bypass=may_bypass, now=NOW)


def test_a_retention_that_has_ended_may_change_in_any_way():
    for mode in ("GOVERNANCE", "COMPLIANCE"):
        check_retention_change(retained(mode, -1), {}, may_bypass=False, now=NOW)
    check_retention_change({}, {}, may_bypass=False, now=NOW)


@pytest.mark.parametrize(("period", "days"), [({"Days": 3}, 3), ({"Years": 2}, 730)])
def test_the_default_retention_counts_from_the_time_of_the_version(period, days):
    rule = {"Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", **period}}}
    assert default_retention(rule, NOW + 0.5) == {
        "ObjectLockMode": "COMPLIANCE",
        "ObjectLockRetainUntilDate": TODAY + timedelta(days=days),
    }
    assert default_retention({"ObjectLockEnabled": "Enabled"}, NOW) == {}
