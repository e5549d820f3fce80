"""lifecycle_rules: tables of what is taken and what is refused, and the ids that are filled in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.local.lifecycle_rules import assign_ids, check_lifecycle

EXPIRE = {"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
UPLOADS = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
MARKERS = {"Expiration": {"ExpiredObjectDeleteMarker": True}}
NEWER = {"NoncurrentDays": 1, "NewerNoncurrentVersions": 500}
TAG = {"Key": "k", "Value": "v"}
MIDNIGHT = datetime(2030, 1, 1, tzinfo=UTC)
EVENING = MIDNIGHT.replace(hour=19)


def rules(**members: Any) -> dict[str, Any]:
    return {"Rules": [{**EXPIRE, **members}]}


def moving(*transitions: dict[str, Any], **members: Any) -> dict[str, Any]:
    glacier = [{**transition, "StorageClass": "GLACIER"} for transition in transitions]
    return rules(Transitions=glacier, **members)


def prefixed(prefix: str, **members: Any) -> dict[str, Any]:
    """A rule of the form that had no filters."""
    return {"Status": "Enabled", "Prefix": prefix, "Expiration": {"Days": 1}, **members}


def without(member: str) -> dict[str, Any]:
    return {"Rules": [{name: value for name, value in EXPIRE.items() if name != member}]}


@pytest.mark.parametrize(
    "configuration",
    [
        {"Rules": [EXPIRE] * 1000},
        rules(ID="i" * 255),
        rules(Filter={"Tag": TAG}),
        rules(Filter={"And": {"Prefix": "a/", "ObjectSizeGreaterThan": 1}}),
        rules(Filter={"And": {"Tags": [TAG, {"Key": "l", "Value": "v"}]}}),
        rules(Expiration={"Date": MIDNIGHT}),
        moving({"Days": 0}),
        moving({"Days": 0}, Expiration={"ExpiredObjectDeleteMarker": True}),
        rules(Filter={"ObjectSizeGreaterThan": 0}),
        rules(NoncurrentVersionExpiration=NEWER),
        {"Rules": [prefixed("a/"), prefixed("b/")]},
        moving({"Date": MIDNIGHT}, Expiration={"Date": MIDNIGHT.replace(day=2)}),
    ],
)
def test_taken(configuration: dict[str, Any]) -> None:
    check_lifecycle(configuration)


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        ({"Rules": []}, "MalformedXML"),
        ({"Rules": [EXPIRE] * 1001}, "MalformedXML"),
        (rules(ID="i" * 256), "InvalidArgument"),
        ({"Rules": [{**EXPIRE, "ID": "i"}] * 2}, "InvalidArgument"),
        (rules(Status="On"), "MalformedXML"),
        (without("Filter"), "MalformedXML"),
        (without("Expiration"), "InvalidRequest"),
        (rules(Prefix="a/"), "InvalidRequest"),
        (rules(Filter={"Prefix": "a/", "Tag": TAG}), "MalformedXML"),
        (rules(Filter={"Prefix": "", "ObjectSizeLessThan": 5}), "MalformedXML"),
        (rules(Filter={"And": {"Prefix": "a/"}}), "MalformedXML"),
        (rules(Filter={"And": {"Tags": [TAG]}}), "MalformedXML"),
        (rules(Filter={"And": {"Tags": [TAG, TAG]}}), "InvalidRequest"),
        (rules(NoncurrentVersionExpiration={}), "MalformedXML"),
        (rules(NoncurrentVersionExpiration={"NewerNoncurrentVersions": 1}), "MalformedXML"),
        (rules(AbortIncompleteMultipartUpload={}), "MalformedXML"),
        (rules(Expiration={}), "MalformedXML"),
        (
            rules(NoncurrentVersionExpiration={**NEWER, "NewerNoncurrentVersions": 0}),
            "InvalidArgument",
        ),
        (rules(Filter={"ObjectSizeLessThan": 0}), "InvalidRequest"),
        (rules(Filter={"ObjectSizeGreaterThan": -1}), "InvalidRequest"),
        (
            rules(Filter={"And": {"ObjectSizeGreaterThan": 5, "ObjectSizeLessThan": 5}}),
            "InvalidRequest",
        ),
        (rules(Filter={"Tag": TAG}, **UPLOADS), "InvalidRequest"),
        (rules(Filter={"ObjectSizeLessThan": 5}, **UPLOADS), "InvalidRequest"),
        (rules(Filter={"Tag": TAG}, **MARKERS), "InvalidRequest"),
        (rules(Filter={"ObjectSizeLessThan": 5}, **MARKERS), "InvalidRequest"),
        ({"Rules": [EXPIRE, prefixed("a/")]}, "InvalidRequest"),
        ({"Rules": [prefixed("a/"), EXPIRE]}, "InvalidRequest"),
        ({"Rules": [prefixed("a/"), prefixed("a/b")]}, "InvalidRequest"),
        ({"Rules": [prefixed("", NoncurrentVersionExpiration=NEWER)]}, "InvalidRequest"),
        (rules(Expiration={"Days": 0}), "InvalidArgument"),
        (rules(Expiration={"Date": EVENING}), "InvalidArgument"),
        (rules(Expiration={"Date": MIDNIGHT, "Days": 1}), "MalformedXML"),
        (moving({"Date": MIDNIGHT, "Days": 1}), "MalformedXML"),
        (moving({"Days": -1}), "InvalidArgument"),
        (moving({"Date": EVENING}, Expiration={"Date": MIDNIGHT}), "InvalidArgument"),
        (moving({"Days": 1}, Expiration={"Date": MIDNIGHT}), "InvalidRequest"),
    ],
)
def test_refused(configuration: dict[str, Any], code: str) -> None:
    with pytest.raises(S3Error) as caught:
        check_lifecycle(configuration)
    assert caught.value.code == code


def test_a_rule_without_an_id_gets_one_of_its_own() -> None:
    given = {"Rules": [EXPIRE, {**EXPIRE, "ID": "mine"}, {**EXPIRE, "ID": ""}], "Other": 1}
    filled = assign_ids(given)
    first, mine, last = (rule.pop("ID") for rule in filled["Rules"])
    assert mine == "mine"
    assert len({first, mine, last, ""}) == 4
    assert filled == {"Rules": [EXPIRE] * 3, "Other": 1}
    assert "ID" not in EXPIRE
