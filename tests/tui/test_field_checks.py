import pytest

from s3d.tui.field_checks import (
    check_bandwidth,
    check_bucket,
    check_folder,
    check_new_key,
    check_number,
    check_place,
    check_size,
    check_source,
    check_tags,
    check_target,
    no_check,
    parse_tags,
    tag_changes,
)


def test_a_source_has_to_be_there(tmp_path):
    (tmp_path / "f").touch()
    assert check_source(str(tmp_path / "f")) == ""
    assert "no such file" in check_source(str(tmp_path / "none"))
    assert "absolute path" in check_source("f")
    assert no_check("anything") == ""


def test_a_folder_may_be_new_but_no_file(tmp_path):
    (tmp_path / "f").touch()
    assert check_folder(str(tmp_path)) == check_folder(str(tmp_path / "new")) == ""
    assert check_folder(str(tmp_path / "f")) == "this is a file, not a folder"
    assert "absolute path" in check_folder("x")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("abc", ""), ("a", "3 to 63"), ("Abc", "3 to 63"), ("a_b", "3 to 63"), ("äbc", "3 to 63")],
)
def test_a_bucket_has_a_legal_name(text, wanted):
    assert wanted in check_bucket(text)


def test_a_key_is_another_and_not_too_long():
    check = check_new_key("a")
    assert check("b") == ""
    assert "already" in check("a")
    assert "missing" in check("")
    assert "1,024" in check("ü" * 600)


def test_a_target_is_a_place():
    check = check_target("s3://bucket/p/")
    assert check("s3://other/") == check("s3://bucket/q/") == ""
    assert "already there" in check("s3://bucket/p/")
    assert "ends with /" in check("s3://bucket/q")
    assert "bucket" in check("/tmp")


def test_a_line_is_a_tag():
    assert parse_tags("a=1\n\n b = x=y \n[red]=\n") == {"a": "1", "b": "x=y", "[red]": ""}
    assert parse_tags("") == {}


@pytest.mark.parametrize(("text", "why"), [("a", "line 1"), ("a=1\n=b", "line 2"),
                                           ("a=1\na=2", "twice")])  # fmt: skip
def test_what_is_none_is_told(text, why):
    with pytest.raises(ValueError, match=why):
        parse_tags(text)


def test_only_what_is_another_is_set():
    assert tag_changes({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": ""}) == (
        {"b": "3", "c": ""},
        [],
    )
    assert tag_changes({"a": "1"}, {}) == ({}, ["a"])


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [(check_place, "s3://b/p", "/p"), (check_size, "5MiB", "0"), (check_number, "1", "x"),
     (check_bandwidth, "08:00 5M, 18:00 off", "fast"), (check_tags, "a=b", "a")],
)  # fmt: skip
def test_other_values_are_checked(check, right, wrong):
    assert check(right) == ""
    assert check(wrong)
