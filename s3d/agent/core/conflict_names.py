"""The names of conflict copies: of files in sync folders, and of objects that a mount wrote."""

from __future__ import annotations

import re
import secrets
import socket
import time

LONGEST_NAME = 255
"""Bytes of a file name."""

_CONFLICT = re.compile(r"(.*) \(conflict [^()]* \d{4}-\d\d-\d\d \d{6} [0-9a-f]{4}\)(\.[^./]*)?")


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
