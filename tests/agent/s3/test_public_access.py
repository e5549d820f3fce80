import json

import pytest

from s3d.agent.s3.acl import CANNED, OWNER, requested
from s3d.agent.s3.policy_document import parse_policy
from s3d.agent.s3.public_access import (
    EVERYTHING_BLOCKED,
    PublicAccessBlock,
    is_public_acl,
    is_public_policy,
)


def policy(**change):
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::b/*",
        **change,
    }
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": statement}), "b")


@pytest.mark.parametrize(
    ("change", "public"),
    [
        ({}, True),
        ({"Effect": "Deny"}, False),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["123456789012", "*"]}}, True),
        ({"Principal": {"AWS": "123456789012"}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/32"}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "128.0.0.0/1"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": ["52.0.0.0/8", "::/0"]}}}, True),
        ({"Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/32"}}}, True),
        ({"Condition": {"IpAddressIfExists": {"aws:SourceIp": "10.0.0.0/32"}}}, True),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, False),
        ({"Condition": {"StringLike": {"aws:SourceVpc": "vpc-*"}}}, True),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "${aws:userid}"}}}, True),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, False),
        ({"Condition": {"Null": {"aws:SourceVpc": "false"}}}, True),
        ({"Condition": {"StringLike": {"aws:Referer": "https://example.com/*"}}}, True),
        ({"Condition": {"ForAllValues:StringEquals": {"aws:SourceVpc": "vpc-1"}}}, True),
    ],
)
def test_whether_a_policy_is_public(change, public):
    assert is_public_policy(policy(**change)) is public


@pytest.mark.parametrize("canned", sorted(CANNED))
def test_whether_a_canned_acl_is_public(canned):
    expected = canned in ("public-read", "public-read-write", "authenticated-read")
    assert is_public_acl(requested({"ACL": canned}, OWNER)) is expected


def test_no_acl_is_not_public():
    assert not is_public_acl(None)


def test_the_switches_by_their_names():
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    assert PublicAccessBlock.of_members(dict.fromkeys(names, True)) == EVERYTHING_BLOCKED
    for at, name in enumerate(names):
        assert [*PublicAccessBlock.of_members({name: True})].index(True) == at
