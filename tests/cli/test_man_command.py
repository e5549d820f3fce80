import shutil
import subprocess

import pytest

from s3d.cli.main import COMMANDS


def test_each_command_has_a_page(alone):
    done = alone("man", "--write", "pages")
    assert done.code == 0, done.err
    pages = {path.stem: path.read_text() for path in (alone.home / "pages/man1").iterdir()}
    assert {f"s3d-{name}" for name in COMMANDS} | {"s3d", "s3d-sync-add"} <= pages.keys()
    for name, text in pages.items():
        assert text.startswith(f'.TH "{name.upper()}" 1')
        assert "\b" not in text
    assert ".SH EXAMPLES\n.nf\ns3d cp cat.jpg s3://photos/2026/\n" in pages["s3d-cp"]
    assert ".B \\-r, \\-R, \\-\\-recursive\nCopy folders and prefixes.\n" in pages["s3d-cp"]
    if shutil.which("groff"):
        for text in pages.values():
            checked = subprocess.run(
                ["groff", "-man", "-ww", "-z", "-K", "utf8"],
                input=text,
                capture_output=True,
                text=True,
            )
            assert checked.stderr == ""


def test_one_page_is_printed(alone):
    assert alone("man", "sync", "add").out.startswith('.TH "S3D-SYNC-ADD" 1')
    assert alone("man", "nothing").code == 2


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["lss"], "did you mean s3d ls"),
        (["copy"], "did you mean s3d cp?"),
        (["queue", "retyr"], "did you mean s3d queue retry?"),
        (["xyzzy"], "hint: s3d --help"),
    ],
)
def test_a_word_that_is_no_command_is_guessed(alone, words, meant):
    done = alone(*words)
    assert (done.code, "no such command" in done.err, meant in done.err) == (2, True, True), (
        done.err
    )
