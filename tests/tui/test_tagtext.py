import pytest

from s3d.tui.tagtext import changes, parse_tags


def test_a_line_is_a_tag():
    assert parse_tags("a=1\n\n b = x=y \n[red]=\n") == {"a": "1", "b": "x=y", "[red]": ""}
    assert parse_tags("") == {}


@pytest.mark.parametrize(("text", "why"), [("a", "line 1"), ("a=1\n=b", "line 2"),
                                           ("a=1\na=2", "twice")])  # fmt: skip
def test_what_is_none_is_told(text, why):
    with pytest.raises(ValueError, match=why):
        parse_tags(text)


def test_only_what_is_another_is_set():
    assert changes({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": ""}) == ({"b": "3", "c": ""}, [])
    assert changes({"a": "1"}, {}) == ({}, ["a"])
