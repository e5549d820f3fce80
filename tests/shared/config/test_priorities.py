from __future__ import annotations

import pytest

from s3d.shared.config.priorities import Priorities, parse_priorities


def test_the_longest_name_decides() -> None:
    priorities = parse_priorities("photos/=10, photos/raw/=-5, logs=-7, 1")
    keys = [("photos", "a"), ("photos", "raw/a"), ("logs", "a"), ("logs2", "a")]
    assert [priorities.of(*key) for key in keys] == [10, -5, -7, 1]
    assert parse_priorities(str(priorities)) == priorities


def test_without_the_setting_all_writes_are_alike() -> None:
    assert Priorities().of("photos", "a") == 0
    assert parse_priorities("photos/=3").of("other", "a") == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("photos/=high", "'high' is not a priority: write BUCKET/PREFIX=NUMBER"),
        ("photos/=1001", "not from -1000 to 1000"),
        ("photos/", "is not a priority"),
        ("photos/=1, photos/=2", "appears twice"),
        ("=1", "names no bucket"),
    ],
)
def test_a_wrong_value_says_what_is_expected(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_priorities(text)


@pytest.mark.parametrize(
    ("value", "expected"), [("7", 7), ("-1000", -1000), ("1001", 3), ("high", 3), ("", 3)]
)
def test_the_tag_of_an_object_has_precedence_if_it_is_a_priority(value, expected):
    priorities = parse_priorities("photos/=3")
    assert priorities.of_object("photos", "a", {"s3d.priority": value}) == expected
    assert priorities.of_object("photos", "a", {"other": "9"}) == 3
