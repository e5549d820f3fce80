"""Values that no request should have, and policies may: nothing fits them, and nothing fails."""

import pytest

from s3d.agent.s3.policy_operators import OPERATORS
from s3d.agent.s3.policy_patterns import Pattern

ODD = ["", " ", "x", "\0", "-", "1e999999999", "NaN", "9" * 400, "::1%x", "arn", "a:b:c:d:e:f:g"]


@pytest.mark.parametrize("operator", sorted(set(OPERATORS) - {"Null"}))
@pytest.mark.parametrize("value", ODD)
def test_odd_values_compare_without_an_error(operator, value):
    compare, _, check = OPERATORS[operator]
    for pattern in ODD:
        fits = compare(value, Pattern(pattern, has_variables=True), lambda key: None)
        assert fits in (True, False)
        if check is not None:
            assert check(pattern) in (True, False)


@pytest.mark.parametrize(
    ("operator", "value", "pattern", "fits"),
    [
        ("NumericEquals", "1", "1.0", True),
        ("NumericEquals", "NaN", "NaN", False),
        ("DateEquals", "0", "1970-01-01T00:00:00Z", True),
        ("DateEquals", "1970-01-01", "1970-01-01T01:00+01:00", True),
        ("DateLessThan", "1970-01-01", "1e3", False),
        ("IpAddress", "2001:db8::1", "2001:db8::/32", True),
        ("IpAddress", "::ffff:10.0.0.1", "10.0.0.1", True),
        ("ArnLike", "arn:aws:s3:::b/k:1", "arn:aws:s3:::b/*", True),
        ("ArnLike", "arn:aws:iam::1:user/a", "*", True),
        ("ArnLike", "arn:aws:iam::1:user/a", "arn:aws:*", False),
    ],
)
def test_comparisons(operator, value, pattern, fits):
    compare = OPERATORS[operator][0]
    assert compare(value, Pattern(pattern, has_variables=True), lambda key: None) is fits
