import json

import pytest

from s3d.agent.s3.policy_document import parse_policy
from s3d.agent.s3.policy_evaluation import deciding_statement

ANN = frozenset(
    {
        "arn:aws:iam::123456789012:user/ann",
        "arn:aws:iam::123456789012:root",
        "123456789012",
        "ab" * 32,
    }
)
NOBODY = frozenset()
ALLOW = {
    "Sid": "allow",
    "Effect": "Allow",
    "Principal": {"AWS": "123456789012"},
    "Action": "s3:GetObject*",
    "Resource": "arn:aws:s3:::b/public/*",
}


def decide(statements, *, caller=ANN, action="s3:GetObject", key="public/k", values=None):
    document = {"Version": "2012-10-17", "Statement": statements}
    statement = deciding_statement(
        parse_policy(json.dumps(document), "b"),
        identifiers=caller,
        action=action,
        resource=f"arn:aws:s3:::b/{key}",
        lookup=(values or {"aws:username": ["ann"]}).get,
    )
    return None if statement is None else statement.effect


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "Allow"),
        ({"Action": "S3:GETOBJECT"}, "Allow"),
        ({"Action": "s3:PutObject"}, None),
        ({"Action": None, "NotAction": "s3:PutObject"}, "Allow"),
        ({"Action": None, "NotAction": "s3:Get*"}, None),
        ({"Resource": "arn:aws:s3:::b/private/*"}, None),
        ({"Resource": None, "NotResource": "arn:aws:s3:::b/private/*"}, "Allow"),
        ({"Resource": None, "NotResource": "arn:aws:s3:::b/*"}, None),
        ({"Resource": "arn:aws:s3:::b/publi?/?"}, "Allow"),
        ({"Resource": "arn:aws:s3:::b/${aws:username}/*"}, None),
        ({"Principal": "*"}, "Allow"),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:user/ann"}}, "Allow"),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:user/bob"}}, None),
        ({"Principal": {"CanonicalUser": "AB" * 32}}, "Allow"),
        ({"Condition": {"StringEquals": {"aws:username": "bob"}}}, None),
        ({"Condition": {"StringEquals": {"aws:username": "ann"}}}, "Allow"),
    ],
    ids=str,
)
def test_one_statement(change, expected):
    statement = {name: v for name, v in {**ALLOW, **change}.items() if v is not None}
    assert decide([statement]) == expected


def test_a_deny_wins_wherever_it_stands():
    deny = {**ALLOW, "Effect": "Deny", "Principal": "*"}
    assert decide([ALLOW, deny]) == decide([deny, ALLOW]) == "Deny"
    assert decide([ALLOW, {**deny, "Resource": "arn:aws:s3:::b/other"}]) == "Allow"


def test_an_anonymous_caller_is_everyone_only():
    assert decide([ALLOW], caller=NOBODY) is None
    assert decide([{**ALLOW, "Principal": {"AWS": "*"}}], caller=NOBODY) == "Allow"


def test_a_deny_of_all_but_some():
    deny = {**ALLOW, "Effect": "Deny", "NotPrincipal": {"AWS": "123456789012"}}
    del deny["Principal"]
    assert decide([deny]) is None
    assert decide([deny], caller=NOBODY) == "Deny"


def test_a_home_for_each_user():
    home = {**ALLOW, "Resource": "arn:aws:s3:::b/home/${aws:username}/*"}
    assert decide([home], key="home/ann/k") == "Allow"
    assert decide([home], key="home/bob/k") is None
    assert decide([home], key="home/*/k", values={"aws:username": ["*"]}) == "Allow"
    assert decide([home], key="home/bob/k", values={"aws:username": ["*"]}) is None
