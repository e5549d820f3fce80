"""Policies by bucket or prefix."""

import pytest

from s3d.shared.config.named_policies import parse_policies, policies_text, policy_of


def word(text: str) -> str:
    if not text.isalpha():
        raise ValueError(f"{text!r} is no word")
    return text


@pytest.mark.parametrize(
    "text", ["keep, b/2026=c, b=d", "keep\nb/2026=c\nb=d\n", " b = d,keep,b/2026=c,"]
)
def test_the_longest_name_decides(text):
    default, entries = parse_policies(text, word)
    assert (default, entries) == ("keep", (("b/2026", "c"), ("b/", "d")))
    found = [
        policy_of(*place, entries, default) for place in (("b", "2026/x"), ("b", "x"), ("bb", "x"))
    ]
    assert found == ["c", "d", "keep"]
    assert parse_policies(policies_text(entries, default), word) == (default, entries)


def test_a_setting_may_have_no_policy_for_everything_else():
    assert parse_policies("b=d", word) == (None, (("b/", "d"),))
    assert parse_policies("", word) == (None, ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a, b", "already a"),
        ("=a", "names no bucket"),
        ("/x=a", "names no bucket"),
        ("b=a, b/=c", "appears twice"),
        ("b=1", "is no word"),
    ],
)
def test_what_is_wrong_is_named(text, why):
    with pytest.raises(ValueError, match=why):
        parse_policies(text, word)
