"""Whether a response is the remote's own. Pure.

A captive portal, a proxy, a firewall or another server may respond in the remote's place. A status,
an ETag, a Content-Type or an empty body prove nothing: static servers send ETags, middleboxes send
204, and an object may be HTML. Two things prove a response:

(a) its document: the XML root of the operation's output, or an <Error> with a Code;
(b) its headers: those by which this remote identifies itself, learnt from responses
    proven by (a) (remote_fingerprint.py).

Where neither holds, a ListObjectsV2 with the key as prefix shows the truth
(response_verifier.py), and is_confirmed() compares the response with it. An active attacker on
plain HTTP is out of scope.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from s3d.agent.s3.etag import opaque_tag
from s3d.agent.s3.model import Operation
from s3d.agent.s3.model_overrides import NAMESPACE
from s3d.agent.stores.remote.error_mapping import error_elements

MAX_PROLOG = 4096
"""Bytes of a document, leading white space aside, in which its root must begin."""


class Proof(Enum):
    """What proves a response."""

    DOCUMENT = auto()
    HEADERS = auto()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The part of a response that shows whose it is."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    document: bytes = b""
    """All of an error's body, or the beginning of a success's; b"" for an object's payload."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a proven listing shows of one key, or of the bucket when the request has no key."""

    code: str = ""
    """The S3 code with which the remote refused to list; "" for a listing."""
    is_there: bool = False
    """The key, or the requested version of it, is in the listing."""
    etags: frozenset[str] = frozenset()
    """Of the key or the version, without quotes; none where the listing has none."""


@dataclass(frozen=True, slots=True)
class Question:
    """The part of a request on which the meaning of its response depends."""

    op: Operation
    key: str = ""
    version: str = ""
    if_match: frozenset[str] = frozenset()
    if_none_match: frozenset[str] = frozenset()
    """ETags that were sent in conditions, without quotes."""


def prove(question: Question, evidence: Evidence, fingerprint: frozenset[str]) -> Proof | None:
    """What proves that the response is the remote's; None when nothing in it does.

    fingerprint: the marks of this remote, from identity_marks(); an empty set proves nothing.
    """
    if fingerprint and fingerprint <= identity_marks(evidence.headers):
        return Proof.HEADERS
    return Proof.DOCUMENT if is_documented(question.op, evidence) else None


def is_documented(op: Operation, evidence: Evidence) -> bool:
    """Proof (a). Of a success the root is enough: its document can be long, and is streamed."""
    succeeded = 200 <= evidence.status < 300
    name = root_of(evidence.document)
    if not name or (succeeded and op.streaming_output):  # a payload may be anything
        return False
    if name == "Error":
        # White space comes before a declaration where a server kept the connection alive with it.
        return bool(error_elements(evidence.document.lstrip()).get("Code"))
    if not succeeded:
        return False
    if not op.name:  # the model does not know its root, but S3's namespace is the same for all
        return NAMESPACE.encode() in evidence.document[:MAX_PROLOG]
    return name == op.root_tag


_ROOT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<(?:[\w.-]+:)?([A-Za-z][\w.-]*)[\s/>]",
    re.DOTALL,
)


def root_of(document: bytes) -> str:
    """Local name of the XML root element; "" for anything else, also for HTML with a doctype."""
    match = _ROOT.match(document)
    return match[1].decode("ascii", "replace") if match else ""


def is_decided(document: bytes) -> bool:
    """Whether more bytes of a document cannot change root_of() its beginning."""
    text = document.lstrip()
    return bool(_ROOT.match(document)) or len(text) >= MAX_PROLOG or not b"<".startswith(text[:1])


_IDENTITY = frozenset(
    (
        "x-amz-request-id",
        "x-amz-id-2",
        "x-amzn-requestid",
        "x-bce-request-id",
        "x-clv-request-id",
        "x-cos-request-id",
        "x-emc-request-id",
        "x-goog-request-id",
        "x-guploader-uploadid",
        "x-jdcloud-request-id",
        "x-kss-request-id",
        "x-minio-deployment-id",
        "x-nos-request-id",
        "x-ntap-sg-trace-id",
        "x-obs-request-id",
        "x-oss-request-id",
        "x-rgw-request-id",
        "x-scal-request-id",
        "x-tos-request-id",
        "x-wasabi-cm-reference-id",
    )
)
"""Headers that S3 servers send with every response. Those that proxies add too (x-request-id, via,
x-trace-id, cf-ray) are missing: the error page of a proxy has them as well."""

_SERVERS = re.compile(
    r"(amazons3|minio|seaweedfs|ceph|radosgw|garage|rustfs|wasabis3|aliyunoss|tencent-cos|obs|"
    r"uploadserver|storagegrid|ecs|vk cloud|b2|riak cs|zenko|openio|rclone|versitygw)\b.*",
    re.IGNORECASE,
)
"""Server headers that name an S3 server. The name of a web server or proxy (nginx, cloudflare)
proves nothing: portals use the same."""


def identity_marks(headers: Mapping[str, str]) -> frozenset[str]:
    """The marks of an S3 server in headers: their names, and `server: NAME` without a version."""
    return frozenset(headers.keys() & _IDENTITY) | _server_mark(headers.get("server", ""))


@lru_cache(maxsize=16)
def _server_mark(server: str) -> frozenset[str]:
    named = _SERVERS.fullmatch(server.strip())
    return frozenset((f"server: {named[1].lower()}",)) if named else frozenset()


def is_confirmed(
    question: Question, evidence: Evidence, listed: Listed, *, has_marks: bool
) -> bool:
    """Whether a proven listing confirms a response that nothing else proves.

    has_marks: this remote has identifying headers. A response without them is another server's,
    unless the listing itself shows the same.
    """
    rule = _RULES.get(question.op.name)
    if rule is not None:
        return rule(question, evidence, listed)
    return not has_marks and _is_plain_success(question.op, evidence)


def _is_plain_success(op: Operation, evidence: Evidence) -> bool:
    """Whether a response of a remote without identifying headers is that of an operation without an
    output document: the documented status and an empty body."""
    if op.name == "GetBucketPolicy":
        is_policy = evidence.document.lstrip()[:1] == b"{" and b'"Statement"' in evidence.document
        return evidence.status == 200 and is_policy
    if not op.name or op.root_tag is not None or op.streaming_output:
        return False
    if op.name == "UploadPart" and not evidence.headers.get("etag"):
        return False
    succeeded = evidence.status == op.status or (op.method == "PUT" and evidence.status == 200)
    is_empty = not evidence.document and evidence.headers.get("content-length", "0") == "0"
    return succeeded and is_empty


def _read(question: Question, evidence: Evidence, listed: Listed) -> bool:
    if listed.code:
        return evidence.status == 404 and listed.code == "NoSuchBucket"
    status, etag = evidence.status, opaque_tag(evidence.headers.get("etag", ""))
    match status:
        case 200 | 206:
            return bool(etag) and etag in listed.etags
        case 304:
            return bool(listed.etags & question.if_none_match)
        case 404:
            return not listed.is_there
        case 412:
            return bool(question.if_match) and not listed.etags & question.if_match
    return False


def _put(_: Question, evidence: Evidence, listed: Listed) -> bool:
    etag = opaque_tag(evidence.headers.get("etag", ""))
    return evidence.status == 200 and bool(etag) and not listed.code and etag in listed.etags


def _delete(_: Question, evidence: Evidence, listed: Listed) -> bool:
    return 200 <= evidence.status < 300 and not listed.code and not listed.is_there


def _bucket_is_there(_: Question, evidence: Evidence, listed: Listed) -> bool:
    if evidence.status == 404:
        return listed.code == "NoSuchBucket"
    return evidence.status == 200 and not listed.code


def _bucket_is_gone(_: Question, evidence: Evidence, listed: Listed) -> bool:
    return evidence.status == 204 and listed.code == "NoSuchBucket"


_RULES: Mapping[str, Callable[[Question, Evidence, Listed], bool]] = {
    "GetObject": _read,
    "HeadObject": _read,
    "PutObject": _put,
    "DeleteObject": _delete,
    "HeadBucket": _bucket_is_there,
    "CreateBucket": lambda q, e, listed: e.status == 200 and _bucket_is_there(q, e, listed),
    "DeleteBucket": _bucket_is_gone,
}
"""Operation -> what a listing must show to confirm its response."""


_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_MAX_TITLE = 80


def describe(evidence: Evidence) -> str:
    """A response of another server, for people: `413, an HTML page titled 'Too large'`."""
    return f"{evidence.status}, {_kind(evidence)}"


def _kind(evidence: Evidence) -> str:
    start = evidence.document.lstrip()[:1024].lower()
    title = _TITLE.search(evidence.document)
    if title is not None:
        text = html.unescape(title[1].decode("utf-8", "replace"))
        words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return f"an HTML page titled {words[:_MAX_TITLE]!r}"
    if b"<html" in start or start.startswith(b"<!doctype html"):
        return "an HTML page"
    if not start:
        return "a response without a body"
    if start[:1] in b"{[":
        return "a JSON document"
    return "an XML document" if start[:1] == b"<" else "a document that is not S3's"
