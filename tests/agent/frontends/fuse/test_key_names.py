"""Names of the mount: each component of a key has one name, and each name at most one component."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.frontends.fuse.key_names import LONGEST_NAME, MARK, Form, name_of, parse_name

ENDINGS = ("", "%s3d-", "%s3d-name", "%s3d-object", "%s3d-0123456789abcdef")
PIECES = st.sampled_from(
    [".", "..", "%", "%25", "%2E", "%ff", "\0", "a", "é", "\ud800", "\udcff", "\n", *ENDINGS]
)
COMPONENTS = st.one_of(
    st.text().map(lambda text: text.replace("/", "")),
    st.lists(PIECES, max_size=6).map("".join),
    st.builds(lambda text, n: text * n, PIECES, st.integers(20, 400)),
)


@pytest.mark.rule("MOUNT-5")
@given(COMPONENTS, st.booleans())
def test_a_name_is_read_back_as_its_component(component: str, beside_folder: bool) -> None:
    name = name_of(component, beside_folder=beside_folder)
    form, text = parse_name(name)
    if form is Form.CUT:
        assert component.startswith(text)
    else:
        assert text == component
        assert (form is Form.BESIDE_FOLDER) == beside_folder


@given(COMPONENTS, st.booleans())
def test_a_name_is_one_that_a_file_system_can_have(component: str, beside_folder: bool) -> None:
    name = name_of(component, beside_folder=beside_folder)
    assert 0 < len(os.fsencode(name)) <= LONGEST_NAME
    assert name not in (".", "..")
    assert "/" not in name
    assert "\0" not in name


@given(COMPONENTS, COMPONENTS, st.booleans(), st.booleans())
def test_two_components_never_have_the_same_name(a: str, b: str, x: bool, y: bool) -> None:
    if (a, x) != (b, y):
        assert name_of(a, beside_folder=x) != name_of(b, beside_folder=y)


@given(st.lists(PIECES, max_size=5).map("".join).filter(lambda name: "\0" not in name))
def test_a_name_that_a_program_chooses_is_that_of_its_component(name: str) -> None:
    """Else a program would create a file and not find it under the name that it chose."""
    with suppress(OSError):  # such a name is refused
        form, text = parse_name(name)
        if form is not Form.CUT and name not in ("", ".", ".."):
            assert name_of(text, beside_folder=form is Form.BESIDE_FOLDER) == name


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("50%", "50%"),
        ("%2E", "%2E"),
        ("naïve", "naïve"),
        (".s3d", ".s3d"),
        ("", "%s3d-name"),
        (".", "%2E%s3d-name"),
        ("..", "%2E%2E%s3d-name"),
        ("a\0b", "a%00b%s3d-name"),
        ("a\0b%", "a%00b%25%s3d-name"),
        ("a%s3d-object", "a%25s3d-object%s3d-name"),
        ("x" * 255, "x" * 255),
    ],
)
def test_how_components_are_shown(component: str, name: str) -> None:
    assert name_of(component) == name


@pytest.mark.parametrize("name", ["a" * 256, "é" * 128])
def test_a_name_of_more_than_255_bytes_is_too_long(name: str) -> None:
    with pytest.raises(OSError, match="too long") as caught:
        parse_name(name)
    assert caught.value.errno == errno.ENAMETOOLONG
    assert parse_name(name[:127]).text == name[:127]


def test_a_hidden_object_is_shown_beside_the_folder() -> None:
    assert name_of("a", beside_folder=True) == "a%s3d-object"
    assert name_of("50%", beside_folder=True) == "50%25%s3d-object"


@pytest.mark.parametrize("repeat", ["x", "é", "字", "%", "."])
def test_a_long_component_is_cut_between_characters(repeat: str) -> None:
    name = name_of(repeat * 300)
    assert len(name.rpartition(MARK)[2]) == 16
    assert LONGEST_NAME - 4 < len(name.encode()) <= LONGEST_NAME
    assert set(parse_name(name).text) == {repeat}


def test_long_components_with_the_same_beginning_have_different_names() -> None:
    names = {name_of("x" * 300 + str(n)) for n in range(100)}
    assert len(names | {name_of("x" * 300 + "1", beside_folder=True)}) == 101


def test_a_name_that_is_not_utf_8_has_no_key() -> None:
    with pytest.raises(OSError, match="multibyte") as caught:
        parse_name(os.fsdecode(b"caf\xe9"))
    assert caught.value.errno == errno.EILSEQ


@pytest.mark.parametrize(
    "name",
    ["a%s3d-name", "%41%s3d-name", "%2e%s3d-name", "%FF%s3d-name", "a%00%s3d-object%s3d-name"],
)
def test_a_name_with_an_ending_that_s3d_does_not_make_is_refused(name: str) -> None:
    with pytest.raises(OSError, match="ending") as caught:
        parse_name(name)
    assert caught.value.errno == errno.EINVAL
