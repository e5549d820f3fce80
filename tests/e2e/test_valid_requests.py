"""The valid request of every operation succeeds, from which the rows of tests/e2e/errors are one
change away; and every operation has all the tests that it needs.

tests/agent/stores/access/test_every_operation.py has each operation for each kind of caller.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from s3d.agent.s3.model import operations, service
from s3d.agent.s3.model_overrides import OFF_THE_TABLE
from tests.agent_process import AgentProcess
from tests.architecture.s3_compatibility import REFUSED as REFUSES
from tests.architecture.s3_compatibility import of_embedded
from tests.e2e.errors.derived_rows import REFUSED, SERVED, SERVICE
from tests.e2e.errors.error_store import Answer, ErrorStore
from tests.e2e.errors.table import rows
from tests.e2e.errors.valid_requests import SUCCESSORS, Request, valid

WITHOUT_SUCCESS = {"GetObjectTorrent": "NoSuchKey"}
"""Operation -> its answer at AWS, whatever the request."""
IN_LOCKED = {
    "GetObjectLegalHold",
    "GetObjectLockConfiguration",
    "GetObjectRetention",
    "PutObjectLegalHold",
    "PutObjectLockConfiguration",
    "PutObjectRetention",
}
"""Operations that need a bucket with object lock."""
FIRST = {"CreateBucket", "PutBucketVersioning"}
LATE, LAST = {"CompleteMultipartUpload"}, {"DeleteObject"}
READS, DELETIONS = ("Get", "Head", "List"), ("Abort", "Delete")
DECIDES_FOR_EACH_KEY = {"DeleteObjects"}
"""Operations that answer 200 to another account, with an error for each key."""


@pytest.fixture(scope="module")
def store(agent: AgentProcess) -> Iterator[ErrorStore]:
    store = ErrorStore(agent)
    yield store
    store.close()


def phase(name: str) -> int:
    """Settings and objects are put, then read, then deleted."""
    if name in FIRST:
        return 0
    if name in LATE:
        return 3
    if name in LAST:
        return 5
    return 2 if name.startswith(READS) else 4 if name.startswith(DELETIONS) else 1


def succeeding(name: str) -> Request:
    request = valid(name)
    if name in IN_LOCKED:
        return request.to("locked")
    if name == "DeleteBucket":
        return request.to("empty")
    if name == "CopyObject":
        return request.to("plain", "copy")
    if name == "RenameObject":  # not in a bucket with versions
        return request.to("enforced", "renamed")
    return request


def element(tag: str, answer: Answer) -> str:
    """The text of the first element of a document with this tag."""
    return answer.text.partition(f"<{tag}>")[2].partition("<")[0]


def test_the_valid_request_of_each_operation_succeeds(store: ErrorStore) -> None:
    failed = {}
    for name in sorted(SERVED, key=lambda name: (phase(name), name)):
        if name == "AbortMultipartUpload":
            store.names["upload"] = element("UploadId", store.send(valid("CreateMultipartUpload")))
        elif name == "CompleteMultipartUpload":
            store.names["etag"] = element("ETag", store.send(valid("ListParts")))
        answer = store.send(succeeding(name))
        if name in WITHOUT_SUCCESS:
            assert answer.code == WITHOUT_SUCCESS[name]
        elif answer.status // 100 != 2 or answer.code:
            failed[name] = answer
    assert failed == {}


def test_every_operation_of_the_model_is_served_or_refused() -> None:
    named = [*SERVED, *REFUSED, *SUCCESSORS, *OFF_THE_TABLE]
    assert sorted(named) == sorted(operations())
    assert all(service().operations[name].deprecated for name in SUCCESSORS)
    refused = {name for name, op in operations().items() if of_embedded(op) == REFUSES}
    assert refused == REFUSED | SUCCESSORS | OFF_THE_TABLE


def test_every_operation_has_the_tests_that_it_needs() -> None:
    """A refused one of its 501; another one of an error of its own, and one for another account and
    for nobody where the bucket decides."""
    provoked: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in rows():
        provoked[row.operation].add((row.code, row.by))
    assert {name for name in REFUSED if ("NotImplemented", "main") not in provoked[name]} == set()
    of_buckets = {name for name in SERVED if name not in SERVICE}
    for by, names in (
        ("anonymous", of_buckets),
        ("alt", of_buckets - DECIDES_FOR_EACH_KEY),
    ):
        assert {name for name in names if ("AccessDenied", by) not in provoked[name]} == set()
    assert {
        name for name in SERVED if {"NotImplemented"} >= {c for c, _ in provoked[name]}
    } == set()
