import os
import subprocess

import pytest

from s3d.agent.sync.ignore_files import LARGEST, Ignore

FILES = {
    "": "*.tmp\n/top.txt\nbuild/\n!keep.tmp\ndocs/*.log\n**/deep/x\n",
    "a/": "!b.tmp\nlocal.txt\n/here.txt\nsub/\n",
    "a/c/": "*.txt\n!local.txt\n",
    "build/": "!*\n",
    "empty/": "",
}
LISTED = """
x.tmp keep.tmp top.txt other.txt build/x build/a/y docs/a.log docs/b/a.log deep/x
a/deep/x a/deep/y a/b.tmp a/x.tmp a/keep.tmp a/local.txt a/here.txt a/top.txt
a/c/here.txt a/c/local.txt a/c/z.txt a/c/z.md a/sub/q a/c/sub/q local.txt empty/x.tmp
empty/b.tmp a/build/z
"""
PATHS = LISTED.split()


def write(root, files, name):
    for folder, text in files.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).write_text(text)


def test_ignore_files_of_sub_folders_are_those_of_git(tmp_path):
    for name in (".gitignore", ".s3dignore"):
        write(tmp_path, FILES, name)
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    lines = "\n".join(PATHS)
    shown = subprocess.run(command, cwd=tmp_path, input=lines, capture_output=True, text=True)
    ignore = Ignore(tmp_path)
    ignore.refresh()
    ours = [path for path in PATHS if ignore.matches(path)]
    assert ours == shown.stdout.split()
    assert 5 < len(ours) < len(PATHS) - 5


def test_files_are_read_again_when_they_change(tmp_path):
    ignore = Ignore(tmp_path)
    assert not ignore.refresh()
    for folder in ("", "sub/"):
        write(tmp_path, {folder: "a\n"}, ".s3dignore")
        ignore.refresh()
        assert ignore.matches(f"{folder}a")
        assert not ignore.refresh()
        (tmp_path / folder / ".s3dignore").unlink()
        assert ignore.refresh()
        assert not ignore.matches(f"{folder}a")


def test_a_line_that_is_no_pattern_is_left_out(tmp_path):
    write(tmp_path, {"": "!\n*.tmp\n"}, ".s3dignore")
    ignore = Ignore(tmp_path)
    assert ignore.refresh()
    assert ignore.matches("a.tmp")
    assert not ignore.matches("a.md")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_no_ignore_file(tmp_path, make):
    make(tmp_path / ".s3dignore")
    ignore = Ignore(tmp_path)
    assert not ignore.refresh()
    assert not ignore.matches("a")


def test_a_huge_file_is_no_ignore_file(tmp_path):
    write(tmp_path, {"": "a\n"}, ".s3dignore")
    os.truncate(tmp_path / ".s3dignore", LARGEST + 1)
    ignore = Ignore(tmp_path)
    ignore.refresh()
    assert not ignore.matches("a")


@pytest.mark.parametrize("path", ["a\0b/c", "x" * 5000 + "/c", "a//b", "../c"])
def test_keys_that_no_path_can_be_are_not_ignored(tmp_path, path):
    ignore = Ignore(tmp_path)
    ignore.refresh()
    assert not ignore.matches(path)
