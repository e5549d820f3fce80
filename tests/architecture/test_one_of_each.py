"""What the tree has exactly one of, so that a change is made in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import ROOT, SOURCES

REQUEST_CONSTRUCTORS = {
    "s3d/agent/core/context.py",  # every request that the agent makes itself
    "s3d/agent/frontends/http/post.py",
    "s3d/agent/frontends/http/request_handler.py",
}
FILE_REPLACEMENTS = {
    "s3d/shared/atomic_file.py",
    "s3d/agent/core/rotating_file.py",  # a full log becomes an old one; nothing is replaced unseen
    "s3d/agent/transfers/local_files.py",  # relative to open folders, which a link cannot redirect
    "s3d/cli/get_put_commands.py",  # a download of any size, with the mode of the file it replaces
}


def calls(name: str) -> Iterator[str]:
    """The files that call a function or class, named with or without its module."""
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                target = node.func.value if isinstance(node.func, ast.Subscript) else node.func
                if ast.unparse(target) == name:
                    yield str(file.relative_to(ROOT))


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("S3Request", REQUEST_CONSTRUCTORS),
        ("os.replace", FILE_REPLACEMENTS),
        ("TLRUCache", {"s3d/agent/core/ttl_cache.py"}),
    ],
)
def test_it_is_called_only_where_it_belongs(name: str, places: set[str]) -> None:
    assert set(calls(name)) == places
