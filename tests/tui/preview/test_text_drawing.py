import pytest

from s3d.tui.preview.drawing import MAX_LINES, STYLES
from s3d.tui.preview.text_drawing import MAX_COLOURED, draw_hex, draw_plain, draw_text


def styles(line):
    return {STYLES[number] for number in line.marks[::2]}


@pytest.mark.parametrize(
    ("key", "text", "style", "at"),
    [
        ("a.py", "def f():\n    return 'x'", "keyword", 0),
        ("a.py", "x = 'text'", "string", 0),
        ("a.yaml", "key: value # why", "comment", 0),
        ("a.sql", "select 12", "number", 0),
        ("Dockerfile", "FROM a", "keyword", 0),
        ("a.html", "<p class='a'>", "keyword", 0),
    ],
)
def test_the_syntax_has_colours(key, text, style, at):
    assert style in styles(draw_text(key, text).lines[at])


@pytest.mark.parametrize("text", ["x = '''\nabc\n'''\n", "a\n\n\nb", "\n", "", "a\r\nb", "a\tb"])
def test_the_lines_are_the_same_with_colours_and_without(text):
    coloured = [line.text for line in draw_text("a.py", text).lines]
    assert coloured == [line.text for line in draw_plain(text).lines]


def test_what_is_too_long_has_no_colours():
    assert draw_text("a.py", "x = 1\n" * MAX_COLOURED).kind == "text"
    assert draw_text("a.py", "x" * 6000).kind == "text"
    assert draw_text("a.unknown-kind", "x").kind == "text"
    assert len(draw_text("a.py", "\n" * (MAX_LINES + 10)).lines) == MAX_LINES


def test_bytes_with_their_offsets():
    (line,) = draw_hex(b"\x00A\x7f", 0x40).lines
    assert line.text.startswith("00000040  00 41 7f")
    assert line.text.endswith(" .A.")
    assert len(draw_hex(bytes(1 << 20)).lines) == MAX_LINES
