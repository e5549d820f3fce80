"""Reads and writes numbers, booleans and times as S3 does, and knows what a header can hold.

Readers raise ValueError; their callers know which S3 error that is. All times are aware UTC
datetimes, as boto3 has them; writers also take Unix seconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1

_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_SECONDS = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_ISO = re.compile(r"[0-9]{4}(-[0-9]{2}-[0-9]{2}|[0-9]{4}T)", re.ASCII)
_ISO_FORM = "%04d-%02d-%02dT%02d:%02d:%02d.000Z"
"""Filled with %: half the cost of isoformat or strftime, and a page of a listing has 1,000."""
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read_integer(text: str, low: int = -INT_MAX - 1, high: int = INT_MAX) -> int:
    """A decimal number in ASCII digits within the bounds. Raises ValueError."""
    text = text.strip()
    if not _INTEGER.fullmatch(text):
        raise ValueError("not an integer")
    number = int(text)
    if not low <= number <= high:
        raise ValueError(f"not between {low} and {high}")
    return number


def read_boolean(text: str) -> bool:
    """true or false in any letter case, or XML Schema's 1 and 0. Raises ValueError."""
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError("not a boolean") from None


def read_time(text: str) -> datetime:
    """A time in any of the three forms: RFC 9110 5.6.7, ISO 8601, Unix seconds. Raises ValueError.

    A form without a zone is UTC.
    """
    text = text.strip()
    try:
        if _ISO.match(text):
            return _utc(datetime.fromisoformat(text))
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC)
        return _utc(parsedate_to_datetime(text))
    except (OverflowError, OSError, IndexError, TypeError) as error:
        raise ValueError("not a time") from error


@lru_cache(maxsize=1_024)
def iso_time(moment: datetime | float) -> str:
    """2026-11-22T08:11:51.000Z: whole seconds, as S3 gives them in XML.

    Cached, since objects of one listing were often written in the same second.
    """
    if moment.__class__ is not datetime or moment.tzinfo is not UTC:
        moment = _moment(moment)
    t = moment
    return _ISO_FORM % (t.year, t.month, t.day, t.hour, t.minute, t.second)


def http_time(moment: datetime | float) -> str:
    """Sun, 22 Nov 2026 08:11:51 GMT (RFC 9110 5.6.7): as S3 gives times in headers."""
    t = _moment(moment)
    day, month = _DAYS[t.weekday()], _MONTHS[t.month - 1]
    return f"{day}, {t.day:02} {month} {t.year:04} {t.hour:02}:{t.minute:02}:{t.second:02} GMT"


def unix_time(moment: datetime | float) -> str:
    """Whole Unix seconds."""
    return str(int(_moment(moment).timestamp()))


def _moment(moment: datetime | float) -> datetime:
    if isinstance(moment, datetime):
        return moment if moment.tzinfo is UTC else _utc(moment)
    return datetime.fromtimestamp(moment, UTC)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def is_header(name: str, value: str) -> bool:
    """Whether both can stand in a header: what comes in a query or in a form may contain line
    breaks, which would end the header and begin another one.

    https://www.rfc-editor.org/rfc/rfc9110#section-5.5
    """
    return _HEADER_NAME.fullmatch(name) is not None and _CONTROL.search(value) is None
