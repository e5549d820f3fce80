import pytest

from s3d.tui.preferences import Preferences, load


def test_what_is_kept_is_read(tmp_path):
    path = tmp_path / "s3d/tui.toml"
    found = load(path)
    assert (found.theme, found.bookmarks, found.keys, found.error) == ("", [], {}, "")
    found.theme, found.keys = "nord", {"quit": "ctrl+x"}
    found.bookmarks.append("b/[red]\x1b[31m/")
    assert found.save() == ""
    again = load(path)
    assert (again.theme, again.bookmarks, again.keys) == (
        "nord", ["b/[red]\x1b[31m/"], {"quit": "ctrl+x"},
    )  # fmt: skip
    assert [each.name for each in path.parent.iterdir()] == ["tui.toml"]


@pytest.mark.parametrize(
    "text",
    ["theme = ", "theme = 1", 'preview = "now"', 'bookmarks = "x"', "keys = 3", "\xff"],
)
def test_a_file_that_is_not_understood_stays_and_is_told(tmp_path, text):
    path = tmp_path / "tui.toml"
    path.write_text(text, encoding="latin-1")
    found = load(path)
    assert "ignoring" in found.error
    found.theme = "nord"
    assert found.save() == ""
    assert path.read_text(encoding="latin-1") == text


@pytest.mark.parametrize("preview", ["rest", "key", "off"])
def test_when_previews_are_read_is_saved(tmp_path, preview):
    path = tmp_path / "tui.toml"
    Preferences(preview=preview, path=path).save()
    assert load(path).preview == preview


def test_nothing_is_kept_without_a_place():
    assert Preferences(theme="nord").save() == ""
