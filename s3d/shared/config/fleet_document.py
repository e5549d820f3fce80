"""The settings that a fleet of devices reads from one object: what they may be, and how they apply.

The document is TOML, like the configuration file, and has some settings only. A document with any
other setting is refused as a whole. Flags and variables of a device override it, and it overrides
the file of the device: flag > environment > document > file > default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from s3d.shared.config import toml_file
from s3d.shared.config.load import why_not_evicted
from s3d.shared.config.rules import (
    ENV_PREFIX,
    ConfigError,
    Given,
    Problem,
    fill,
    settings_of,
    text_of,
)
from s3d.shared.config.schema import Config

ALLOWED = (
    "write_queue.filter",
    "write_queue.max_size",
    "write_queue.max_files",
    "write_queue.max_age",
    "write_queue.when_full",
    "write_queue.bandwidth",
    "write_queue.priorities",
    "read_cache.filter",
    "read_cache.max_size",
    "read_cache.max_files",
    "read_cache.max_age",
    "after_upload",
    "bandwidth_timetable",
    "bandwidth.clients",
    "bandwidth.sync",
    "bandwidth.prefetch",
    "bandwidth.transfers",
    "log_level",
)
"""Filters, limits, bandwidth, priorities, the policy for uploads and the level of the log: nothing
with which the writer of the document could reach files or credentials of a device."""


def parse_document(text: str, url: str) -> dict[str, Given]:
    """The settings of a document. url: its origin. Raises ConfigError with every problem."""
    problems: list[Problem] = []
    settings = settings_of(Config)
    given: dict[str, Given] = {}
    try:
        values = toml_file.parse_values(text)
    except toml_file.FileError as error:
        raise ConfigError([Problem("", url, str(error))]) from error
    for name, entry in values.items():
        origin = f"{url}:{entry.line}" if entry.line else url
        if name not in ALLOWED:
            message = f"a document for all devices cannot set it; it can set {', '.join(ALLOWED)}"
            problems.append(Problem(name, origin, message))
            continue
        try:
            given[name] = Given(text_of(name, entry.value, settings), origin)
        except ValueError as error:
            problems.append(Problem(name, origin, str(error)))
    fill(Config, given, problems)
    if problems:
        raise ConfigError(problems)
    return given


def with_document(config: Config, given: Mapping[str, Given]) -> Config:
    """The configuration of a device with the settings of a document.

    config: of the device alone. Raises ConfigError when both together are not valid.
    """
    own = {name: value for name, value in given.items() if not _is_overridden(config, name)}
    if not own:
        return config
    problems: list[Problem] = []
    filled = fill(Config, own, problems)
    changes: dict[str, Any] = {}
    for name in own:
        section, _, field = name.rpartition(".")
        if not section:
            changes[field] = getattr(filled, field)
            continue
        before = changes.get(section, getattr(config, section))
        value = getattr(getattr(filled, section), field)
        changes[section] = msgspec.structs.replace(before, **{field: value})
    origin = {**config.origin, **{name: value.origin for name, value in own.items()}}
    merged = msgspec.structs.replace(config, **changes, origin=origin)
    why = why_not_evicted(merged.after_upload, merged.sync_folders)
    if why:
        problems.append(Problem("after_upload", origin.get("after_upload", ""), why))
    if problems:
        raise ConfigError(problems)
    return merged


def _is_overridden(config: Config, name: str) -> bool:
    """Whether a flag or a variable of the device has set it."""
    origin = config.origin.get(name, "")
    return origin.startswith((ENV_PREFIX, "--"))
