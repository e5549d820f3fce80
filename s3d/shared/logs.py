"""The log: what a record says, its two forms (text for people, JSON for programs), and its set-up.

A record that concerns a request carries the fields of it: its id, operation, bucket and key. They
come from `extra=log_fields(...)`, and else from the request that the task is working on
(`current_request`). Nothing is computed before a line is logged. In both forms a record is one
line, secrets are masked, and no character can control a terminal. Only a text's traceback follows
in lines of its own, which are indented.
"""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO

import msgspec

from s3d.shared.diagnostics import LogLine, RequestFields
from s3d.shared.masking import mask
from s3d.shared.text import safe

OWN = "s3d.agent."
"""Prefix of the names of the agent's loggers; the source of a line is the rest of the name."""
LONGEST_TEXT = 8 * 1024
"""Characters of a message, of a field and of a traceback that are logged; the rest is cut off."""

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
FIELD_NAMES = RequestFields.__struct_fields__

_JSON_NAMES = ("at", "level", "logger", "message", *FIELD_NAMES, "traceback")

_PLAIN = re.compile(r"[^\s\"=\\]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_INVISIBLE = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\U000e0000-\U000e007f]"
)
"""What JSON leaves as it is and a terminal or an editor may obey or hide."""


class LogSubject(Protocol):
    """A request, for the lines that concern it."""

    def log_fields(self) -> RequestFields: ...


current_request: ContextVar[LogSubject | None] = ContextVar("current_request", default=None)
"""The request that this task works on. Only tasks set it, so that a request that is answered
without one costs nothing; the lines logged there name their request with log_fields()."""


class LogEntry(RequestFields, frozen=True, kw_only=True):
    """One line of the log as JSON, in the log file and with S3D_LOG_FORMAT=json."""

    at: str
    """UTC, as in RFC 3339, with milliseconds."""
    level: str
    """debug, info, warning or error."""
    logger: str
    message: str
    traceback: str = ""


def log_fields(**fields: str) -> dict[str, Any]:
    """The extra argument of a logging call, with members of RequestFields for the line."""
    return {"fields": fields}


def subject_fields(subject: LogSubject) -> dict[str, Any]:
    """The extra argument of a logging call for a line that concerns this request."""
    fields = msgspec.structs.asdict(subject.log_fields())
    return {"fields": {name: value for name, value in fields.items() if value}}


def entry_of(record: logging.LogRecord) -> LogEntry:
    """The record as it is logged; the same for all handlers. To be called where the record was
    made, since it asks for the request of the current task."""
    entry: LogEntry | None = getattr(record, "entry", None)
    if entry is None:
        fields = {name: _clean(value) for name, value in _fields_of(record).items() if value}
        entry = LogEntry(
            at=_time_text(record.created),
            level="error" if record.levelno >= logging.ERROR else record.levelname.lower(),
            logger=record.name,
            message=_clean(_message_of(record)),
            traceback=_clean(_traceback_of(record)),
            **fields,
        )
        record.entry = entry
    return entry


def json_line(entry: LogEntry) -> str:
    """One line without its newline. Invisible and control characters are escaped."""
    values = ((name, getattr(entry, name)) for name in _JSON_NAMES)
    text = msgspec.json.encode({name: value for name, value in values if value}).decode()
    return _with_escapes(text)


def text_lines(entry: LogEntry) -> str:
    """One line, and a traceback in indented lines below it."""
    head = f"{entry.at} {entry.level:7} {entry.logger} {safe(message_text(entry.message, entry))}"
    return "\n".join([head, *("    " + safe(row) for row in entry.traceback.splitlines())])


def message_text(message: str, fields: RequestFields) -> str:
    """The message, then each field as name=value; a value with spaces or quotes is in quotes."""
    values = msgspec.structs.asdict(fields)
    named = (f"{name}={_quoted(values[name])}" for name in FIELD_NAMES if values[name])
    return " ".join((message, *named))


def line_of(entry: LogEntry, seq: int) -> LogLine:
    """The entry as the control API has it. Raises ValueError for a time that is none."""
    at = datetime.fromisoformat(entry.at).timestamp()
    message = entry.message
    if entry.traceback:
        message += f": {entry.traceback.splitlines()[-1].strip()}"
    source = entry.logger.removeprefix(OWN)
    fields = {name: getattr(entry, name) for name in FIELD_NAMES}
    return LogLine(seq, at, entry.level, source, message, **fields)


def is_selected(line: LogLine, level: str, source: str) -> bool:
    """Whether a line has at least this level and its source begins with this prefix."""
    is_severe = LEVELS.get(line.level, logging.INFO) >= LEVELS[level]
    return is_severe and line.source.startswith(source)


def _fields_of(record: logging.LogRecord) -> dict[str, str]:
    subject = current_request.get()
    fields = {} if subject is None else msgspec.structs.asdict(subject.log_fields())
    return fields | getattr(record, "fields", {})


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a bug of the caller must not become one of the request
        return f"{record.msg} {record.args}"


def _time_text(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _traceback_of(record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(_FORMATTER.formatException(record.exc_info))
    if record.stack_info:
        parts.append(_FORMATTER.formatStack(record.stack_info))
    return "\n".join(parts)


_FORMATTER = logging.Formatter()


def _clean(text: str) -> str:
    """The text without secrets and lone surrogates; the middle of a long one is cut out."""
    text = mask(text)
    text = text if text.isascii() else _SURROGATE.sub("\ufffd", text)
    half = LONGEST_TEXT // 2
    return text if len(text) <= LONGEST_TEXT else f"{text[:half]} ... {text[-half:]}"


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _with_escapes(text: str) -> str:
    return text if text.isascii() and "\x7f" not in text else _INVISIBLE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


# ---------------------------------------------------------------- set-up

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
"""One line for each request, at level debug."""


EVERYTHING, WARNINGS = logging.NOTSET, logging.WARNING
"""Levels of a stream."""


def set_up(level: str, stream: TextIO, *, form: str = "text", least: int = logging.NOTSET) -> None:
    """Send the log lines of the process to stream.

    level: "info", or "info,LOGGER=LEVEL,...". form: text or json. least: level of the lines for
    this stream; other handlers get them all. What hide() names is masked, and
    signatures, tokens and keys are masked by their names.
    """
    handler = logging.StreamHandler(stream)
    handler.setLevel(least)
    handler.setFormatter(LineFormatter(as_json=form == "json"))
    root, *others = level.split(",")
    logging.basicConfig(level=root.strip().upper(), handlers=[handler], force=True)
    logging.getLogger(ACCESS_LOGGER).setLevel(logging.NOTSET)
    for part in others:
        name, _, own = part.partition("=")
        logging.getLogger(name.strip()).setLevel(own.strip().upper())
    for name, floor in CAPPED.items():
        logger = logging.getLogger(name)
        logger.setLevel(max(floor, logger.getEffectiveLevel()))


def change_level(level: str) -> None:
    """Log from this level on, as set_up() does. level: "info", or "info,LOGGER=LEVEL,..."."""
    root, *others = level.split(",")
    logging.getLogger().setLevel(root.strip().upper())
    for part in others:
        name, _, own = part.partition("=")
        logging.getLogger(name.strip()).setLevel(own.strip().upper())
    for name, floor in CAPPED.items():
        logger = logging.getLogger(name)
        logger.setLevel(max(floor, logging.getLogger().level))


def end_stream() -> None:
    """Stop what set_up() has begun. Other handlers, such as that of the log file, continue."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)


class LineFormatter(logging.Formatter):
    """Formats records with json_line() or text_lines()."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._render = json_line if as_json else text_lines

    def format(self, record: logging.LogRecord) -> str:
        return self._render(entry_of(record))
