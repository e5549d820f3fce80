"""Which keys can be file names, and which paths can be keys. Pure."""

from __future__ import annotations

from s3d.agent.core.conflict_names import LONGEST_NAME

RESERVED = ".s3d"
"""The one name in a folder that is ours; and below the prefix, for probes."""
LONGEST_KEY, LONGEST_PATH = 1024, 4095
"""Bytes."""


def why_no_path(path: str) -> str:
    """Why no file can have the path that a key stands for; "" when one can."""
    parts = path.removesuffix("/").split("/")
    if parts[0] == RESERVED:
        return "the name .s3d is reserved"
    if "\0" in path:
        return "a file name cannot contain NUL"
    for part in parts:
        if part == "":
            return "the key has two consecutive slashes"
        if part in (".", ".."):
            return f"a name that is {part}"
        if len(part.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
            return f"a name of more than {LONGEST_NAME} bytes"
    if len(path.encode("utf-8", "surrogatepass")) > LONGEST_PATH:
        return f"a path of more than {LONGEST_PATH} bytes"
    return ""


def why_no_key(path: str, prefix: str) -> str:
    """Why no object can have the key that a file's path stands for; "" when one can."""
    size = len((prefix + path).encode())
    return f"the key would have {size} bytes; S3 allows {LONGEST_KEY}" if size > LONGEST_KEY else ""


def parents(path: str) -> list[str]:
    """The folders above a path, from the top: a/, a/b/."""
    parts = path.removesuffix("/").split("/")[:-1]
    return ["/".join(parts[: n + 1]) + "/" for n in range(len(parts))]
