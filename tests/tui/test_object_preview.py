import pytest

from s3d.tui.object_preview import MAX_LINES, preview


@pytest.mark.parametrize(
    ("key", "data", "wanted"),
    [
        ("a.txt", b"one\ttwo\nthree", ["one two", "three"]),
        ("a.txt", b"", ["(empty)"]),
        ("a.json", b'{"b":1,"a":[2]}', ["{", '  "b": 1,', '  "a": [', "    2", "  ]", "}"]),
        ("a.json", b"{broken", ["{broken"]),
        ("a.csv", b"name,size\na,1\nlonger,22\n", ["name    size", "a       1   ", "longer  22  "]),
        ("a.tsv", b"a\tb", ["a  b"]),
        ("a.bin", b"\x00\x01AB", ["00000000  00 01 41 42" + " " * 37 + " ..AB"]),
        ("a.txt", b"\x1b[31mred", ["␛[31mred"]),
    ],
)
def test_it_is_shown_as_what_it_is(key, data, wanted):
    assert preview(key, data, len(data)) == wanted


def test_only_the_beginning_is_said_to_be_one():
    assert preview("a", b"abc", 4096)[-1] == "... the first 3 B of 4 KiB"
    assert preview("a", "é".encode()[:1] * 0 + b"ab\xc3", 4096)[0] == "ab"


def test_it_has_an_end():
    assert len(preview("a", b"x\n" * 10_000, 20_000)) == MAX_LINES
