"""deploy/release.py, which is no part of a package, as a module."""

import importlib.util
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location(
    "release", Path(__file__).parents[2] / "deploy/release.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
release = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(release)
