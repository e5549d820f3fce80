import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.policy_conditions import parse_conditions
from s3d.agent.s3.policy_patterns import key_of

REQUEST = {
    "aws:username": ["ann"],
    "aws:sourceip": ["192.0.2.7"],
    "aws:securetransport": ["false"],
    "aws:currenttime": ["2026-11-29T12:00:00Z"],
    "aws:epochtime": ["1795953600"],
    "aws:principalarn": ["arn:aws:iam::123456789012:user/ann"],
    "s3:max-keys": ["10"],
    "s3:prefix": ["home/ann/"],
    "s3:requestobjecttagkeys": ["team", "stage"],
    "s3:existingobjecttag/Stage": ["Test"],
    "s3:x-amz-acl": ["public-read"],
}


def holds(condition, *, has_variables=True):
    parsed = parse_conditions(condition, has_variables=has_variables)
    return all(each.holds(lambda key: REQUEST.get(key_of(key))) for each in parsed)


TRUE = [
    {},
    {"StringEquals": {"aws:username": "ann"}},
    {"StringEquals": {"AWS:UserName": ["bob", "ann"]}},
    {"StringEquals": {"s3:ExistingObjectTag/Stage": "Test"}},
    {"StringNotEquals": {"aws:username": "bob"}},
    {"StringNotEquals": {"aws:absent": "x"}},
    {"StringEqualsIgnoreCase": {"aws:username": "ANN"}},
    {"StringNotEqualsIgnoreCase": {"aws:username": "BOB"}},
    {"StringLike": {"s3:prefix": "home/*"}},
    {"StringLike": {"s3:prefix": "home/${aws:username}/"}},
    {"StringLike": {"s3:prefix": "home/???/"}},
    {"StringNotLike": {"s3:prefix": "tmp/*"}},
    {"NumericEquals": {"s3:max-keys": 10}},
    {"NumericNotEquals": {"s3:max-keys": "11"}},
    {"NumericLessThan": {"s3:max-keys": "10.5"}},
    {"NumericLessThanEquals": {"s3:max-keys": "10"}},
    {"NumericGreaterThan": {"s3:max-keys": "9"}},
    {"NumericGreaterThanEquals": {"s3:max-keys": "10"}},
    {"DateGreaterThan": {"aws:CurrentTime": "2026-11-29"}},
    {"DateLessThan": {"aws:CurrentTime": "2026-11-29T12:00:01Z"}},
    {"DateEquals": {"aws:CurrentTime": "2026-11-29T13:00:00+01:00"}},
    {"DateNotEquals": {"aws:CurrentTime": "2026-11-29"}},
    {"DateLessThanEquals": {"aws:EpochTime": 1795953600}},
    {"DateGreaterThanEquals": {"aws:EpochTime": "1795953600"}},
    {"Bool": {"aws:SecureTransport": False}},
    {"Bool": {"aws:SecureTransport": "False"}},
    {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.0.2.0/24"]}},
    {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:user/*"}},
    {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:user/ann"}},
    {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}},
    {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::*"}},
    {"Null": {"aws:absent": "true"}},
    {"Null": {"aws:username": False}},
    {"StringEqualsIfExists": {"aws:absent": "x"}},
    {"StringLikeIfExists": {"s3:prefix": "home/*"}},
    {"NumericLessThanIfExists": {"aws:absent": 1}},
    {"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team", "stage", "x"]}},
    {"ForAllValues:StringEquals": {"aws:absent": "x"}},
    {"ForAllValues:StringNotEquals": {"s3:RequestObjectTagKeys": ["owner"]}},
    {"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": ["stage", "x"]}},
    {"ForAnyValue:StringNotEquals": {"s3:RequestObjectTagKeys": ["stage"]}},
    {"ForAnyValue:StringLikeIfExists": {"s3:RequestObjectTagKeys": "st*"}},
    {"StringEquals": {"s3:x-amz-acl": "public-read"}, "Bool": {"aws:SecureTransport": "false"}},
]

FALSE = [
    {"StringEquals": {"aws:username": "Ann"}},
    {"StringEquals": {"aws:absent": "x"}},
    {"StringEquals": {"aws:username": "an?"}},
    {"StringEquals": {"s3:ExistingObjectTag/stage": "Test"}},
    {"StringNotEquals": {"aws:username": ["bob", "ann"]}},
    {"StringNotEqualsIgnoreCase": {"aws:username": "ANN"}},
    {"StringEqualsIgnoreCase": {"aws:username": "bob"}},
    {"StringLike": {"s3:prefix": "home/${aws:absent}*"}},
    {"StringLike": {"s3:prefix": "home"}},
    {"StringNotLike": {"s3:prefix": "home/*"}},
    {"NumericLessThan": {"s3:max-keys": "10"}},
    {"NumericEquals": {"aws:username": "10"}},
    {"DateLessThan": {"aws:CurrentTime": "2026-11-29"}},
    {"DateLessThan": {"aws:username": "2026-11-29"}},
    {"Bool": {"aws:SecureTransport": "true"}},
    {"Bool": {"aws:absent": "false"}},
    {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    {"IpAddress": {"aws:username": "10.0.0.0/8"}},
    {"NotIpAddress": {"aws:SourceIp": "192.0.2.7"}},
    {"ArnLike": {"aws:PrincipalArn": "arn:*:user/ann"}},
    {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:user/ann"}},
    {"BinaryEquals": {"aws:username": "YW5u"}},
    {"Null": {"aws:absent": "false"}},
    {"Null": {"aws:username": True}},
    {"StringEqualsIfExists": {"aws:username": "bob"}},
    {"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team"]}},
    {"ForAllValues:StringNotEquals": {"s3:RequestObjectTagKeys": ["team", "stage"]}},
    {"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": ["x"]}},
    {"ForAnyValue:StringEquals": {"aws:absent": "x"}},
    {"ForAnyValue:StringNotEquals": {"aws:absent": "x"}},
    {"ForAnyValue:StringNotEquals": {"s3:RequestObjectTagKeys": ["stage", "team"]}},
    {"StringEquals": {"s3:x-amz-acl": "public-read", "aws:username": "bob"}},
]


@pytest.mark.parametrize("condition", TRUE, ids=str)
def test_a_condition_that_holds(condition):
    assert holds(condition)


@pytest.mark.parametrize("condition", FALSE, ids=str)
def test_a_condition_that_does_not_hold(condition):
    assert not holds(condition)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ([], "Conditions must be an object"),
        ({"StringEquals": "x"}, "must be an object"),
        ({"StringIs": {"aws:username": "x"}}, "Invalid Condition type : StringIs"),
        ({"NullIfExists": {"aws:username": "true"}}, "Invalid Condition type"),
        ({"ForSome:StringEquals": {"aws:username": "x"}}, "Invalid Condition type"),
        ({"StringEquals": {"s3:nonsense": "x"}}, "invalid condition key"),
        ({"StringEquals": {"username": "x"}}, "invalid condition key"),
        ({"StringEquals": {"aws:username": None}}, "texts, numbers or booleans"),
        ({"StringEquals": {"aws:username": [["x"]]}}, "texts, numbers or booleans"),
        ({"NumericEquals": {"s3:max-keys": "many"}}, "many"),
        ({"DateEquals": {"aws:CurrentTime": "yesterday"}}, "yesterday"),
        ({"Bool": {"aws:SecureTransport": "yes"}}, "yes"),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}}, "10.0.0.0/99"),
    ],
    ids=str,
)
def test_a_condition_that_is_none_is_refused(condition, message):
    with pytest.raises(S3Error) as refused:
        parse_conditions(condition, has_variables=True)
    assert refused.value.code == "MalformedPolicy"
    assert message in refused.value.message


def test_variables_are_plain_text_in_the_old_version():
    condition = {"StringLike": {"s3:prefix": "home/${aws:username}/"}}
    assert not holds(condition, has_variables=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("${aws:absent, 'ann'}", True), ("${aws:absent, 'bob'}", False), ("${aws:absent}", False)],
)
def test_a_variable_with_a_default(value, expected):
    assert holds({"StringEquals": {"aws:username": value}}) is expected


def test_an_address_of_ipv4_in_ipv6():
    parsed = parse_conditions({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, has_variables=True)
    assert parsed[0].holds(lambda key: ["::ffff:192.0.2.9"])
