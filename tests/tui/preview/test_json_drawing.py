import json

import pytest

from s3d.tui.preview.drawing import MAX_LINES, STYLES, Unreadable
from s3d.tui.preview.json_drawing import MAX_DEPTH, draw_json


def lines(text, *, is_whole=True):
    return [line.text for line in draw_json(text, is_whole=is_whole).lines]


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": [2, {"c": None}], "d": {}, "e": [], "f": [[], [[]]]},
        [],
        {},
        [1.5, True, False, None, 'a\\"b\n', -2e10],
        "text",
        {"a": {"b": {}}},
    ],
)
def test_it_is_indented_as_the_library_does(value):
    text = json.dumps(value, separators=(",", ":"))
    assert "\n".join(lines(text)) == json.dumps(value, indent=2)
    assert "\n".join(lines(json.dumps(value, indent=7))) == json.dumps(value, indent=2)


def test_numbers_keep_their_digits():
    assert lines("[1.10,12345678901234567890123]")[1] == "  1.10,"


@pytest.mark.finding("tui-26")
def test_the_beginning_of_one_long_line_is_indented():
    text = json.dumps({"a": [{"number": n} for n in range(9_000)]}, separators=(",", ":"))
    shown = lines(text[: 64 << 10], is_whole=False)
    assert shown[:5] == ["{", '  "a": [', "    {", '      "number": 0', "    },"]
    assert len(shown) > 5_000


@pytest.mark.parametrize("cut", range(1, 40))
def test_wherever_it_is_cut(cut):
    text = '{"ab":[true,-1.5e3,"x\\ny"],"c":null,"d":{}}'
    assert lines(text[:cut], is_whole=False)[0] == "{"


def test_what_a_bracket_opens_can_be_folded():
    drawing = draw_json('{"a":[1,2],"b":{}}', is_whole=True)
    assert [line.fold for line in drawing.lines] == [6, 3, 0, 0, 0, 0, 0]
    cut = draw_json('{"a":[1,2', is_whole=False)
    assert [line.fold for line in cut.lines] == [3, 2, 0, 0]


def test_keys_and_values_have_styles():
    line = draw_json('{"a":1}', is_whole=True).lines[1]
    assert [STYLES[n] for n in line.marks[::2]] == ["text", "key", "punctuation", "number"]


def test_several_documents_follow_one_another():
    drawing = draw_json('{"a":1}\n{"a":2}\n', is_whole=True)
    assert drawing.notes == ["2 documents"]
    assert [line.text for line in drawing.lines].count("{") == 2


@pytest.mark.parametrize(
    "text", ["{broken", "[1}", "]", "{1:2}", ",", '{"a":1', '"abc', "[1,2,nope]", "tru"]
)
def test_all_else_is_refused(text):
    with pytest.raises(Unreadable, match="no JSON"):
        draw_json(text, is_whole=True)


def test_one_that_is_too_deep_is_refused():
    with pytest.raises(Unreadable, match="deeper than"):
        draw_json("[" * (MAX_DEPTH + 1), is_whole=False)
    assert draw_json("[" * MAX_DEPTH, is_whole=False).lines


def test_a_long_one_has_an_end():
    assert len(lines("[" + "1," * 40_000, is_whole=False)) == MAX_LINES


def test_a_string_of_backslashes_is_quick():
    """A pattern that backtracks would need longer than the universe has."""
    lines('["' + "\\\\" * 30_000, is_whole=False)
    lines('["' + "\\" * 60_001, is_whole=False)
