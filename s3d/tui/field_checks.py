"""What may be typed into the fields of forms. A check returns what is wrong, or "". Pure, but for
checks of local paths, which look at the file system."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from s3d.shared.config.values import parse_timetable
from s3d.shared.text import parse_size

MAX_KEY_BYTES = 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
_BUCKET_RULE = "3 to 63 of a-z, 0-9, . and -"


def no_check(text: str) -> str:
    """For paths of another machine: the agent there checks them."""
    return ""


def check_source(text: str) -> str:
    """A local file or folder to upload."""
    path = Path(text).expanduser()
    if not path.is_absolute():
        return "write an absolute path, beginning with / or ~"
    if not path.exists():
        return "there is no such file or folder"
    return "" if os.access(path, os.R_OK) else "you do not have permission to read it"


def check_folder(text: str) -> str:
    """A local folder to download into; it may be missing."""
    path = Path(text).expanduser()
    if not path.is_absolute():
        return "write an absolute path, beginning with / or ~"
    return "this is a file, not a folder" if path.exists() and not path.is_dir() else ""


def check_bucket(name: str) -> str:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, roughly."""
    is_right = 3 <= len(name) <= 63 and all(
        c.isdigit() or "a" <= c <= "z" or c in ".-" for c in name
    )
    return "" if is_right and name.isascii() else _BUCKET_RULE


def check_new_key(before: str) -> Callable[[str], str]:
    """Check of the key that an object is renamed to."""

    def check(text: str) -> str:
        if not text:
            return "the key is missing"
        if len(text.encode("utf-8", "surrogateescape")) > MAX_KEY_BYTES:
            return f"a key has at most {MAX_KEY_BYTES:,} bytes"
        return "the object already has this key" if text == before else ""

    return check


def check_target(before: str) -> Callable[[str], str]:
    """Check of the s3://BUCKET/PREFIX to copy or move to. before: where the objects are now."""

    def check(text: str) -> str:
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        if check_bucket(bucket):
            return f"bucket: {check_bucket(bucket)}"
        if prefix and not prefix.endswith("/"):
            return "a prefix ends with /"
        return "the objects are already there" if text.rstrip("/") == before.rstrip("/") else ""

    return check


def check_place(text: str) -> str:
    """BUCKET/PREFIX, of which the prefix may be empty."""
    return "" if text.removeprefix("s3://").partition("/")[0] else "write BUCKET/PREFIX"


def check_url(text: str) -> str:
    """The address of an S3 service."""
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        return "write an address that begins with https:// or http://"
    return ""


def check_size(text: str) -> str:
    """A number of bytes, such as 10GiB."""
    try:
        return "" if parse_size(text) > 0 else "more than 0"
    except ValueError as error:
        return str(error)


def check_number(text: str) -> str:
    return "" if text.isascii() and text.isdigit() and int(text) > 0 else "a number of at least 1"


def check_bandwidth(text: str) -> str:
    """A limit of bytes a second, or a timetable of limits."""
    return _message_of(parse_timetable, text)


def check_tags(text: str) -> str:
    return _message_of(parse_tags, text)


def _message_of(parse: Callable[[str], object], text: str) -> str:
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""


def parse_tags(text: str) -> dict[str, str]:
    """NAME=VALUE a line; empty lines are ignored. Raises ValueError that names the wrong line."""
    tags: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name, sign, value = line.partition("=")
        name = name.strip()
        if not sign or not name:
            raise ValueError(f"line {number} is not NAME=VALUE")
        if name in tags:
            raise ValueError(f"line {number}: {name} is set twice")
        tags[name] = value.strip()
    return tags


def tag_changes(
    before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The tags to set, and the names of those to remove."""
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    return changed, [name for name in before if name not in after]
