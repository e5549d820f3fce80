"""lifecycle: which versions a rule removes, and when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from s3d.agent.s3.lifecycle import (
    DAY,
    Expiry,
    Version,
    abort_of,
    enabled,
    expiration_member,
    expiry_of,
    has_expired,
    matches,
)

MIDNIGHT = datetime(2026, 11, 29, tzinfo=UTC).timestamp()
NOON = MIDNIGHT + DAY / 2


def rule(**members):
    return {"ID": "r", "Status": "Enabled", "Filter": {}, **members}


@pytest.mark.parametrize(
    ("filtered", "is_selected"),
    [
        ({"Filter": {}}, True),
        ({"Filter": {"Prefix": "logs/"}}, True),
        ({"Filter": {"Prefix": "photos/"}}, False),
        ({"Filter": None, "Prefix": "logs/"}, True),
        ({"Filter": None, "Prefix": "photos/"}, False),
        ({"Filter": {"Tag": {"Key": "a", "Value": "1"}}}, True),
        ({"Filter": {"Tag": {"Key": "a", "Value": "2"}}}, False),
        ({"Filter": {"ObjectSizeGreaterThan": 99}}, True),
        ({"Filter": {"ObjectSizeGreaterThan": 100}}, False),
        ({"Filter": {"ObjectSizeLessThan": 101}}, True),
        ({"Filter": {"ObjectSizeLessThan": 100}}, False),
        ({"Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "1"}]}}}, True),
        ({"Filter": {"And": {"Prefix": "x", "Tags": [{"Key": "a", "Value": "1"}]}}}, False),
        ({"Filter": {"And": {"Prefix": "logs/", "ObjectSizeGreaterThan": 100}}}, False),
    ],
)
def test_a_filter_selects_by_prefix_tags_and_size(filtered, is_selected):
    version = Version("logs/a", NOON, size=100, tags={"a": "1", "b": "2"})
    assert matches(rule(**filtered), version) is is_selected


def test_a_delete_marker_has_neither_tags_nor_a_size():
    marker = Version("logs/a", NOON, is_marker=True)
    assert matches(rule(Filter={"Prefix": "logs/"}), marker)
    assert not matches(rule(Filter={"ObjectSizeLessThan": 5}), marker)
    assert not matches(rule(Filter={"Tag": {"Key": "a", "Value": "1"}}), marker)


def test_days_are_rounded_up_to_midnight():
    version = Version("k", NOON)
    expiry = expiry_of([rule(Expiration={"Days": 1})], version)
    assert expiry == (MIDNIGHT + 2 * DAY, "r")
    assert expiry_of([rule(Expiration={"Days": 1})], Version("k", MIDNIGHT)).at == MIDNIGHT + DAY
    rules = [rule(Expiration={"Days": 1})]
    assert not has_expired(rules, version, MIDNIGHT + 2 * DAY - 1)
    assert has_expired(rules, version, MIDNIGHT + 2 * DAY)


def test_the_earliest_rule_counts_and_its_id_is_encoded():
    date = datetime(2026, 12, 24, tzinfo=UTC)
    rules = [
        rule(ID="late", Expiration={"Days": 100}),
        rule(ID="by date ü", Expiration={"Date": date}),
        rule(ID="other", Filter={"Prefix": "x"}, Expiration={"Days": 1}),
        rule(ID="none", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}),
    ]
    assert expiration_member(expiry_of(rules, Version("k", NOON))) == {
        "Expiration": 'expiry-date="Thu, 24 Dec 2026 00:00:00 GMT", rule-id="by%20date%20%C3%BC"'
    }
    assert expiration_member(expiry_of(rules[3:], Version("k", NOON))) == {}


def test_a_disabled_rule_is_not_in_force():
    assert enabled([rule(Status="Disabled"), rule(ID="on")]) == [rule(ID="on")]


def test_noncurrent_versions_expire_by_the_time_since_they_were_replaced():
    rules = [rule(NoncurrentVersionExpiration={"NoncurrentDays": 2, "NewerNoncurrentVersions": 1})]

    def version(newer: int) -> Version:
        return Version("k", 0.0, noncurrent_since=NOON, newer_noncurrent=newer)

    assert not has_expired(rules, Version("k", 0.0), NOON + 90 * DAY)
    assert not has_expired(rules, version(0), NOON + 90 * DAY)
    assert not has_expired(rules, version(1), NOON + 2 * DAY)
    assert has_expired(rules, version(1), MIDNIGHT + 3 * DAY)
    assert not has_expired([rule(Expiration={"Days": 1})], version(1), NOON + 90 * DAY)


def test_a_delete_marker_expires_when_it_hides_nothing():
    marker = Version("k", NOON, is_marker=True, is_only=True)
    hiding = marker._replace(is_only=False)
    at_once = [rule(Expiration={"ExpiredObjectDeleteMarker": True})]
    by_age = [rule(Expiration={"Days": 1})]
    assert has_expired(at_once, marker, NOON)
    assert not has_expired(at_once, hiding, NOON + 90 * DAY)
    assert (has_expired(by_age, marker, NOON), has_expired(by_age, marker, NOON + 2 * DAY)) == (
        False,
        True,
    )


def test_an_upload_that_is_not_completed_is_aborted():
    rules = [
        rule(Filter={"Prefix": "logs/"}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1})
    ]
    assert abort_of(rules, "logs/a", NOON) == Expiry(MIDNIGHT + 2 * DAY, "r")
    assert abort_of(rules, "photos/a", NOON) is None
    sooner = rule(ID="s", AbortIncompleteMultipartUpload={"DaysAfterInitiation": 0})
    assert abort_of([*rules, sooner], "logs/a", NOON) == Expiry(MIDNIGHT + DAY, "s")
