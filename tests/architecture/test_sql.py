"""What statements for SQLite must not have."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2] / "s3d"
STATEMENT = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
NAMED = re.compile(r"\?\d|(?<=[\s(=,])[:@$][a-z_]\w*")


def texts(file: Path) -> list[str]:
    source = file.read_text()
    if not NAMED.search(source) or not STATEMENT.search(source):
        return []
    tree = ast.parse(source)
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [each.value for each in constants if isinstance(each.value, str)]


def test_placeholders_have_no_names_and_numbers() -> None:
    """Python 3.14 refuses a sequence of values for ?1 and :name: s3d would not store anything.
    https://docs.python.org/3.12/library/sqlite3.html#sqlite3.Cursor.execute"""
    found = [
        (file.name, text)
        for file in ROOT.rglob("*.py")
        for text in texts(file)
        if STATEMENT.search(text) and NAMED.search(text)
    ]
    assert found == []
