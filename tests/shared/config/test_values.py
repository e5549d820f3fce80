from __future__ import annotations

import json
import pickle  # noqa: TID251 - to show that it does not help

import msgspec
import pytest

from s3d.shared.config.values import (
    MASK,
    ConflictPolicy,
    Conflicts,
    Secret,
    Timetable,
    parse_conflicts,
    parse_timetable,
)

KIB = 1024


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("off", ((0, None),)),
        ("512KiB", ((0, 512 * KIB),)),
        ("512KiB/s", ((0, 512 * KIB),)),
        ("18:00 off, 8:00 1MiB", ((480, 1024 * KIB), (1080, None))),
    ],
)
def test_what_a_timetable_says(text: str, entries: tuple[tuple[int, int | None], ...]) -> None:
    assert parse_timetable(text).entries == entries


@pytest.mark.parametrize("text", ["", "fast", "25:00 1MiB", "8:00", "8:00 1MiB, 08:00 off", "12"])
def test_what_is_not_a_timetable_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write|twice|slow"):
        parse_timetable(text)


@pytest.mark.parametrize(("minute", "rate"), [(0, 7), (479, 7), (480, 5), (1079, 5), (1080, 7)])
def test_before_the_first_time_of_the_day_yesterdays_last_rate_holds(
    minute: int, rate: int
) -> None:
    assert Timetable(((480, 5), (1080, 7))).rate_at(minute) == rate


def test_a_rate_may_be_the_same_all_day():
    assert Timetable().is_constant
    assert not Timetable(((480, 5), (1080, 7))).is_constant


@pytest.mark.parametrize(
    "text", ["off", "512KiB", "08:00 1MiB, 18:00 off", "00:30 1500, 12:00 3GiB"]
)
def test_a_timetable_can_be_written_down_again(text: str) -> None:
    assert str(parse_timetable(text)) == text


PLAIN = "correct horse battery staple"


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{:>40}".format, "%s".__mod__])
def test_text_of_a_secret_is_a_mask(show):
    assert show(Secret(PLAIN)).strip() == MASK


def test_a_container_does_not_show_it():
    assert PLAIN not in repr({"key": [Secret(PLAIN)]})


def test_json_does_not_show_it():
    with pytest.raises(TypeError):
        json.dumps(Secret(PLAIN))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(PLAIN))
    assert PLAIN not in json.dumps(Secret(PLAIN), default=str)


def test_pickle_does_not_carry_it():
    data = pickle.dumps(Secret(PLAIN))
    assert PLAIN.encode() not in data
    assert pickle.loads(data).reveal() == MASK


def test_reveal_gives_it_back():
    assert Secret(PLAIN).reveal() == PLAIN


def test_secrets_compare_by_value():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


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
