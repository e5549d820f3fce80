"""The last good configuration of the fleet, with which a device starts when it is offline.

It is one JSON file, replaced in one step and synced. A file of another format, of another URL or of
another key is not used: the next poll replaces it.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from s3d.shared.atomic_file import write_atomically
from s3d.shared.config.fleet_document import parse_document, with_document
from s3d.shared.config.rules import ConfigError
from s3d.shared.config.schema import Config

logger = logging.getLogger(__name__)

NAME = "fleet-config.json"
FORMAT = 1


class SavedDocument(msgspec.Struct, frozen=True):
    """A document that was checked, and where it came from."""

    url: str
    etag: str
    text: str
    public_key: str = ""
    """The setting with which its signature was verified; another one asks for it again."""
    format: int = FORMAT


def load_document(folder: Path, config: Config) -> SavedDocument | None:
    """The document of an earlier run, if it is still the one of the settings; None without one."""
    try:
        saved = msgspec.json.decode((folder / NAME).read_bytes(), type=SavedDocument)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        logger.warning("cannot read the last configuration of the fleet: %s", error)
        return None
    is_same = (saved.url, saved.public_key) == (config.config_url, config.config_public_key)
    return saved if is_same and saved.format == FORMAT else None


def save_document(folder: Path, saved: SavedDocument) -> None:
    """Raises OSError."""
    write_atomically(folder / NAME, msgspec.json.encode(saved), durable=True)


def with_saved_document(config: Config, folder: Path) -> Config:
    """The configuration of a start, with the last good document of the fleet."""
    saved = load_document(folder, config) if config.config_url else None
    if saved is None:
        return config
    try:
        return with_document(config, parse_document(saved.text, saved.url))
    except ConfigError as error:
        logger.warning("the last configuration of the fleet does not apply any more: %s", error)
        return config
