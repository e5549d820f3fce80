"""What single predicates say of values."""

from datetime import UTC, datetime

import pytest

from s3d.shared.filters.expression import Filter
from s3d.shared.filters.terms import Attributes, FilterSubject, date_of, number_of


def term(text):
    (found,) = Filter.parse(text).terms
    return found


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10", 10.0),
        ("1.5K", 1500.0),
        ("1Ki", 1024.0),
        ("2MiB", 2.0 * 1024**2),
        ("1GB", 1e9),
        (" 3 ", 3.0),
        ("ten", None),
        ("1e3", None),
        ("", None),
        ("٣", None),
    ],
)
def test_numbers(text, number):
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("Sat, 31 Jan 2026 12:00:00 GMT", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("yesterday", None),
        ("Mon, 1 Jan 2024 00:00:00 +99999999999999", None),
    ],
)
def test_dates(text, date):
    assert date_of(text) == date


@pytest.mark.parametrize(
    ("predicate", "value", "holds"),
    [
        ("n>=5", "5", True),
        ("n>5", "5", False),
        ("n<=5", "6", False),
        ("n<5", "4", True),
        ("n<5", "many", False),
        ("n<2026-01-31", "2025-12-31", True),
        ("n<2026-01-31", "soon", False),
        ("n=5*", "55", True),
        ("n!=5*", "55", False),
        ("n!=5*", "6", True),
        ("n", "", True),
    ],
)
def test_comparisons(predicate, value, holds):
    subject = FilterSubject(bucket="b", key="k", tags={"n": value})
    assert term(f"b/*[tag:{predicate}]").matches(subject) is holds


@pytest.mark.parametrize(("op", "holds"), [("=", True), ("!=", False)])
def test_sizes_and_dates_are_equal_by_value(op, holds):
    headers = {"last-modified": "Sat, 31 Jan 2026 00:00:00 GMT"}
    subject = FilterSubject(bucket="b", key="k", size=1024, headers=headers)
    assert term(f"b/*[hdr:content-length{op}1Ki]").matches(subject) is holds
    assert term(f"b/*[hdr:last-modified{op}2026-01-31]").matches(subject) is holds


def test_a_header_that_is_no_date_differs_from_every_date():
    subject = FilterSubject(bucket="b", key="k", headers={"expires": "never"})
    assert term("b/*[hdr:expires!=2026-01-31]").matches(subject) is True
    assert term("b/*[hdr:expires=2026-01-31]").matches(subject) is False


def test_the_size_is_known_without_the_headers():
    subject = FilterSubject(bucket="b", key="k", size=5)
    assert term("b/*[hdr:content-length<10]").matches(subject) is True
    assert term("b/*[hdr:content-type=a]").matches(subject) is None


def test_what_is_false_already_needs_nothing_more():
    subject = FilterSubject(bucket="b", key="k", tags={})
    found = term("b[tag:x]/*[tag:y][md:z]")
    assert found.matches(subject) is False
    assert found.needs == Attributes.BUCKET_TAGS | Attributes.TAGS | Attributes.METADATA
    assert found.missing(subject) == Attributes.BUCKET_TAGS | Attributes.METADATA


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("*", "include: all objects of any bucket"),
        ("!b*/a", "exclude: objects named a of buckets like b*"),
        (
            "b[tag:e]/x*[tag:a=b*][hdr:content-length<=1Ki][md:m!=v]",
            "include: objects like x* of buckets named b, if the bucket's tag e exists, "
            "if its tag a is like b*, if its header content-length is at most 1Ki, "
            "if its metadata m is absent or not like v",
        ),
    ],
)
def test_a_term_in_words(text, sentence):
    assert term(text).sentence == sentence
