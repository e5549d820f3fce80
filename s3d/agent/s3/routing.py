"""What a request is for: its bucket and key, its operation, and whether it has unknown headers.

The path is decoded once; dot segments and repeated slashes stay, so `a//b` and `/a` are valid
keys.

The operation is found in a table of rules, by method and scope, that is made from the model. Of the
rules that one query word selects, the most demanding that fits wins: UploadPartCopy needs a header
more than UploadPart.

has_unknown_header: a header that nobody reads is a promise that is dropped silently: a checksum
that is not compared, a lock that is not set. S3 refuses such a header with 501, "A header you
provided implies functionality that is not implemented". The same goes for the x-amz-* words of a
query, where presigning SDKs put headers. RequestReader.authorize asks here, and takes
unknown_operation() instead of the routed one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.model import UNKNOWN, Operation, operations, required_words, service
from s3d.agent.s3.model_overrides import COMMON_HEADERS, OFF_THE_TABLE

# ---------------------------------------------------------------- the bucket and key

MAX_KEY_SIZE = 1024
"""Bytes of UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

_PLAIN_PATH = re.compile(
    r"/([A-Za-z0-9][A-Za-z0-9._-]{1,254})/((?:[\w~/-]++|\.(?!\.))++)", re.ASCII
)
"""Most paths need no decoding. One match takes 1.4 us instead of 2.2."""
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
ADDRESSABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
"""Names that buckets have had since 2006; a remote may hold such old ones."""


class Address(NamedTuple):
    """What a request is for; an empty key is the bucket itself, an empty bucket the service."""

    bucket: str
    key: str
    virtual: bool
    """The bucket is in the Host header, not in the path."""


def parse_address(host: str, raw_path: str, base_hosts: Collection[str]) -> Address:
    """The bucket and key of a Host header and a percent-encoded path without its query.

    base_hosts: names whose sub-domains are buckets; of several that fit, the longest counts.
    Raises S3Error: InvalidURI (bad escape, not UTF-8, a key that climbs out of its bucket),
    KeyTooLongError, InvalidBucketName (no bucket can have that name).
    """
    bucket = _bucket_of_host(host, tuple(base_hosts))
    plain = _PLAIN_PATH.fullmatch(raw_path) if bucket is None else None
    if plain is not None and len(plain[2]) <= MAX_KEY_SIZE:
        return Address(plain[1], plain[2], virtual=False)
    if not raw_path.startswith("/"):
        raise S3Error("InvalidURI", URI=raw_path)
    rest = raw_path[1:]
    if bucket is None:
        first, _, rest = rest.partition("/")
        name = decode(first)
        if not name and rest:
            raise S3Error("InvalidURI", URI=raw_path)
        address = Address(name, decode(rest), virtual=False)
    else:
        address = Address(bucket, decode(rest), virtual=True)
    if address.bucket and not ADDRESSABLE.fullmatch(address.bucket):
        raise S3Error("InvalidBucketName", BucketName=address.bucket)
    if address.key:
        check_key(address.key)
    return address


def parse_query(raw_query: str) -> dict[str, str]:
    """The decoded words of a query; of a repeated word the first value counts.

    A raw `+` is a space here as in the canonical request of a signature. A word without `=` has
    the value "". Raises S3Error InvalidURI.
    """
    words: dict[str, str] = {}
    if "+" in raw_query:
        raw_query = raw_query.replace("+", "%20")
    for part in raw_query.split("&"):
        if part:
            word, _, value = part.partition("=")
            words.setdefault(decode(word), decode(value))
    return words


def check_key(key: str) -> None:
    """Raise S3Error unless an object may have this key.

    KeyTooLongError above MAX_KEY_SIZE; InvalidURI for an empty key, for one that is not Unicode
    text, and for one with more `..` segments than names before them, read from left to right.
    """
    size = len(_utf8(key))
    if size > MAX_KEY_SIZE:
        raise S3Error("KeyTooLongError", Size=size, MaxSizeAllowed=MAX_KEY_SIZE)
    if not key or (".." in key and _climbs_out(key)):
        raise S3Error("InvalidURI", URI=key)


def decode(text: str) -> str:
    """Undo percent encoding, once. Raises S3Error InvalidURI: bad escape, or not UTF-8."""
    if text.isascii() and "%" not in text:
        return text
    if _BAD_ESCAPE.search(text):
        raise S3Error("InvalidURI", URI=text)
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError as error:
        raise S3Error("InvalidURI") from error


@lru_cache(maxsize=256)
def _bucket_of_host(host: str, base_hosts: tuple[str, ...]) -> str | None:
    name = host.lower()
    if not name.startswith("["):
        name = name.partition(":")[0].rstrip(".")
    if name in base_hosts:
        return None
    fitting = [base for base in base_hosts if name.endswith("." + base)]
    return name[: -len(max(fitting, key=len)) - 1] if fitting else None


def _climbs_out(key: str) -> bool:
    depth = 0
    for segment in key.split("/"):
        depth += -1 if segment == ".." else segment not in ("", ".")
        if depth < 0:
            return True
    return False


def _utf8(key: str) -> bytes:
    try:
        return key.encode()
    except UnicodeError as error:
        raise S3Error("InvalidURI") from error


# ---------------------------------------------------------------- the operation


@dataclass(frozen=True, slots=True)
class _Rule:
    op: Operation
    words: frozenset[str]
    """Query words that must be present, beside the one that selects the rule."""
    headers: frozenset[str]
    """Lower-case names of headers that must be present."""

    def fits(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        return query.keys() >= self.words and headers.keys() >= self.headers


@dataclass(slots=True)
class _Rules:
    """The rules of one method in one scope, the most demanding first."""

    plain: list[_Rule] = field(default_factory=list)
    by_word: dict[str, list[_Rule]] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    """The value that a word must have: list-type=2. With another one it selects nothing, so that
    list-type=1 and list-type=3 are ListObjects, as S3 was measured:
    https://github.com/brekkylab/backlot/pull/204"""


LIST_TYPE = "list-type"
"""The query word that chooses between the two versions of one listing."""


def route(
    method: str, bucket: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> Operation:
    """The operation; UNKNOWN for a sub-resource that no operation of S3 has.

    Unknown query words with a value are ignored, as AWS does. One without a value is an unknown
    sub-resource, whose request must never become PutObject, DeleteBucket or GetObject. headers: by
    lower-case name. Raises S3Error: MethodNotAllowed; InvalidArgument for several sub-resources at
    once; PreconditionFailed for a POST to a bucket that is no form.
    """
    scope = "object" if key else "bucket" if bucket else "service"
    rules = _table().get((method, scope))
    if rules is None:
        raise S3Error("MethodNotAllowed", Method=method, ResourceType=scope.upper())
    candidates = rules.plain
    if query:
        selected = _selected(rules, query)
        if selected is not None:
            candidates = selected
        else:
            _check_sub_resources(method, scope, query)
        if "" in query.values() and _names_unknown(scope, query):
            return UNKNOWN
        if scope == "bucket":
            _check_listing(candidates[0].op.name if candidates else "", query)
    for rule in candidates:
        if rule.fits(query, headers):
            return rule.op
    if candidates:  # the parser names what is missing
        return candidates[-1].op
    if method == "POST" and scope == "bucket":
        needed = "Bucket POST must be of the enclosure-type multipart/form-data"
        raise S3Error("PreconditionFailed", Condition=needed)
    raise S3Error("MethodNotAllowed", Method=method, ResourceType=scope.upper())


def _selected(rules: _Rules, query: Mapping[str, str]) -> list[_Rule] | None:
    found: list[_Rule] | None = None
    for word, value in query.items():
        of_word = rules.by_word.get(word)
        if of_word is None or rules.values.get(word, value) != value:
            continue
        if found is not None and found[0].op is not of_word[0].op:
            words = ", ".join(sorted(w for w in query if w in rules.by_word))
            raise S3Error("InvalidArgument", f"Conflicting query string parameters: {words}")
        found = of_word
    return found


_WORDS_OF_OTHER_LISTING: Mapping[str, tuple[tuple[str, str], ...]] = {
    "ListObjects": (
        (
            "continuation-token",
            "continuation-token only supported in REST.GET.BUCKET with list-type=2",
        ),
        ("start-after", "startAfter only supported in REST.GET.BUCKET with list-type=2"),
    ),
    "ListObjectsV2": (("marker", "Marker unsupported with REST.GET.BUCKET in list-type=2"),),
}
"""Operation -> the query words that the other version of it has, with S3's messages."""


def _check_listing(name: str, query: Mapping[str, str]) -> None:
    """Raises S3Error InvalidArgument for a page of the other version of the listing: without the
    word, the client would get the first page again and again.

    S3 was measured: https://github.com/versity/versitygw/issues/2004
    """
    for word, message in _WORDS_OF_OTHER_LISTING.get(name, ()):
        if word in query:
            raise S3Error("InvalidArgument", message, ArgumentName=word)


def _check_sub_resources(method: str, scope: str, query: Mapping[str, str]) -> None:
    """Raises S3Error MethodNotAllowed for a sub-resource that only other methods have."""
    if method == "HEAD":
        return
    _, selectors = _vocabulary()
    for word in query:
        if (scope, word) in selectors:
            raise S3Error("MethodNotAllowed", Method=method, ResourceType=word.upper())


def _names_unknown(scope: str, query: Mapping[str, str]) -> bool:
    """Whether a query names an unknown sub-resource, also beside a known one: another server may
    know it, and answer something else than s3d takes the request for."""
    parameters, selectors = _vocabulary()
    for word, value in query.items():
        name = word.lower()
        known = name in parameters or name.startswith("x-amz-") or (scope, word) in selectors
        if not value and not known:
            return True
    return False


@cache
def _table() -> dict[tuple[str, str], _Rules]:
    table: dict[tuple[str, str], _Rules] = {}
    for op in operations().values():
        model = service().operations[op.name]
        if model.deprecated or op.name in OFF_THE_TABLE:
            continue
        rules = table.setdefault((op.method, op.scope), _Rules())
        given = service().input_of(op.name)
        words = frozenset(required_words(given, "querystring"))
        headers = frozenset(name.lower() for name in required_words(given, "header"))
        rule = _Rule(op, words, headers)
        selectors = (op.subresource,) if "?" in model.http.request_uri else words
        for word in selectors:
            rules.by_word.setdefault(str(word), []).append(rule)
        if not selectors:
            rules.plain.append(rule)
        rules.values.update(_fixed_value(model.http.request_uri))
    for rules in table.values():
        for filed in (rules.plain, *rules.by_word.values()):
            filed.sort(key=lambda rule: -len(rule.words) - len(rule.headers))
    return table


def _fixed_value(uri: str) -> Iterator[tuple[str, str]]:
    """The selecting word of a request URI with its value, when the URI fixes one."""
    word, _, value = uri.partition("?")[2].partition("&")[0].partition("=")
    if value:
        yield word, value


@cache
def _vocabulary() -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """(lower-case words that are parameters of some operation, (scope, word) that select one)."""
    parameters = {
        (member.location_name or "").lower()
        for op in operations()
        for member in service().input_of(op).members.values()
        if member.location == "querystring"
    }
    selectors = {(op.scope, op.subresource) for op in operations().values() if op.subresource}
    return (
        frozenset(parameters | {LIST_TYPE}),
        frozenset((scope, word) for scope, word in selectors if word != LIST_TYPE),
    )


# ---------------------------------------------------------------- unknown headers

_PREFIX = "x-amz-"
_META = "x-amz-meta-"


@cache
def known_headers() -> frozenset[str]:
    """Lower-case names of the x-amz-* headers of all operations, and of COMMON_HEADERS."""
    members = (
        member
        for name in operations()
        for member in service().input_of(name).members.values()
        if member.location == "header" and member.location_name
    )
    named = {str(member.location_name).lower() for member in members}
    return frozenset(name for name in named if name.startswith(_PREFIX)) | COMMON_HEADERS.keys()


_checked: set[str] = set()
"""Names that were checked before, and are not unknown. Comparing the two sets takes a sixth of the
time of checking each name."""
_MAX_CHECKED = 1_000


def has_unknown_header(names: Set[str]) -> bool:
    """Whether one of these lower-case names is an x-amz-* header that nobody reads."""
    if names <= _checked:
        return False
    known = known_headers()
    for name in names:
        if name[:6] == _PREFIX and name not in known and name[:11] != _META:
            return True
    if len(_checked) < _MAX_CHECKED:
        _checked.update(names)
    return False


_NOT_IN_QUERY = frozenset({"x-amz-copy-source", "x-amz-rename-source"})


def has_unknown_header_in_query(words: Iterable[str]) -> bool:
    """Whether one of these words of a query is for a header that S3 does not read there.

    S3 reads the other x-amz-* headers in the query, too. It takes a request whose query has the
    source of a copy for a PutObject, which would replace the object by an empty one.
    https://github.com/aws/aws-sdk-php/issues/1275
    """
    names = {word.lower() for word in words}
    return has_unknown_header(names) or not names.isdisjoint(_NOT_IN_QUERY)


@cache
def unknown_operation(op: Operation) -> Operation:
    """The operation of a request whose headers are not all known.

    It has no name, so an embedded store refuses it (501), and the layers of a gateway treat it as a
    change of unknown kind and pass it on as it came. Its body travels as that of the original.
    """
    return replace(
        UNKNOWN,
        method=op.method,
        scope=op.scope,
        status=op.status,
        streaming_input=op.streaming_input,
        streaming_output=op.streaming_output,
    )
