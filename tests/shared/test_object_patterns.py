import pytest

from s3d.shared.object_patterns import KeyGlob, PathRule, has_wildcards, inclusion


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "b/a.txt", False),
        ("a/*", "a/b", True),
        ("a/*", "a/b/c", False),
        ("a/?", "a/bc", False),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a/**/z", "a/z", True),
        ("a/**/z", "a/b/c/z", True),
        ("a/**/z", "a/b/c/y", False),
        ("**/z", "z", True),
        ("**", "any/thing", True),
        ("p**", "photos/a/b", True),
        ("p**g", "photos/a/b.jpg", True),
        ("p**g", "q/photos.jpg", False),
        ("[a]*", "[a]b", True),
        ("[a]*", "ab", False),
        ("a**b**c", "a/x/b/y/c", True),
        ("a\n*", "a\nb", True),
    ],
)
def test_stars_stay_within_a_level_and_two_of_them_cross(pattern, key, matches):
    assert KeyGlob(pattern).matches(key) is matches


def test_what_is_below_a_match_is_included_when_asked_for():
    glob = KeyGlob("photos/2025*")
    assert not glob.matches("photos/2025-backup/a")
    assert glob.matches("photos/2025-backup/a", below=True)
    assert not glob.matches("photos/2024/2025", below=True)


def test_prefix_and_base_are_those_before_the_first_wildcard():
    glob = KeyGlob("logs/a?/x*")
    assert (glob.prefix, glob.base) == ("logs/a", "logs/")
    assert has_wildcards("a?")
    assert not has_wildcards("a[b]")


def test_matching_takes_linear_time():
    assert not KeyGlob("*a" * 60 + "*b").matches("a" * 1000)
    assert not KeyGlob("**/a/" * 30 + "b").matches("a/" * 500)


def test_a_pattern_that_would_multiply_is_refused():
    with pytest.raises(ValueError, match="too many"):
        KeyGlob("a**b" * 8)


def rules(*texts):
    return [PathRule(text[0] == "+", text[1:]) for text in texts]


@pytest.mark.parametrize(
    ("texts", "included", "excluded"),
    [
        ([], ["a"], []),
        (["+*.txt"], ["a.txt", "b.jpg"], []),
        (["-*"], [], ["a", "a/b"]),
        (["-*", "+*.txt"], ["a.txt", "d/a.txt"], ["a.jpg"]),
        (["+*.txt", "-*"], [], ["a.txt"]),
        (["-d/*"], ["a"], ["d/a", "d/e/f"]),
        (["-[ab].txt"], ["c.txt"], ["a.txt"]),
    ],
)
def test_the_last_rule_that_matches_decides(texts, included, excluded):
    is_included = inclusion(rules(*texts))
    assert [name for name in [*included, *excluded] if is_included(name)] == included
