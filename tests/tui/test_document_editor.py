import contextlib
import sys

import pytest

from s3d.tui.document_editor import NotEdited, edit_text, editor_of

SCRIPT = "import sys, pathlib; f = pathlib.Path(sys.argv[1]); f.write_text(f.read_text() + 'b')"


class Suspending:
    """An app that can be suspended, as one in a real terminal."""

    def suspend(self):
        return contextlib.nullcontext()


def test_the_editor_is_the_one_of_the_user():
    assert editor_of({"EDITOR": "nano -w"}) == ["nano", "-w"]
    assert editor_of({"VISUAL": "code", "EDITOR": "nano"}) == ["code"]
    assert editor_of({}) == ["vi"]


def test_a_text_is_edited_by_a_real_program(monkeypatch, tmp_path):
    script = tmp_path / "edit.py"
    script.write_text(SCRIPT)
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
    assert edit_text(Suspending(), "a", suffix=".json") == "ab"


@pytest.mark.parametrize(
    ("editor", "reason"), [("false", "exited with 1"), ("/no/such/editor", "set EDITOR")]
)
def test_an_editor_that_fails_is_named(monkeypatch, editor, reason):
    monkeypatch.setenv("VISUAL", editor)
    with pytest.raises(NotEdited, match=reason):
        edit_text(Suspending(), "a", suffix=".json")
