"""Which keys can be file names, which paths can be keys, and names of conflict copies.

For files in sync folders, and for objects that a mount has written.
"""

from __future__ import annotations

import re
import secrets
import socket
import time
import uuid

RESERVED = ".s3d"
"""The one name that is ours, at every level: in a sync folder for its stage and trash, below a
prefix for probes, the marker and heartbeats."""
MARKER = f"{RESERVED}/changes"
"""The key of a marker object below its prefix: agent/remote_changes."""
PROBE = "probe-"
"""What follows RESERVED and a slash in the keys of a probe's objects."""
LONGEST_NAME, LONGEST_KEY, LONGEST_PATH = 255, 1024, 4095
"""Bytes."""

_PROBE = re.compile(r"(^|/)\.s3d//?probe-[0-9a-f]{32}")
_CONFLICT = re.compile(r"(.*) \(conflict [^()]* \d{4}-\d\d-\d\d \d{6} [0-9a-f]{4}\)(\.[^./]*)?")


def new_probe_key(prefix: str = "") -> str:
    """A prefix for the keys of one probe of what a remote supports."""
    return f"{prefix}{RESERVED}/{PROBE}{uuid.uuid4().hex}"


def is_probe_key(key: str) -> bool:
    """Whether a key is that of a probe's object, which exists for a moment only."""
    return _PROBE.search(key) is not None


def why_no_path(path: str) -> str:
    """Why no file can have the path that a key stands for; "" when one can."""
    parts = path.removesuffix("/").split("/")
    if RESERVED in parts:
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


def is_marker(key: str) -> bool:
    """Whether a key, or a path in a sync folder, is that of a marker object."""
    return key == MARKER or key.endswith("/" + MARKER)


def is_reserved(path: str) -> bool:
    """Whether a path in a sync folder, or a key, is s3d's own.

    At every level: another prefix, with its probes and its marker, may begin further down, and so
    may the copy of another sync folder, with its trash.
    """
    return RESERVED in path and RESERVED in path.split("/")


def why_no_key(path: str, prefix: str) -> str:
    """Why no object can have the key that a file's path stands for; "" when one can."""
    size = len((prefix + path).encode())
    return f"the key would have {size} bytes; S3 allows {LONGEST_KEY}" if size > LONGEST_KEY else ""


def parents(path: str) -> list[str]:
    """The folders above a path, from the top: a/, a/b/."""
    parts = path.removesuffix("/").split("/")[:-1]
    return ["/".join(parts[: n + 1]) + "/" for n in range(len(parts))]


def conflict_name(path: str, host: str, now: float, id: str) -> str:
    """The path of the conflict copy of a local file. id: four hex digits.

    The name is cut where it would be too long; the suffix stays, so that programs still open it.
    """
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > 32:
        stem, dot, suffix = name, "", ""
    when = time.strftime("%Y-%m-%d %H%M%S", time.localtime(now))
    host = re.sub(r"[^\w.-]", "-", host)[:40] or "host"
    mark = f" (conflict {host} {when} {id})"
    room = LONGEST_NAME - len((mark + dot + suffix).encode())
    stem = stem.encode()[:room].decode(errors="ignore")
    return f"{folder}{slash}{stem}{mark}{dot}{suffix}"


def host_name() -> str:
    """Of this machine, without its domain."""
    return socket.gethostname().partition(".")[0]


def conflict_key(key: str) -> str:
    """The key of a conflict copy that this machine makes now; another one with each call."""
    return conflict_name(key, host_name(), time.time(), secrets.token_hex(2))


def original_of(path: str) -> str:
    """The original path of a conflict copy; "" for any other path."""
    folder, slash, name = path.rpartition("/")
    found = _CONFLICT.fullmatch(name)
    return f"{folder}{slash}{found[1]}{found[2] or ''}" if found else ""
