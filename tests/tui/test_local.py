import pytest

from s3d.tui.local import Paths, check_folder, check_source, no_check


def test_a_source_has_to_be_there(tmp_path):
    (tmp_path / "f").touch()
    assert check_source(str(tmp_path / "f")) == ""
    assert "no such file" in check_source(str(tmp_path / "none"))
    assert "whole path" in check_source("f")
    assert no_check("anything") == ""


def test_a_folder_may_be_new_but_no_file(tmp_path):
    (tmp_path / "f").touch()
    assert check_folder(str(tmp_path)) == check_folder(str(tmp_path / "new")) == ""
    assert check_folder(str(tmp_path / "f")) == "that is a file"
    assert "whole path" in check_folder("x")


@pytest.mark.parametrize(("typed", "wanted"), [("no", "notes/"), ("a", "a.txt"), ("x", None)])
async def test_a_path_goes_on(tmp_path, typed, wanted):
    (tmp_path / "notes").mkdir()
    (tmp_path / "a.txt").touch()
    found = await Paths().get_suggestion(f"{tmp_path}/{typed}")
    assert found == (f"{tmp_path}/{wanted}" if wanted else None)
    assert await Paths().get_suggestion(f"{tmp_path}/none/x") is None
    assert await Paths().get_suggestion(f"{tmp_path}/") is None
