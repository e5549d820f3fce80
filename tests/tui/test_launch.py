import pytest

from s3d.shared.errors import UsageError
from s3d.tui.launch import check_terminal


@pytest.mark.parametrize(
    ("term", "is_terminal"), [("dumb", True), ("", True), ("xterm-256color", False)]
)
def test_without_a_screen_it_does_not_begin(term, is_terminal):
    with pytest.raises(UsageError, match="needs a terminal"):
        check_terminal({"TERM": term}, is_terminal=is_terminal)


def test_with_one_it_does():
    check_terminal({"TERM": "xterm-256color"}, is_terminal=True)
