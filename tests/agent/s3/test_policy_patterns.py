import pytest

from s3d.agent.s3.policy_patterns import Pattern, key_of

VALUES = {"aws:username": ["ann"], "aws:principaltag/Team": ["red"], "s3:keys": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("a*c", "abc", True),
        ("a*c", "a/b/c", True),
        ("a?c", "ac", False),
        ("${*}", "*", True),
        ("${*}", "x", False),
        ("a${?}${$}", "a?$", True),
        ("${aws:username}", "ann", True),
        ("${ AWS:UserName }", "ann", True),
        ("${aws:PrincipalTag/Team}", "red", True),
        ("${aws:PrincipalTag/team}", "red", False),
        ("${aws:absent}*", "x", False),
        ("${aws:absent, 'x'}*", "xy", True),
        ("${s3:keys}", "a", False),
        ("${aws:username", "${aws:username", True),
    ],
)
def test_matching(text, value, expected):
    assert Pattern(text, has_variables=True).matches(value, VALUES.get) is expected


def test_a_literal_has_no_wildcards():
    assert Pattern("a*", has_variables=True).literal(VALUES.get) == "a*"
    assert Pattern("${*}${aws:username}?", has_variables=True).literal(VALUES.get) == "*ann?"
    assert Pattern("${aws:absent}", has_variables=True).literal(VALUES.get) is None
    assert Pattern("${aws:absent}", has_variables=False).literal(VALUES.get) == "${aws:absent}"


def test_the_spelling_of_a_key():
    assert key_of("AWS:SourceIp") == "aws:sourceip"
    assert key_of("s3:ExistingObjectTag/Stage/A") == "s3:existingobjecttag/Stage/A"
