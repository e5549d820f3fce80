"""`make docs`: writes docs/s3-compatibility.md from the tables of the sources and the tables below.

test_s3_compatibility.py says when the document is outdated, and when an operation or a header is in
no table.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter

from s3d.agent.core.store import handlers_of
from s3d.agent.s3 import model_overrides
from s3d.agent.s3.checksums import ALGORITHMS, DEFAULT
from s3d.agent.s3.model import Operation, operations, service
from s3d.agent.s3.model_overrides import OFF_THE_TABLE, UNSUPPORTED_MEMBERS
from s3d.agent.stores.local.settings import STORED_ONLY
from tests.architecture.s3_features import FEATURES
from tests.architecture.source import ROOT
from tests.e2e.clients.workflow import EXPECTED
from tests.e2e.errors.documented_errors import ELSEWHERE, NOT_HERE, statuses
from tests.e2e.errors.table import rows
from tests.e2e.test_clients import CLIENTS, TABLES

DOCUMENT = ROOT / "docs" / "s3-compatibility.md"

ENFORCED, KEPT, REFUSED, IGNORED = "enforced", "kept", "refused", "no effect"

OPERATION_NOTES: Mapping[str, str] = {
    "CreateSession": "of directory buckets",
    "GetObjectTorrent": "404 NoSuchKey: S3 makes no torrents any more",
    "ListDirectoryBuckets": "has the same address as ListBuckets",
    "PutObject": "with `x-amz-write-offset-bytes` it appends, in buckets without versioning",
    "RenameObject": "an extension: in buckets without versioning",
    "RestoreObject": "there are no archives",
    "SelectObjectContent": "closed to new customers of AWS",
    "WriteGetObjectResponse": "of S3 Object Lambda; it has a host of its own",
}
"""What a reader may want to know of an operation."""

HEADERS: Mapping[str, tuple[str, str]] = {
    "x-amz-request-payer": (IGNORED, "nobody pays"),
    "x-amz-mfa": (IGNORED, "MFA delete cannot be enabled"),
    "x-amz-optional-object-attributes": (IGNORED, "no object is being restored"),
    "x-amz-confirm-remove-self-bucket-access": (IGNORED, "a promise of the caller to itself"),
    "x-amz-skip-destination-validation": (IGNORED, "no destination is validated"),
    "x-amz-bucket-object-lock-token": (IGNORED, "was needed to enable object lock by AWS Support"),
    **dict.fromkeys(UNSUPPORTED_MEMBERS.values(), (REFUSED, "holds of events are not implemented")),
    "x-amz-server-side-encryption-context": (IGNORED, "its form is checked; keys have no policies"),
    "x-amz-server-side-encryption-bucket-key-enabled": (KEPT, "there is no key service to spare"),
    "x-amz-bucket-namespace": (ENFORCED, "`global` only; others are refused"),
    "x-amz-create-session-mode": (REFUSED, "with its operation"),
    "x-amz-request-route": (REFUSED, "with its operation"),
    "x-amz-request-token": (REFUSED, "with its operation"),
}
"""Request header of the model -> what the embedded store does with it, and why. The others are
enforced: the handler of the operation reads the member (test_s3_compatibility.py looks for it)."""

DIFFERENCES: tuple[tuple[str, str, str], ...] = (
    (
        "the checksum of a composite multipart object in GetObjectAttributes",
        "with the number of parts behind it, as in HeadObject",
        "the same; [others](https://github.com/floci-io/floci/issues/3083) measured that AWS "
        "leaves it off",
    ),
    (
        "an `x-amz-expected-bucket-owner` that is no account",
        "403 AccessDenied",
        "the same; AWS answers 400 InvalidBucketOwnerAWSAccountID",
    ),
    (
        "a read with another customer key than that of the object (SSE-C)",
        "400",
        "403 AccessDenied, as AWS; 400 without a key",
    ),
    (
        "`x-amz-server-side-encryption: aws:kms` without a key id",
        "an error",
        "the key `alias/aws/s3`, as [AWS documents]"
        "(https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html)",
    ),
    (
        "an object for which neither request nor bucket asks for encryption",
        "not encrypted, and no header",
        "the same, unless `S3D_ENCRYPT=sse-s3` is set; AWS encrypts every object with SSE-S3",
    ),
    (
        "`If-Match: *`, or an ETag in `If-None-Match`, on PutObject, CopyObject and "
        "CompleteMultipartUpload",
        "404 or 412, as if it were a read",
        "501 NotImplemented, as AWS: [If-Match takes an ETag, If-None-Match takes `*`]"
        "(https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html)",
    ),
    (
        "the ETag of a GetObject or HeadObject with `partNumber`",
        "that of the part",
        "that of the object, as AWS",
    ),
    (
        "`x-amz-copy-source-range` beyond the end of the source",
        "InvalidRange",
        "400 InvalidArgument, [as AWS](https://github.com/versity/versitygw/issues/610)",
    ),
    (
        "a presigned URL of version 4 whose lifetime is negative or over a week",
        "403",
        "400 AuthorizationQueryParametersError, [as AWS]"
        "(https://github.com/bryanjos/aws_auth/issues/31)",
    ),
    (
        "a PutObject or UploadPart in chunks of HTTP without a length",
        "stored",
        "501 NotImplemented, [as AWS](https://github.com/aws/aws-sdk-js-v3/pull/3403); "
        "within a streaming signature it is stored",
    ),
    (
        "`list-type` with another value than 2, such as 1 or 3",
        "ListObjects",
        "the same, [as AWS](https://github.com/brekkylab/backlot/pull/204)",
    ),
    (
        "`start-after` or `continuation-token` without `list-type=2`, `marker` with it",
        "ignored",
        "400 InvalidArgument, [as AWS](https://github.com/versity/versitygw/issues/2004)",
    ),
    (
        "`x-amz-copy-source` in the query of a presigned URL, where some SDKs put it",
        "not covered",
        "501 NotImplemented; AWS ignores it and "
        "[stores an empty object](https://github.com/aws/aws-sdk-php/issues/1275)",
    ),
    (
        "the tags of a key whose newest version is a delete marker",
        "404",
        "405 MethodNotAllowed, as [others](https://github.com/localstack/localstack) measured AWS",
    ),
    (
        "the destination of access logs, inventories, analytics and replication",
        "everybody who may change the setting chooses it",
        "the caller must also be allowed to write there; at AWS, the policy of the destination "
        "has to grant it to the service",
    ),
    (
        "an `x-amz-` header that S3 does not know, such as `x-amz-foo`",
        "ignored",
        "501 NotImplemented: what it asks for would not be done",
    ),
    (
        "a lifecycle filter with several conditions and without `And`",
        "the conditions hold together",
        "400 MalformedXML, [as AWS](https://github.com/ceph/s3-tests/issues/638)",
    ),
    (
        "`Access-Control-Request-Method` on a request that is no OPTIONS",
        "selects the CORS rule",
        "the method of the request does, as [AWS documents]"
        "(https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html)",
    ),
    (
        "CreateBucket with a LocationConstraint that is no region, or with `us-east-1`",
        "created",
        "400 InvalidLocationConstraint, "
        "[as AWS](https://github.com/velero-io/velero/issues/284); the name in `S3D_REGION` is "
        "one, too",
    ),
    (
        "a bucket name with a hyphen beside a period",
        "400 InvalidBucketName",
        "[allowed](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)",
    ),
    (
        "`partNumber` beyond the parts of an object",
        "400 InvalidPart",
        "416 InvalidPartNumber, as AWS",
    ),
    (
        "a default retention of 0 days",
        "400 InvalidRetentionPeriod",
        "400 InvalidArgument, as AWS",
    ),
    (
        "`x-amz-server-side-encryption` on UploadPart",
        "ignored",
        "400 InvalidArgument, as AWS: the upload has the encryption",
    ),
    (
        "a field of a POST form that no condition of its policy names, such as "
        "`x-amz-checksum-sha256`",
        "accepted",
        "403 AccessDenied, as [AWS documents]"
        "(https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html)",
    ),
    (
        "user metadata beyond ASCII",
        "the bytes of the request",
        "an encoded word of RFC 2047, as [AWS documents]"
        "(https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html)",
    ),
    (
        "a checksum header that has not the form of its algorithm",
        "BadDigest for some algorithms",
        "InvalidRequest for all, as AWS",
    ),
    (
        "a key with C1 control characters, percent-encoded as UTF-8",
        "400",
        "a valid key: [any UTF-8 up to 1,024 bytes]"
        "(https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html)",
    ),
    (
        "an anonymous or cross-site PUT, POST or DELETE of a web page",
        "the bucket's ACL decides",
        "the bucket's CORS rules must allow the page as well: the endpoint is on localhost, where "
        "every page of the Web could otherwise reach it",
    ),
)
"""Where a common suite and s3d differ: (what, the suite, s3d)."""


def of_embedded(op: Operation) -> str:
    """What the embedded store does with an operation."""
    if op.name not in handled("local"):
        return REFUSED
    return KEPT if op.subresource in STORED_ONLY and op.subresource != "acl" else ENFORCED


def of_gateway(op: Operation) -> str:
    """Which layers answer an operation before a remote."""
    if op.name in OFF_THE_TABLE:
        return REFUSED
    layers = [name for name in ("queue", "cache") if op.name in handled(_PACKAGES[name])]
    return "passed on" + "".join(f", {name}" for name in layers)


_PACKAGES = {"queue": "write_queue", "cache": "read_cache"}


def handled(package: str) -> frozenset[str]:
    """The operations that a class of s3d.agent.stores.PACKAGE has a handler for."""
    return frozenset(name for each in _classes(package) for name in handlers_of(each))


def _classes(package: str) -> Iterator[type]:
    folder = ROOT / "s3d" / "agent" / "stores" / package
    for file in sorted(folder.glob("*.py")):
        if "@operation(" in file.read_text():
            module = importlib.import_module(f"s3d.agent.stores.{package}.{file.stem}")
            for value in vars(module).values():
                if isinstance(value, type) and value.__module__ == module.__name__:
                    yield value


def request_members() -> dict[str, tuple[str, list[str]]]:
    """x-amz-* header of a request -> (its member, the operations that have it)."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name in sorted(operations()):
        for member_name, member in service().input_of(name).members.items():
            wire = (member.location_name or "").lower()
            if member.location == "header" and wire.startswith("x-amz-"):
                found.setdefault(wire, (member_name, []))[1].append(name)
    return dict(sorted(found.items()))


def document() -> str:
    """The whole text."""
    parts = [
        _INTRODUCTION,
        *_operations(),
        *_features(),
        *_headers(),
        *_errors(),
        *_checksums(),
        *_clients(),
        *_differences(),
    ]
    return "\n".join(parts) + "\n"


def _operations() -> Iterator[str]:
    yield "## Operations\n"
    yield "| operation | embedded | as a gateway | |"
    yield "|---|---|---|---|"
    for name, op in sorted(operations().items()):
        note = OPERATION_NOTES.get(name, "")
        if service().operations[name].deprecated:
            note = "deprecated: the request is read as its successor"
        yield f"| {name} | {of_embedded(op)} | {of_gateway(op)} | {note} |"
    yield _UNKNOWN


def _features() -> Iterator[str]:
    yield "## Features\n"
    yield "| feature | embedded | as a gateway | tests | |"
    yield "|---|---|---|---|---|"
    for each in sorted(FEATURES, key=lambda each: each.name.lower()):
        tests = f"`tests/{each.tests}`"
        yield f"| {each.name} | {each.embedded} | {each.gateway} | {tests} | {each.note} |"
    yield ""


def _headers() -> Iterator[str]:
    yield "## Request headers\n"
    yield (
        "Headers of HTTP (conditions, ranges, dates, digests, `Expect`) and the `x-amz-*` headers "
        "of the model are enforced, except:\n"
    )
    yield "| header | embedded | |"
    yield "|---|---|---|"
    for header, (what, why) in sorted(HEADERS.items()):
        yield f"| `{header}` | {what} | {why} |"
    yield "\nThese belong to no operation, and ask for nothing that a store could omit:\n"
    for header, source in model_overrides.COMMON_HEADERS.items():
        yield f"- `{header}` ([source]({source}))"
    yield (
        "\nEvery other `x-amz-*` header, and every other `x-amz-*` word of a query, is refused "
        "with 501 NotImplemented: a store that\ndoes not know it cannot keep what it promises.\n"
    )


def _checksums() -> Iterator[str]:
    yield "## Checksums\n"
    yield (
        "In headers and in trailers, of objects and of parts. A wrong value is 400 BadDigest. An "
        f"object that comes without one gets the\n{DEFAULT} of all its bytes, as at AWS since "
        "December 2024. It has none when it was stored by an older s3d, or is a copy of such an\n"
        "object, or when some parts of an upload without an algorithm came with another checksum. "
        "As a gateway, the remote decides.\n"
    )
    yield "| algorithm | header | kinds of a multipart object |"
    yield "|---|---|---|"
    for row in ALGORITHMS.values():
        yield f"| {row.name} | `{row.header}` | {', '.join(row.kinds)} |"
    yield ""


def _errors() -> Iterator[str]:
    yield _ERRORS
    yield "| operation | errors |"
    yield "|---|---|"
    by_operation: dict[str, set[tuple[int, str]]] = {}
    for row in rows():
        by_operation.setdefault(row.operation, set()).add((statuses()[row.code], row.code))
    for operation, errors in sorted(by_operation.items()):
        parts = [
            f"{status} {', '.join(code for _, code in group)}"
            for status, group in groupby(sorted(errors), key=itemgetter(0))
        ]
        yield f"| {operation} | {'; '.join(parts)} |"
    yield "\nBy other means than one request: " + ", ".join(ELSEWHERE) + ".\n"
    yield "The embedded store never sends these:\n"
    yield "| errors | because |"
    yield "|---|---|"
    for reason, group in groupby(NOT_HERE.items(), key=itemgetter(1)):
        yield f"| {', '.join(code for code, _ in group)} | {reason} |"
    yield ""


def _clients() -> Iterator[str]:
    yield "## Clients\n"
    yield (
        f"Each client goes through {', '.join(EXPECTED)} in `make test`, without what it has no "
        "means for. A listing has over 1,000 keys and a delimiter.\n"
    )
    yield "| client | has no means for |"
    yield "|---|---|"
    for name, client in CLIENTS.items():
        yield f"| {name} | {', '.join(step for step in EXPECTED if step in client.lacks)} |"
    tables = ", ".join(TABLES)
    yield f"\nTables and files in a folder with spaces in its name: {tables}.\n"


def _differences() -> Iterator[str]:
    yield "## Where common suites and AWS differ\n"
    yield "| | the suite | s3d |"
    yield "|---|---|---|"
    for what, suite, ours in DIFFERENCES:
        yield f"| {what} | {suite} | {ours} |"


_INTRODUCTION = """\
# S3 compatibility

This document is made from the sources: `make docs` writes it, and `make test` says
when it is outdated. The words of its tables:

- **enforced**: s3d does what the S3 API reference says, in the embedded store.
- **kept**: the embedded store keeps the setting and returns it, and it has no effect.
- **no effect**: there is nothing that the embedded store could do about it.
- **refused**: 501 NotImplemented.
- **passed on**: as a gateway, the request goes to the remote as it came. *queue* and *cache* say
  which layers answer it as well.
"""

_ERRORS = """\
## Errors

Every error that AWS documents is provoked at the embedded store by a request of
`tests/e2e/errors`, which `make test` sends, and code and status are compared; or it is named
below with the reason why it cannot occur. *any* stands for every operation. As a gateway, the
errors are the remote's.
"""

_UNKNOWN = """
An unknown query word without a value is an unknown sub-resource, and refused with 501 on every
method; one with a value is ignored, as by AWS. As a gateway, both pass on to the remote, after the
pending writes of the key, and are never answered from the queue or the cache.

RenameObject and appends, which AWS has in directory buckets only, work in buckets without
versioning. They are atomic, and need `s3:GetObject` beside the permission to write. As a gateway,
a RenameObject without conditions is accepted at once, whatever the remote supports: the new key is
visible here, and the remote is asked to copy the object and then to delete the old key. An appended
object has an ETag like that of a multipart object; its checksum is combined where it is a CRC, and
omitted otherwise. What is appended to an encrypted object is encrypted as the object is.
"""


if __name__ == "__main__":
    DOCUMENT.write_text(document())
