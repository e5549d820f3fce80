import pytest

from s3d.agent.core.path_names import conflict_name
from s3d.agent.sync.conflict_diff import LINES, MAX_TEXT_SIZE, diff_conflict
from s3d.agent.sync.interfaces import PathBlocked
from s3d.agent.sync.local_tree import FolderTree

COPY = conflict_name("n.md", "laptop", 0.0, "a1b2")


@pytest.fixture
def tree(tmp_path):
    tree = FolderTree(tmp_path)
    yield tree
    tree.close()


def write(tmp_path, original, copy):
    (tmp_path / "n.md").write_bytes(original)
    (tmp_path / COPY).write_bytes(copy)


def test_texts_are_compared_line_by_line(tree, tmp_path):
    write(tmp_path, b"a\nb\nc\n", b"a\nB\nc\n")
    found = diff_conflict(tree, COPY)
    assert (found.text, found.original, found.copy) == (True, "n.md", COPY)
    assert "-b" in found.lines
    assert "+B" in found.lines
    assert (found.original_size, found.truncated) == (6, False)


def test_the_same_is_said(tree, tmp_path):
    write(tmp_path, b"a", b"a")
    assert diff_conflict(tree, COPY).lines == ["The files are identical."]


@pytest.mark.parametrize(
    ("one", "other", "word"),
    [
        (b"\0ab", b"\0ac", "from byte 2 on"),
        (b"\xff\xfe", b"\xff\xfe\xfd", "from byte 2 on"),
        (b"x" * (MAX_TEXT_SIZE + 9), b"x" * (MAX_TEXT_SIZE + 9), "are the same"),
    ],
)
def test_what_is_no_text_differs_from_a_byte_on(tree, tmp_path, one, other, word):
    write(tmp_path, one, other)
    found = diff_conflict(tree, COPY)
    assert not found.text
    assert word in found.lines[1]


def test_an_original_that_is_gone_is_nothing(tree, tmp_path):
    (tmp_path / COPY).write_text("a\n")
    found = diff_conflict(tree, COPY)
    assert (found.original_size, found.original_modified) == (0, 0.0)
    assert "+a" in found.lines


def test_very_much_is_cut(tree, tmp_path):
    write(tmp_path, b"", b"a\n" * (LINES + 50))
    found = diff_conflict(tree, COPY)
    assert (len(found.lines), found.truncated) == (LINES, True)


def test_only_conflict_copies_are_read_and_no_link_is_followed(tree, tmp_path):
    with pytest.raises(PathBlocked):
        diff_conflict(tree, "n.md")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "n.md").symlink_to("secret")
    (tmp_path / COPY).write_text("x")
    assert not any("secret" in line for line in _lines(tree))


def _lines(tree):
    try:
        return diff_conflict(tree, COPY).lines
    except OSError:
        return []
