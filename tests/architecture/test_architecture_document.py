"""docs/architecture.md names functions, classes and files: a page that names others misleads."""

import re
from collections.abc import Iterator
from pathlib import PurePath

import pytest

from tests.architecture import source

PAGE = source.ROOT / "docs" / "architecture.md"
FOLDERS = ("s3d", "tests", "docs", "deploy")

NO_FILES = {
    "panes/NAME_pane.py": "a pattern",
    "remote-headers.json": "a file of the state folder",
    "remote.json": "a file of the state folder",
}
NO_NAMES = {
    "S3D_READ_CACHE_MAX_AGE": "a setting, whose name is made of its field's",
    "cryptography": "a package",
}

_SPAN = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"[\w./-]+\.(?:py|yml|json|txt|md)")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")
_WORD = re.compile(r"[A-Za-z_]\w*")


def unknown(page: str, files: set[PurePath], words: set[str]) -> Iterator[str]:
    """The spans of code of a page that look like a file or a name, and are none."""
    for span in _SPAN.findall(page):
        if _FILE.fullmatch(span):
            if span not in NO_FILES and not any(file.match(span) for file in files):
                yield span
        elif _NAME.fullmatch(span) and span not in NO_NAMES and set(_WORD.findall(span)) - words:
            yield span


@pytest.fixture(scope="module")
def files() -> set[PurePath]:
    return {
        file.relative_to(source.ROOT)
        for folder in FOLDERS
        for file in (source.ROOT / folder).rglob("*")
        if file.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def words(files: set[PurePath]) -> set[str]:
    """All words of the sources, and the names of folders and modules."""
    found = {part.removesuffix(".py") for file in files for part in file.parts}
    for file in (*source.SOURCES, *(source.ROOT / "tests").rglob("*.py")):
        found.update(_WORD.findall(file.read_text()))
    return found


def test_each_name_and_file_of_the_page_exists(files: set[PurePath], words: set[str]) -> None:
    assert list(unknown(PAGE.read_text(), files, words)) == []


def test_the_check_sees_what_is_wrong(files: set[PurePath]) -> None:
    words = {"RequestHandler", "serve", "layer"}
    page = (
        "`RequestHandler.serve` `RequestHandler.gone` `layer` `Gone()` `read_cache/layer.py` `x.py`"
    )
    assert list(unknown(page, files, words)) == ["RequestHandler.gone", "Gone()", "x.py"]
