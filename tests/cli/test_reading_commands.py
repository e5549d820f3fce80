import subprocess

import pytest

from s3d.cli.reading_commands import first_lines
from tests.cli.conftest import S3D


def test_cat_prints_one_after_the_other(s3d, store):
    one, two = store("a", b"1\n"), store("b", b"\0")
    bucket = one.partition("/")[0]
    assert s3d("cat", one, two).data == b"1\n\0"
    assert s3d("cat", f"{bucket}/*").data == b"1\n\0"
    assert s3d("cat", f"{bucket}/*.none").code == 3
    missing = s3d("cat", f"{bucket}/none", two)
    assert (missing.code, missing.data) == (3, b"\0")


def test_head_prints_the_first_lines_or_bytes(s3d, store):
    target = store("a", b"".join(b"%d\n" % number for number in range(20)))
    assert s3d("head", target).out.splitlines() == [str(number) for number in range(10)]
    assert s3d("head", "-n", "2", target).out == "0\n1\n"
    assert s3d("head", "-c", "3", target).out == "0\n1"
    assert s3d("head", "-n", "0", target).out == ""


@pytest.mark.parametrize(
    ("blocks", "count", "expected"),
    [
        ([b"a\nb", b"c\nd"], 2, b"a\nbc\n"),
        ([b"a"], 2, b"a"),
        ([b"a\n", b"b\n"], 1, b"a\n"),
        ([b"\n\n\n"], 2, b"\n\n"),
        ([], 1, b""),
    ],
)
def test_lines_are_counted_across_blocks(blocks, count, expected):
    assert b"".join(first_lines(blocks, count)) == expected


def test_a_reader_that_has_enough_is_no_error(s3d, store):
    target = store("a", b"x\n" * 1_000_000)
    for command in ("get", "cat"):
        piped = subprocess.run(
            ["bash", "-c", f'set -o pipefail; {" ".join(S3D)} {command} "$0" | head -n 1', target],
            env=s3d.env, capture_output=True, timeout=30,
        )  # fmt: skip
        assert (piped.returncode, piped.stdout) == (0, b"x\n")
        assert b"s3d:" not in piped.stderr
