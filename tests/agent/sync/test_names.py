import pytest

from s3d.agent.sync.names import parents, why_no_key, why_no_path


@pytest.mark.parametrize(
    "path",
    ["..", "a/../b", ".", "a/./b", "", "/a", "a//b", "a\0b", "n" * 256, "é" * 128, ".s3d",
     ".s3d/x", "/".join(["n" * 200] * 21)],
)  # fmt: skip
def test_no_file_can_have_such_a_path(path):
    assert why_no_path(path)


@pytest.mark.parametrize(
    "path", ["a", "a/", "a/b", "...", "..a", "a.s3d/x", "n" * 255, "a b\n", "é"]
)
def test_a_file_can_have_such_a_path(path):
    assert why_no_path(path) == ""


def test_a_key_has_at_most_1024_bytes():
    assert why_no_key("é" * 500, "p/") == ""
    assert "1026 bytes" in why_no_key("é" * 512, "p/")


def test_the_folders_above_come_from_the_top():
    assert parents("a/b/c") == ["a/", "a/b/"]
    assert parents("a/b/") == ["a/"]
    assert parents("a") == []
