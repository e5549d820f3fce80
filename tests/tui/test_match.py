import pytest

from s3d.tui.match import Unmatchable, matcher, narrows

NAMES = ["IMG_1.jpg", "img_2.JPG", "notes/a.md", "[red]x[/red]", "日本語.md"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", NAMES),
        ("img", ["IMG_1.jpg", "img_2.JPG"]),
        ("IMG", ["IMG_1.jpg"]),
        ("!img", NAMES[2:]),
        ("!", NAMES),
        (r"~\d\.", NAMES[:2]),
        ("~^IMG", ["IMG_1.jpg"]),
        ("-f nmd", ["notes/a.md"]),
        ("-f", NAMES),
        ("[red]", ["[red]x[/red]"]),
        ("語", ["日本語.md"]),
    ],
)
def test_what_is_typed_finds(text, wanted):
    test = matcher(text)
    assert [name for name in NAMES if test is None or test(name)] == wanted


@pytest.mark.parametrize("text", ["~(", "~[a", "~*"])
def test_a_regex_that_is_none_is_told(text):
    with pytest.raises(Unmatchable, match="Invalid regular expression"):
        matcher(text)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [("a", "ab", True), ("", "a", True), ("ab", "a", False), ("a", "!ab", False),
     ("!a", "!ab", False), ("~a", "~ab", False), ("a", "aB", False)],
)  # fmt: skip
def test_what_can_only_become_less(before, after, wanted):
    assert narrows(before, after) is wanted
