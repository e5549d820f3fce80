"""The value of a setting for people: as JSON has it, and no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from s3d.shared.config.schema import Config
from s3d.shared.config.values import MASK, Conflicts, Secret, Timetable
from s3d.shared.filters.expression import Filter


def plain(config: Config, name: str) -> Any:
    """A value that JSON knows; None when it is unset. name: "write_queue.max_size"."""
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Filter):
        return [str(term) for term in value.terms] or None
    if isinstance(value, Path | Timetable | Conflicts):
        return str(value)
    return list(value) if isinstance(value, tuple) else value if value != "" else None


def as_text(config: Config, name: str) -> str:
    """The same as a text; "" when it is unset."""
    value = plain(config, name)
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()
