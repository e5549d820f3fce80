"""What a botocore's S3 model has beyond another one, as s3d/agent/s3/newest_api.json holds it.

    python -m tests.agent.s3.newest_model FOLDER

prints the additions of the botocore that is installed in FOLDER (pip install --target FOLDER
--no-deps botocore==VERSION) to the one that s3d is installed with.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

import botocore

Model = dict[str, Any]

_OPERATION = ("name", "http", "input", "output", "deprecated")
_MEMBER = (
    "shape",
    "location",
    "locationName",
    "flattened",
    "xmlAttribute",
    "xmlNamespace",
    "streaming",
    "timestampFormat",
)
_SHAPE = (
    "type",
    "members",
    "required",
    "payload",
    "member",
    "flattened",
    "locationName",
    "enum",
    "timestampFormat",
    "xmlNamespace",
    "eventstream",
)
_HTTP = ("method", "requestUri", "responseCode")
"""What s3d reads of each; the rest is documentation."""


def model_in(folder: Path) -> tuple[str, Model]:
    """(version, S3 model) of the botocore package in a folder."""
    package = folder / "botocore"
    version = re.search(r"__version__ = '([^']+)'", (package / "__init__.py").read_text())
    assert version is not None
    found = sorted((package / "data" / "s3").glob("*/service-2.json*"))[-1]
    data = found.read_bytes()
    plain = gzip.decompress(data) if found.suffix == ".gz" else data
    return version[1], trimmed(json.loads(plain))


def installed() -> tuple[str, Model]:
    """The botocore that runs here."""
    return model_in(Path(botocore.__file__).parent.parent)


def trimmed(model: Model) -> Model:
    """The parts that s3d reads, of the shapes that some operation uses; errors are no such."""
    operations = {name: _operation(one) for name, one in model["operations"].items()}
    used: set[str] = set()
    for operation in operations.values():
        for end in ("input", "output"):
            if end in operation:
                _reach(operation[end]["shape"], model["shapes"], used)
    return {
        "operations": operations,
        "shapes": {name: _shape(model["shapes"][name]) for name in sorted(used)},
    }


def additions(old: Model, new: Model) -> Model:
    """What new has and old lacks, in the form of s3d.agent.s3.model.Additions without a version."""
    known = old["shapes"]
    found: Model = {"operations": {}, "shapes": {}, "members": {}, "enums": {}}
    for name, operation in new["operations"].items():
        if name not in old["operations"]:
            found["operations"][name] = operation
    for name, shape in new["shapes"].items():
        if name not in known:
            found["shapes"][name] = shape
            continue
        before = known[name]
        members = {
            member: value
            for member, value in shape.get("members", {}).items()
            if member not in before.get("members", {})
        }
        values = [value for value in shape.get("enum", ()) if value not in before.get("enum", ())]
        if members:
            found["members"][name] = members
        if values:
            found["enums"][name] = values
    return found


def rendered(found: Model) -> str:
    """JSON with one line for each operation and shape."""
    parts = []
    for kind, value in found.items():
        if isinstance(value, dict):
            rows = ",\n".join(
                f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in value.items()
            )
            parts.append(f" {json.dumps(kind)}: {{\n{rows}\n }}")
        else:
            parts.append(f" {json.dumps(kind)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _operation(operation: Model) -> Model:
    kept = _only(operation, _OPERATION)
    kept["http"] = _only(operation["http"], _HTTP)
    for end in ("input", "output"):
        if end in kept:
            kept[end] = _only(kept[end], _MEMBER)
    return kept


def _shape(shape: Model) -> Model:
    kept = _only(shape, _SHAPE)
    if "members" in kept:
        kept["members"] = {name: _only(one, _MEMBER) for name, one in kept["members"].items()}
    if "member" in kept:
        kept["member"] = _only(kept["member"], _MEMBER)
    return kept


def _reach(name: str, shapes: Model, used: set[str]) -> None:
    if name in used:
        return
    used.add(name)
    shape = shapes[name]
    for member in (*shape.get("members", {}).values(), shape.get("member"), shape.get("value")):
        if member is not None:
            _reach(member["shape"], shapes, used)


def _only(value: Model, names: tuple[str, ...]) -> Model:
    return {name: value[name] for name in names if name in value}


def main() -> None:
    version, newest = model_in(Path(sys.argv[1]))
    print(rendered({"botocore": version, **additions(installed()[1], newest)}), end="")


if __name__ == "__main__":
    main()
