"""The setting after_upload: as it is written, and what decides for a key."""

import pytest

from s3d.shared.config.after_upload import KEEP, AfterUpload, Order, parse_after_upload

DAY = 24 * 3600.0


@pytest.mark.parametrize(
    ("text", "age", "order"),
    [
        ("keep", None, Order.OLDEST),
        ("evict when verified", 0.0, Order.OLDEST),
        ("Evict  when verified newest first", 0.0, Order.NEWEST),
        ("evict after 7 days", 7 * DAY, Order.OLDEST),
        ("evict after 1 day oldest first", DAY, Order.OLDEST),
        ("evict after 90m newest first", 5400.0, Order.NEWEST),
    ],
)
def test_policies(text, age, order):
    policy = parse_after_upload(text).default
    assert (policy.age, policy.order) == (age, order)
    assert parse_after_upload(str(policy)).default == policy


def test_the_longest_name_decides():
    setting = parse_after_upload("cams=evict when verified, cams/keep/=keep, evict after 7 days")
    assert setting.of("cams", "a").age == 0.0
    assert setting.of("cams", "keep/a") == KEEP
    assert setting.of("camsite", "a").age == 7 * DAY
    assert parse_after_upload(str(setting)) == setting


def test_lines_separate_entries_too():
    assert parse_after_upload("a=keep\nevict when verified").of("b", "k").evicts


def test_whether_it_evicts_below_a_prefix():
    setting = parse_after_upload("b/photos/raw/=evict when verified")
    assert setting.evicts_below("b", "photos/")
    assert setting.evicts_below("b", "photos/raw/2026/")
    assert not setting.evicts_below("b", "music/")
    assert not setting.evicts_below("c", "")
    assert setting.evicts
    assert not AfterUpload().evicts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evict", "evict when verified or evict after 7 days"),
        ("evict after ever", "not a time"),
        ("keep, evict when verified", "already keep"),
        ("=keep", "names no bucket"),
        ("a=keep, a/=keep", "twice"),
    ],
)
def test_what_is_expected_is_said(text, message):
    with pytest.raises(ValueError, match=message):
        parse_after_upload(text)
