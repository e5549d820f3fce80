"""Five decisions that every engine has to take rightly before it is trusted with a policy. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

POLICY = """package s3d.filter
import rego.v1

default decision := {"include": false, "reason": "none"}

decision := {"include": true, "reason": "tagged"} if {
    input.tags.keep == "yes"
    not startswith(input.key, "tmp/")
}

decision := {"include": true, "reason": "small"} if {
    not input.tags.keep
    input.size < 10
    some pattern in ["*.txt", "*.md"]
    glob.match(pattern, [], input.key)
}
"""

CASES: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = [
    ({"key": "a.txt", "size": 5, "tags": {}}, {"include": True, "reason": "small"}),
    ({"key": "a.txt", "size": 50, "tags": {}}, {"include": False, "reason": "none"}),
    ({"key": "é", "size": 50, "tags": {"keep": "yes"}}, {"include": True, "reason": "tagged"}),
    ({"key": "tmp/a", "size": 5, "tags": {"keep": "yes"}}, {"include": False, "reason": "none"}),
    ({"key": "b.md", "size": 9, "tags": None}, {"include": True, "reason": "small"}),
]
"""Input document and what POLICY decides about it."""


def first_wrong(ask: Callable[[Mapping[str, Any]], Any]) -> str:
    """What an engine with POLICY gets wrong; "" when it takes all decisions rightly."""
    for document, wanted in CASES:
        found = ask(document)
        if found != wanted:
            return f"of {dict(document)} it says {found}, and not {dict(wanted)}"
    return ""
