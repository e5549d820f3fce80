"""A policy in Rego as a function: read from its files, checked, and compiled by regopy.

regopy is the Python binding of rego-cpp (the extra opa). Because it is young, every process first
runs a self-test: five decisions with a known result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from s3d.agent.selection.decision import ENTRY, Document, PolicyUnavailable
from s3d.shared.errors import UsageError

_ERROR = re.compile(r"\(error \d+:([^|]*)\|(\d+)\|\d+\s*\(errormsg \d+:(.*?)\)", re.DOTALL)
_FAILED = "<error>"
"""The output of regopy when an evaluation fails; it gives no reason."""
_FORBIDDEN = re.compile(r"\b(http\.send|net\.\w+|opa\.runtime)\b")
"""Built-in functions that make a decision depend on more than the input and the data."""

Stamp = tuple[tuple[str, int, int], ...]
"""(name, mtime in ns, size) of each file of a policy."""
Program = Callable[[Document], Any]
"""From the input document to the value of ENTRY. Raises PolicyUnavailable."""


class PolicyError(UsageError):
    """A policy that cannot be used."""


def load_program(path: Path) -> Program:
    """The program of a .rego file or of a folder. Raises PolicyError, OSError."""
    root = path if path.is_dir() else path.parent
    sources = {str(file.relative_to(root)): _text(file) for file in _files(path)}
    if not any(name != "data.json" for name in sources):
        raise PolicyError(
            "there is no policy", f"{path} contains no .rego file", "see S3D_OPA_POLICY"
        )
    return _compile(path, sources)


def stamp_of(path: Path) -> Stamp:
    """Changes when a file of the policy does. Raises OSError."""
    stats = [(str(file), file.stat()) for file in _files(path)]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def run_self_test() -> None:
    """Check that regopy evaluates correctly on this machine. Raises PolicyError."""
    wrong = first_wrong(_compile(Path("self-test"), {"self_test.rego": POLICY}))
    if wrong:
        raise PolicyError(
            "regopy gives wrong results on this machine", wrong, "use S3D_OPA_URL instead"
        )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted([*path.rglob("*.rego"), *path.glob("data.json")])


def _text(file: Path) -> str:
    """Raises PolicyError, OSError."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        why = f"{file}: byte {error.start + 1} is not UTF-8"
        raise PolicyError("the policy cannot be read", why, "see S3D_OPA_POLICY") from None


def _compile(path: Path, sources: dict[str, str]) -> Program:
    """path: for messages. sources: name of a file -> its text. Raises PolicyError."""
    try:
        from regopy import Interpreter, LogLevel, RegoError
    except ImportError as error:
        remedy = "pip install 's3d-agent[opa]'"
        raise PolicyError("policies cannot be evaluated", "regopy is missing", remedy) from error
    rego: Any = Interpreter()  # type: ignore[no-untyped-call]
    rego.log_level = LogLevel.NONE
    try:
        for name, source in sources.items():
            _check(path, name, source)
            if name == "data.json":
                rego.add_data(json.loads(source))
            else:
                rego.add_module(name, source)
        bundle = rego.build(None, [ENTRY])
    except (RegoError, ValueError) as error:
        raise _compile_error(path, sources, str(error)) from error

    def evaluate(document: Document) -> Any:
        try:
            # As text: regopy escapes neither the strings of a value nor those of its output.
            rego.set_input_term(json.dumps(document, ensure_ascii=False))
            output = rego.query_bundle_entrypoint(bundle, ENTRY)
            text = str(output)
            if text.strip() == _FAILED:
                raise PolicyUnavailable(
                    f"the evaluation of {ENTRY} fails: two of its rules may conflict"
                )
            expressions = json.loads(text, object_pairs_hook=_unique)["expressions"]
        except (RegoError, ValueError, KeyError, TypeError, RecursionError):
            raise PolicyUnavailable(f"{ENTRY} is undefined") from None
        if not expressions:
            raise PolicyUnavailable(f"{ENTRY} is undefined")
        return expressions[0]

    return evaluate


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError for a repeated name, which makes its value ambiguous."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name is repeated")
    return members


def _check(path: Path, name: str, source: str) -> None:
    """Refuse a policy that reads more than its input and data. Raises PolicyError."""
    for number, line in enumerate(source.splitlines(), 1):
        forbidden = _FORBIDDEN.search(line.partition("#")[0])
        if forbidden and name != "data.json":
            where = f"{path}: {name}:{number}: {forbidden[1]} is not available"
            raise PolicyError(
                "the policy cannot be used", where, "a policy may depend only on input and data"
            )


def _compile_error(path: Path, sources: dict[str, str], text: str) -> PolicyError:
    """text: the error of regopy, which names a byte offset; people want a line."""
    match = _ERROR.search(text)
    why = text.strip()
    if match:
        name, offset, message = match[1], int(match[2]), match[3]
        line = sources.get(name, "").encode()[:offset].count(b"\n") + 1
        why = f"{name}:{line}: {message}"
    return PolicyError("the policy cannot be read", f"{path}: {why}", "see S3D_OPA_POLICY")


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
"""Input document, and the decision of POLICY on it."""


def first_wrong(evaluate: Program) -> str:
    """The first of CASES that a program of POLICY decides wrongly, as a message; "" for none."""
    for document, expected in CASES:
        result = evaluate(document)
        if result != expected:
            return f"the decision on {dict(document)} is {result} instead of {dict(expected)}"
    return ""
