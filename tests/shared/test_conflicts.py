from __future__ import annotations

import pytest

from s3d.shared.conflicts import ConflictPolicy, Conflicts, parse_conflicts

PARK, OURS, THEIRS = ConflictPolicy.PARK, ConflictPolicy.OURS, ConflictPolicy.THEIRS


@pytest.mark.parametrize(
    ("text", "place", "policy"),
    [
        ("", ("b", "k"), PARK),
        ("ours", ("b", "k"), OURS),
        ("photos=ours", ("photos", "k"), OURS),
        ("photos=ours", ("photos2", "k"), PARK),
        ("photos/raw/=theirs, photos=ours, park", ("photos", "raw/1"), THEIRS),
        ("photos=ours, photos/raw/=theirs", ("photos", "raw/1"), THEIRS),
        ("photos=ours, photos/raw/=theirs", ("photos", "rawer"), OURS),
        ("photos/a=b=ours, theirs", ("photos", "a=bc"), OURS),
        ("photos/a, b=ours\ntheirs", ("photos", "a, bc"), OURS),
        ("photos/a, b=ours\ntheirs", ("photos", "x"), THEIRS),
    ],
)
def test_the_longest_name_decides(
    text: str, place: tuple[str, str], policy: ConflictPolicy
) -> None:
    assert parse_conflicts(text).of(*place) is policy


@pytest.mark.parametrize(
    "text", ["mine", "a=mine", "park, ours", "=ours", "/x=ours", "a=ours,a=park"]
)
def test_a_wrong_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_conflicts(text)


def test_it_is_printed_as_it_is_written() -> None:
    parsed = parse_conflicts("theirs, a=ours, a/long/=park")
    assert str(parsed) == "a/long/=park, a/=ours, theirs"
    assert parse_conflicts(str(parsed)) == parsed
    assert str(Conflicts()) == "park"
