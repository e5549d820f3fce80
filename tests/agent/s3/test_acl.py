"""acl: what is granted by each way to say it."""

from __future__ import annotations

import pytest

from s3d.agent.s3.acl import (
    ALL_USERS,
    AUTHENTICATED_USERS,
    CANNED,
    GRANT_MEMBERS,
    LOG_DELIVERY,
    OWNER,
    PERMISSIONS,
    private,
    requested,
)
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import service

ME = OWNER["ID"]
FULL = (ME, "FULL_CONTROL")
OTHER = "b" * 64


def granted(policy) -> list[tuple[str, str]]:
    assert policy["Owner"] == OWNER
    return [
        (grant["Grantee"].get("ID") or grant["Grantee"]["URI"], grant["Permission"])
        for grant in policy["Grants"]
    ]


def policy(*grants, owner=ME) -> dict:
    return {"AccessControlPolicy": {"Owner": {"ID": owner}, "Grants": list(grants)}}


def grant(permission: str = "READ", **grantee: str) -> dict:
    return {"Grantee": grantee, "Permission": permission}


ASKED = [
    ({"ACL": "private"}, [FULL]),
    ({"ACL": "public-read"}, [(ALL_USERS, "READ"), FULL]),
    ({"ACL": "public-read-write"}, [(ALL_USERS, "READ"), (ALL_USERS, "WRITE"), FULL]),
    ({"ACL": "authenticated-read"}, [(AUTHENTICATED_USERS, "READ"), FULL]),
    ({"ACL": "bucket-owner-full-control"}, [FULL]),
    ({"ACL": "log-delivery-write"}, [(LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP"), FULL]),
    ({"GrantRead": f"id={OTHER}"}, [(OTHER, "READ")]),
    ({"GrantWriteACP": f'uri="{ALL_USERS}"'}, [(ALL_USERS, "WRITE_ACP")]),
    (
        {"GrantFullControl": f'ID="{ME}"', "GrantRead": f'id="{OTHER}" , uri={ALL_USERS}'},
        [(OTHER, "READ"), (ALL_USERS, "READ"), FULL],
    ),
    (policy(), []),
    (policy(grant("WRITE", Type="CanonicalUser", ID=OTHER)), [(OTHER, "WRITE")]),
    (policy(grant("READ_ACP", Type="Group", URI=ALL_USERS)), [(ALL_USERS, "READ_ACP")]),
    (
        policy(
            grant("FULL_CONTROL", Type="CanonicalUser", ID=ME),
            grant("WRITE", Type="CanonicalUser", ID=OTHER),
            grant("READ", Type="Group", URI=ALL_USERS),
        ),
        [(ALL_USERS, "READ"), FULL, (OTHER, "WRITE")],
    ),
]

REFUSED = [
    ({"ACL": "everyone"}, "InvalidArgument"),
    ({"ACL": "private", "GrantRead": f"id={ME}"}, "InvalidRequest"),
    ({"ACL": "private", **policy()}, "UnexpectedContent"),
    ({"GrantRead": f"id={ME}", **policy()}, "UnexpectedContent"),
    ({"GrantRead": ""}, "InvalidArgument"),
    ({"GrantRead": f"id={ME},"}, "InvalidArgument"),
    ({"GrantRead": "name=me"}, "InvalidArgument"),
    ({"GrantRead": "uri=http://example.com/"}, "InvalidArgument"),
    ({"GrantRead": "emailAddress=a@example.com"}, "UnresolvableGrantByEmailAddress"),
    (policy(owner=OTHER), "AccessDenied"),
    (policy(owner=""), "MalformedACLError"),
    ({"AccessControlPolicy": {"Grants": []}}, "MalformedACLError"),
    (policy(grant("ALL", Type="CanonicalUser", ID=OTHER)), "MalformedACLError"),
    (policy(grant(Type="Robot", ID=OTHER)), "MalformedACLError"),
    (policy(grant(Type="Group", ID=OTHER)), "MalformedACLError"),
    (policy({"Permission": "READ"}), "MalformedACLError"),
    (policy(grant(Type="Group", URI="http://example.com/")), "InvalidArgument"),
    (
        policy(grant(Type="AmazonCustomerByEmail", EmailAddress="a@example.com")),
        "UnresolvableGrantByEmailAddress",
    ),
    (policy(*[grant(Type="CanonicalUser", ID=OTHER)] * 101), "MalformedACLError"),
]


@pytest.mark.parametrize(("input", "grants"), ASKED)
def test_granted(input, grants):
    assert granted(requested(input, OWNER)) == grants


@pytest.mark.parametrize(("input", "code"), REFUSED)
def test_refused(input, code):
    with pytest.raises(S3Error) as caught:
        requested(input, OWNER)
    assert caught.value.code == code


def test_who_asks_for_nothing_gets_nothing():
    assert requested({"Bucket": "b"}, OWNER) is None
    assert granted(private(OWNER)) == [FULL]


def test_what_was_given_can_be_put_again():
    for canned in CANNED:
        given = requested({"ACL": canned}, OWNER)
        assert requested({"AccessControlPolicy": given}, OWNER) == given


def test_the_tables_are_those_of_the_model():
    shapes = service().shapes
    assert PERMISSIONS == set(shapes["Permission"].enum) == set(GRANT_MEMBERS.values())
    canned = set(shapes["ObjectCannedACL"].enum) | set(shapes["BucketCannedACL"].enum)
    assert canned <= CANNED.keys()
