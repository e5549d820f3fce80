"""The command of a terminal that does what a key of the app does. Pure."""

from __future__ import annotations

import shlex


def command(*words: str) -> str:
    """s3d and its words, as a person would have to write them."""
    return shlex.join(["s3d", *(word for word in words if word)])


def place(bucket: str, key: str = "") -> str:
    """A bucket, an object or a prefix as the commands take it."""
    return f"{bucket}/{key}" if key else bucket
