"""The forms in which servers report that objects have changed. Pure.

A queue of SQS gets them from S3 itself, from SNS (wrapped or raw) or from EventBridge; the webhook
gets those of SeaweedFS and of MinIO. Anybody who may send to the queue can write a message, so
nothing in it is trusted: it names objects to look at, and no more.

S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
EventBridge: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
SeaweedFS: weed/notification/webhook/http.go
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import msgspec

from s3d.agent.core.path_names import LONGEST_KEY

MAX_MESSAGE = 1 << 20
"""Bytes of a message, as in SQS."""
MAX_HINTS = 10_000
"""Objects that one message may name."""
_LONGEST_BUCKET = 255
_BUCKETS = "/buckets/"
"""Where SeaweedFS keeps its buckets."""


class Hint(NamedTuple):
    """An object that may have changed."""

    bucket: str
    key: str
    is_folder: bool = False
    """Anything below the key, which ends in a slash, may have changed."""


class Message(NamedTuple):
    """What a message says. buckets: those whose events arrive, also by a test event."""

    hints: tuple[Hint, ...] = ()
    buckets: frozenset[str] = frozenset()


class UnknownForm(ValueError):
    """The message is in none of the forms. str(): why."""


def parse_message(body: bytes | str) -> Message:
    """Read one message. Records that name no valid object are left out. Raises UnknownForm."""
    return _read(_decode(body), may_be_wrapped=True)


def _decode(body: bytes | str) -> Mapping[str, Any]:
    if len(body) > MAX_MESSAGE:
        raise UnknownForm(f"it has more than {MAX_MESSAGE} bytes")
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnknownForm(f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise UnknownForm("it is no JSON object")
    return document


def _read(document: Mapping[str, Any], *, may_be_wrapped: bool) -> Message:
    inner = document.get("Message")
    if may_be_wrapped and document.get("Type") == "Notification" and isinstance(inner, str):
        return _read(_decode(inner), may_be_wrapped=False)
    for is_form, hints_of in _FORMS:
        if is_form(document):
            hints = tuple(dict.fromkeys(_first(hints_of(document))))
            return Message(hints, frozenset(hint.bucket for hint in hints))
    if document.get("Event") == "s3:TestEvent":
        bucket = str(document.get("Bucket", ""))
        return Message(buckets=frozenset([bucket] if _is_bucket(bucket) else []))
    raise UnknownForm("it is no event of S3, SNS, EventBridge, SeaweedFS or MinIO")


def _first(hints: Iterator[Hint | None]) -> Iterator[Hint]:
    """The valid ones, at most MAX_HINTS."""
    number = 0
    for hint in hints:
        if hint is not None:
            number += 1
            if number > MAX_HINTS:
                raise UnknownForm(f"it names more than {MAX_HINTS} objects")
            yield hint


def _of_records(document: Mapping[str, Any]) -> Iterator[Hint | None]:
    """The Records of S3, which MinIO and s3d write, too. Their keys are encoded as in a form."""
    for record in document["Records"]:
        part = _at(record, "s3")
        key = _at(part, "object", "key")
        yield _hint(_at(part, "bucket", "name"), _decoded(key) if isinstance(key, str) else None)


def _of_event_bridge(document: Mapping[str, Any]) -> Iterator[Hint | None]:
    """The detail of EventBridge, whose keys are not encoded."""
    detail = document["detail"]
    yield _hint(_at(detail, "bucket", "name"), _at(detail, "object", "key"))


def _of_seaweedfs(document: Mapping[str, Any]) -> Iterator[Hint | None]:
    """An event of the filer. A folder that was removed or renamed has one event for all that is in
    it; a new name is in new_parent_path."""
    message = document["message"]
    old, new = _at(message, "old_entry"), _at(message, "new_entry")
    parent, name = _at(message, "new_parent_path"), _at(new, "name")
    paths = [str(document["key"])]
    if parent and isinstance(parent, str) and isinstance(name, str):
        paths.append(f"{parent.rstrip('/')}/{name}")
    is_folder = bool(_at(old, "is_directory") or _at(new, "is_directory"))
    for path in dict.fromkeys(paths):
        if not path.startswith(_BUCKETS):
            continue
        bucket, _, key = path.removeprefix(_BUCKETS).partition("/")
        if key.startswith(".uploads/"):  # the parts of a multipart upload
            continue
        if is_folder and key:
            yield _hint(bucket, key.rstrip("/") + "/", is_folder=old is not None)
        else:
            yield _hint(bucket, key)


_Form = tuple[
    Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Iterator[Hint | None]]
]
_FORMS: tuple[_Form, ...] = (
    (lambda document: isinstance(document.get("Records"), list), _of_records),
    (
        lambda document: (
            document.get("source") == "aws.s3" and isinstance(document.get("detail"), dict)
        ),
        _of_event_bridge,
    ),
    (
        lambda document: (
            isinstance(document.get("key"), str)
            and isinstance(document.get("event_type"), str)
            and isinstance(document.get("message"), dict)
        ),
        _of_seaweedfs,
    ),
)
"""Whether a document has the form -> the objects that it names; None for what is no object."""


def _at(value: Any, *names: str) -> Any:
    """The member at a path of names; None when there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _decoded(key: str) -> str | None:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        return None


def _is_bucket(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_BUCKET and "/" not in name


def _hint(bucket: object, key: object, *, is_folder: bool = False) -> Hint | None:
    if not (isinstance(bucket, str) and _is_bucket(bucket)):
        return None
    if not (isinstance(key, str) and is_key(key)):
        return None
    return Hint(bucket, key, is_folder)


def is_key(key: str) -> bool:
    """Whether a text can be the key of an object: a request for any other fails, and the failure
    would be taken for one of the remote."""
    try:
        return 0 < len(key.encode()) <= LONGEST_KEY and "\0" not in key
    except UnicodeEncodeError:
        return False
