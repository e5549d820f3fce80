"""Text of clients in a form that protobuf takes, and of a bounded length."""

from __future__ import annotations

from s3d.agent.core.spans import Value

MAX_LENGTH = 1_024
"""Characters: those of the longest key."""


def clean(value: Value) -> Value:
    """The value; a text without lone surrogates, which stand for bytes that are not UTF-8."""
    if not isinstance(value, str):
        return value
    if len(value) > MAX_LENGTH:
        value = value[:MAX_LENGTH]
    return value if value.isascii() else value.encode("utf-8", "replace").decode()
