from __future__ import annotations

from typing import cast

import pytest

from s3d.agent.core.failures import Refusal
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote.messages import Answer, Call
from s3d.agent.stores.remote.proving_request import proving_call, question_of, read_listing
from s3d.agent.stores.remote.request_body import ResponseBody
from s3d.agent.stores.remote.response_proof import Listed, Question

OPS = operations()
NO_BODY = cast("ResponseBody", None)


def test_a_question_knows_the_version_and_the_etags_that_were_sent() -> None:
    headers = [("if-none-match", '"a", W/"b"'), ("if-match", "bare"), ("x", "y")]
    call = Call(OPS["GetObject"], "GET", "b", "k", "partNumber=1&versionId=v%2F1", headers)
    assert question_of(call) == Question(
        OPS["GetObject"], "k", "v/1", frozenset({"bare"}), frozenset({"a", "b"})
    )


@pytest.mark.parametrize(
    ("bucket", "key", "version", "name", "query"),
    [
        ("", "", "", "ListBuckets", ""),
        ("b", "", "", "ListObjectsV2", "encoding-type=url&list-type=2&max-keys=2&prefix="),
        ("b", "a/ü", "", "ListObjectsV2",
         "encoding-type=url&list-type=2&max-keys=2&prefix=a%2F%C3%BC"),
        ("b", "k", "v", "ListObjectVersions",
         "encoding-type=url&max-keys=1000&prefix=k&versions="),
    ],
)  # fmt: skip
def test_what_is_asked(bucket: str, key: str, version: str, name: str, query: str) -> None:
    call = Call(OPS["GetObject"], "GET", bucket, key)
    asking = proving_call(call, Question(OPS["GetObject"], key, version))
    assert (asking.op.name, asking.bucket, asking.key, asking.raw_query) == (
        name,
        bucket,
        "",
        query,
    )
    assert asking.may_repeat


def listed(document: bytes, key: str = "k", version: str = "") -> Listed:
    question = Question(OPS["GetObject"], key, version)
    asking = proving_call(Call(OPS["GetObject"], "GET", "b", key), question)
    return read_listing(question, asking, Answer(200, (), NO_BODY), document)


def test_a_listing_shows_the_key_and_not_its_neighbour() -> None:
    row = b"<Contents><Key>%s</Key><ETag>&quot;%s&quot;</ETag></Contents>"
    page = b"<ListBucketResult>%s</ListBucketResult>"
    encoded = b"<ListBucketResult><EncodingType>url</EncodingType>%s</ListBucketResult>"
    both = row % (b"k", b"e") + row % (b"k2", b"f")
    assert listed(page % both) == Listed("", True, frozenset({"e"}))
    assert listed(page % (row % (b"k2", b"f"))) == Listed()
    assert listed(encoded % (row % (b"a%2Bb+c", b"e")), "a+b c").is_there
    assert listed(page % (row % (b"a%2Bb", b"e")), "a%2Bb").is_there
    assert listed(page % b"<Contents><Key>k</Key></Contents>") == Listed("", True)


def test_a_listing_of_versions_shows_the_one_that_was_asked_for() -> None:
    row = b"<Version><Key>k</Key><VersionId>%s</VersionId><ETag>%s</ETag></Version>"
    page = b"<ListVersionsResult>%s</ListVersionsResult>" % (
        row % (b"1", b"e") + row % (b"2", b"f")
    )
    assert listed(page, "k", "1") == Listed("", True, frozenset({"e"}))
    assert listed(page, "k", "3") == Listed()


def test_a_refusal_shows_its_code() -> None:
    asking = Call(OPS["ListObjectsV2"], "GET", "b")
    answer = Answer(404, (), NO_BODY, b"", Refusal(404, "NoSuchBucket"))
    assert read_listing(Question(OPS["GetObject"]), asking, answer, b"") == Listed("NoSuchBucket")
    assert listed(b"<Error><Code>InternalError</Code></Error>") == Listed("InternalError")


@pytest.mark.parametrize("document", [b"", b"<ListBucketResult><Contents><Key>k", b"<html>"])
def test_a_listing_that_makes_no_sense_confirms_nothing(document: bytes) -> None:
    assert listed(document).code
