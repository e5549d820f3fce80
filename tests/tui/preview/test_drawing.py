import msgspec
import pytest

from s3d.tui.preview.drawing import (
    MAX_LINE,
    MAX_LINES,
    STYLES,
    Drawing,
    LineBuilder,
    Pixels,
    Range,
    plain_lines,
    styled_line,
)


def test_a_line_has_its_styles_where_they_end():
    line = styled_line(("ab", "text"), ("c", "key"), ("d", "key"), ("", "string"))
    assert line.text == "abcd"
    assert line.marks == [STYLES.index("text"), 2, STYLES.index("key"), 4]
    assert styled_line(("plain", "text")).marks == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\nb\r", "a␊b␍"),
        ("\x9bx", "\\x9bx"),
        ("\u202eabc", "<U+202E>abc"),
        ("\ud800", "\ufffd"),
    ],
)
def test_no_control_character_gets_into_a_line(text, shown):
    assert styled_line((text, "text")).text == shown
    assert plain_lines([text])[0].text == shown


def test_marks_count_the_characters_that_are_shown():
    line = styled_line(("\u202e", "text"), ("x", "key"))
    assert line.marks == [0, 8, 1, 9]


def test_a_line_and_a_drawing_have_an_end():
    builder = LineBuilder()
    builder.add("x" * (MAX_LINE + 5))
    builder.add("y")
    assert builder.is_full
    assert builder.line().text == "x" * MAX_LINE
    assert len(plain_lines("x" for _ in range(MAX_LINES + 5))) == MAX_LINES


def test_a_drawing_travels_as_messagepack():
    line = styled_line(("a", "key"))
    drawing = Drawing("JSON", [line], ["note"], [line], Pixels(1, 1, b"abc"), [Range(1, 2)])
    sent = msgspec.msgpack.encode(drawing)
    assert msgspec.msgpack.decode(sent, type=Drawing) == drawing
