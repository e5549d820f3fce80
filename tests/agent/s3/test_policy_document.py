import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.policy_document import MAX_POLICY, parse_policy

BUCKET = "arn:aws:s3:::photos"
STATEMENT = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": f"{BUCKET}/*",
}


def document(statement, **rest):
    return json.dumps({"Version": "2012-10-17", "Statement": statement, **rest})


def changed(**change):
    """The statement with these fields; None leaves one out."""
    merged = {**STATEMENT, **change}
    return {name: value for name, value in merged.items() if value is not None}


@pytest.mark.parametrize(
    "statement",
    [
        STATEMENT,
        [STATEMENT, STATEMENT],
        changed(Sid="one", Condition={}),
        changed(Principal={"AWS": "123456789012"}),
        changed(Principal={"AWS": ["arn:aws:iam::123456789012:root", "*"]}),
        changed(Principal={"AWS": "arn:aws:sts::123456789012:assumed-role/r/s"}),
        changed(Principal={"CanonicalUser": "75aa57f09aa0c8caeab4f8c24e99d10f" * 2}),
        changed(Principal={"Service": "cloudtrail.amazonaws.com"}),
        changed(Effect="Deny", Principal=None, NotPrincipal={"AWS": "123456789012"}),
        changed(Action=["s3:Get*", "S3:PUTOBJECT"]),
        changed(Action="s3:*", Resource=[BUCKET, f"{BUCKET}/*"]),
        changed(Action="*", Resource="*"),
        changed(Action=None, NotAction="s3:DeleteObject"),
        changed(Resource=None, NotResource=f"{BUCKET}/private/*"),
        changed(Action="s3:ListBucket", Resource="arn:aws:s3:::*"),
        changed(Resource="arn:aws:s3:::pho*"),
        changed(Resource=f"{BUCKET}/home/${{aws:username}}/*"),
    ],
    ids=str,
)
def test_a_policy_that_is_accepted(statement):
    assert parse_policy(document(statement), "photos").statements


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "This policy contains invalid Json"),
        ("{", "This policy contains invalid Json"),
        ("[" * 9_999, "This policy contains invalid Json"),
        ('"text"', "Policies must be valid JSON and the first byte must be '{'"),
        ("{}", "Missing required field Statement"),
        (document([]), "Missing required field Statement"),
        (document([1]), "Statement must be an object"),
        (document(STATEMENT, Version="2020-01-01"), "The policy must contain a valid version"),
        (document(STATEMENT, Owner="me"), "Unknown field Owner"),
        (document(changed(Principals="*")), "Unknown field Principals"),
        (document(changed(Sid=1)), "Sid must be a text"),
        (document(changed(Effect=None)), "Missing required field Effect"),
        (document(changed(Effect="Perhaps")), "Invalid effect: Perhaps"),
        (document(changed(Principal=None)), "Missing required field Principal"),
        (document(changed(Action=None)), "Missing required field Action"),
        (document(changed(Resource=None)), "Missing required field Resource"),
        (document(changed(Action=[])), "Missing required field Action"),
        (document(changed(Action="s3:Fly")), "Policy has invalid action"),
        (document(changed(Action="ec2:RunInstances")), "Policy has invalid action"),
        (document(changed(Action=[7])), "Policy has invalid action"),
        (document(changed(NotAction="s3:*")), "both Action and NotAction"),
        (document(changed(NotResource="*")), "both Resource and NotResource"),
        (document(changed(NotPrincipal="*")), "both Principal and NotPrincipal"),
        (document(changed(Resource="arn:aws:s3:::other/*")), "Policy has invalid resource"),
        (document(changed(Resource="photos/*")), "Policy has invalid resource"),
        (document(changed(Resource=[{}])), "Policy has invalid resource"),
        (document(changed(Resource=BUCKET)), "Action does not apply to any resource(s)"),
        (document(changed(Action="s3:ListBucket")), "Action does not apply to any resource(s)"),
        (document(changed(Action="s3:ListAllMyBuckets")), "Action does not apply to any"),
        (document(changed(Principal="me")), "Invalid principal in policy"),
        (document(changed(Principal={})), "Invalid principal in policy"),
        (document(changed(Principal={"AWS": []})), "Invalid principal in policy"),
        (document(changed(Principal={"AWS": "me"})), "Invalid principal in policy"),
        (document(changed(Principal={"AWS": 1})), "Invalid principal in policy"),
        (document(changed(Principal={"Role": "x"})), "Invalid principal in policy"),
        (document(changed(Principal={"CanonicalUser": "x"})), "Invalid principal in policy"),
        (document(changed(Principal={"AWS": "arn:aws:iam::1:user/*"})), "Invalid principal"),
        (document(changed(Condition=[])), "Conditions must be an object"),
        (document(changed(Sid="x" * MAX_POLICY)), "exceeds the maximum allowed document size"),
    ],
    ids=lambda value: value[:60],
)
def test_a_policy_that_is_refused(text, message):
    with pytest.raises(S3Error) as refused:
        parse_policy(text, "photos")
    assert refused.value.code == "MalformedPolicy"
    assert message in refused.value.message


def test_a_grant_to_all_but_some_is_refused():
    """bucket policy allow notprincipal."""
    statement = changed(Principal=None, NotPrincipal={"AWS": "123456789012"})
    with pytest.raises(S3Error, match="Allow with NotPrincipal is not allowed"):
        parse_policy(document(statement), "photos")


def test_the_policy_of_a_session_names_no_principal():
    statement = changed(Principal=None, Resource="arn:aws:s3:::any/*", Action="sts:AssumeRole")
    assert parse_policy(document(statement), None).statements
    with pytest.raises(S3Error, match="should not specify a principal"):
        parse_policy(document(STATEMENT), None)
    with pytest.raises(S3Error, match="invalid action"):
        parse_policy(document(changed(Principal=None, Action="everything")), None)


def test_how_statements_are_called():
    policy = parse_policy(document([STATEMENT, changed(Sid="mine")]), "photos")
    assert [each.name for each in policy.statements] == ["statement 1", 'statement 2 "mine"']


_WORDS = st.sampled_from(
    [
        *("Version", "2012-10-17", "Statement", "Effect", "Allow", "Deny", "Principal", "AWS", "*"),
        *("NotPrincipal", "CanonicalUser", "Action", "NotAction", "s3:*", "s3:Get*", "Resource"),
        *("NotResource", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "Condition", "StringLike", "Null"),
        *("aws:username", "${aws:username}", "NumericEquals", "s3:max-keys", "Sid", "Id", "${*"),
        *("DateEquals", "aws:CurrentTime", "IpAddress", "aws:SourceIp", "1e999999999", "\ud800"),
    ]
)
_VALUES = st.recursive(
    st.one_of(_WORDS, st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(_WORDS | st.text(max_size=4), inner, max_size=5),
    ),
    max_leaves=12,
)
_STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Principal": st.just("*") | _VALUES,
        "Action": st.just("s3:GetObject") | _VALUES,
        "Resource": st.just("arn:aws:s3:::b/*") | _VALUES,
    },
    optional={
        "Condition": st.dictionaries(_WORDS, st.dictionaries(_WORDS, _VALUES)),
        "Sid": _WORDS,
    },
)


def parse_or_refuse(text):
    try:
        return parse_policy(text, "b")
    except S3Error as refused:
        if refused.code != "MalformedPolicy":
            raise
        return None


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=40), _VALUES.map(json.dumps)))
def test_no_text_raises_anything_else(text):
    parse_or_refuse(text)


@settings(max_examples=80, deadline=None)
@given(st.lists(_STATEMENTS, min_size=1, max_size=2), st.sampled_from(["x", "1", "::1", "\0"]))
def test_no_statement_raises_anything_else(statements, value):
    policy = parse_or_refuse(document(statements))
    for statement in policy.statements if policy else ():
        for condition in statement.conditions:
            assert condition.holds(lambda key: [value]) in (True, False)
            assert condition.holds(lambda key: None) in (True, False)


@pytest.mark.parametrize("kind", ["Service", "Federated"])
@pytest.mark.parametrize("name", ["*", "111122223333"])
def test_a_service_is_not_everyone_and_no_account(kind, name):
    (statement,) = parse_policy(document(changed(Principal={kind: name})), "photos").statements
    assert statement.principals is not None
    assert statement.principals.isdisjoint({"*", "111122223333"})


@pytest.mark.parametrize(
    "statement",
    [
        '{"Effect": "Deny", "Effect": "Allow"}',
        '{"Effect": "Allow", "Condition": {"StringEquals": {"a": "b"}, "StringEquals": {}}}',
    ],
)
def test_a_field_that_is_repeated(statement):
    with pytest.raises(S3Error, match="MalformedPolicy") as refused:
        parse_policy(f'{{"Version": "2012-10-17", "Statement": {statement}}}', "photos")
    assert "Duplicate field" in refused.value.message
