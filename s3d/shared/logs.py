"""The agent's log: lines of text or JSON, levels by logger, and masked secrets."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from s3d.shared.config.values import MASK, Secret
from s3d.shared.text import safe

CAPPED = {
    "botocore": logging.INFO,
    "aiobotocore": logging.INFO,
    "boto3": logging.INFO,
    "urllib3": logging.INFO,
    "aiohttp": logging.INFO,
    "watchfiles": logging.WARNING,
}
"""Logger of a library -> its lowest level. Below it, the library prints canonical requests and
headers, or a line for every file that changes."""
ACCESS_LOGGER = "s3d.access"
"""One line per request; off unless its level is set."""

_SENSITIVE = re.compile(
    r"""
      (?P<header> (?:authorization|x-amz-security-token|cookie
                    |x-amz-(?:copy-source-)?server-side-encryption-customer-key)
                  ["']? \s* [:=,] \s* ["']?  [^"'\r\n]+ )
    | (?P<pair> (?:x-amz-signature|x-amz-security-token|signature|awsaccesskeyid) = [^&\s"',]+ )
    | (?P<scope> (?:x-amz-)?credential = [^&\s"',]+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SEPARATOR = re.compile(r"""["']?\s*[:=,]\s*["']?""")


def set_up(
    level: str, stream: TextIO, *, form: str = "text", secrets: Iterable[Secret] = ()
) -> None:
    """Send every log line of the process to stream.

    level: "info", or "info,LOGGER=LEVEL,...". form: text or json. secrets: masked wherever
    they appear. Headers and query parameters with signatures are masked by their names.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Lines(secrets, as_json=form == "json"))
    root, *others = level.split(",")
    logging.basicConfig(level=root.strip().upper(), handlers=[handler], force=True)
    logging.getLogger(ACCESS_LOGGER).setLevel(logging.CRITICAL)
    for part in others:
        name, _, own = part.partition("=")
        logging.getLogger(name.strip()).setLevel(own.strip().upper())
    for name, floor in CAPPED.items():
        logger = logging.getLogger(name)
        logger.setLevel(max(floor, logger.getEffectiveLevel()))


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask secrets, signatures, credential scopes and Authorization headers in a text."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return _SENSITIVE.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    separator = _SEPARATOR.search(match[0])
    return match[0][: separator.end()] + MASK if separator else MASK


class _Lines(logging.Formatter):
    """One line per record: time (UTC), level, logger, message; then the traceback, if any."""

    def __init__(self, secrets: Iterable[Secret], *, as_json: bool) -> None:
        super().__init__()
        self._secrets = tuple(secret.reveal() for secret in secrets if secret.reveal())
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        at = at.replace("+00:00", "Z")
        level = record.levelname.lower()
        message = mask(record.getMessage(), self._secrets)
        trace = self._trace(record)
        if self._as_json:
            line = {"at": at, "level": level, "logger": record.name, "message": message}
            if trace:
                line["trace"] = trace
            return msgspec.json.encode(line).decode()
        head = f"{at} {level:7} {record.name} {safe(message)}"
        return "\n".join([head, *("    " + safe(row) for row in trace.splitlines())])

    def _trace(self, record: logging.LogRecord) -> str:
        parts = []
        if record.exc_info and record.exc_info[0] is not None:
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return mask("\n".join(parts), self._secrets)
