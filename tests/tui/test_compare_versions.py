import pytest

from s3d.shared.control import ObjectInfo
from s3d.tui.compare_versions import MAX_COMPARED, compare
from s3d.tui.themes import THEMES


def lines_of(old, new, *, whole=None, etags=("a", "b")):
    infos = [
        ObjectInfo("b", "k", whole or len(data), etag, 0.0, version_id=f"v{etag}")
        for data, etag in zip((old, new), etags, strict=True)
    ]
    found = compare((infos[0], old), (infos[1], new), THEMES[0])
    return [line if isinstance(line, str) else line.text for line in found]


def test_changed_lines_of_texts_are_shown():
    found = lines_of(b"one\ntwo\x1b[2J\n", b"one\nthree\n")
    assert "-two␛[2J" in found
    assert "+three" in found
    assert " one" in found
    assert found[1].endswith("va") is False


@pytest.mark.parametrize(
    ("old", "new", "etags", "wanted"),
    [
        (b"same", b"same", ("a", "a"), "Both versions have the same content."),
        (b"a\0b", b"text", ("a", "b"), "no text"),
        (b"\xff\xfe", b"text", ("a", "b"), "no text"),
    ],
)
def test_what_cannot_be_compared_is_said(old, new, etags, wanted):
    assert wanted in lines_of(old, new, etags=etags)[-1]


def test_a_large_one_is_compared_in_part():
    found = lines_of(b"a\n", b"b\n", whole=MAX_COMPARED + 1)
    assert "Only the first 256 KiB of each are compared." in found
    assert "+b" in found
