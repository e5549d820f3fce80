from __future__ import annotations

import pytest

from s3d.agent.s3.model import UNKNOWN, operations
from s3d.agent.stores.remote.response_proof import (
    Evidence,
    Listed,
    Proof,
    Question,
    describe,
    identity_marks,
    is_confirmed,
    is_decided,
    prove,
    root_of,
)

OPS = operations()
HTML = b"<!DOCTYPE html><html><head><title>Hotel &amp; Wi-Fi\n login</title></head></html>"
XHTML = b'<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><title>x</title></html>'
ERROR = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>"
LIST = b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
MARKS = frozenset({"x-amz-request-id", "server: seaweedfs"})
OURS = {"x-amz-request-id": "1", "server": "SeaweedFS 4.48"}
STATIC = {"etag": '"e"', "last-modified": "x", "server": "nginx/1.27", "content-type": "text/xml"}


@pytest.mark.finding("F2")
@pytest.mark.parametrize("name", sorted(OPS))
@pytest.mark.parametrize("body", [HTML, XHTML, b"", b'{"a": 1}', b"<Error><Code>x", b"<Error/>"])
def test_no_page_proves_itself_for_any_operation(name: str, body: bytes) -> None:
    for status in (200, 204, 206, 302, 304, 403, 404, 413, 500, 502, 511):
        for headers in ({}, STATIC):
            evidence = Evidence(status, headers, body)
            assert prove(Question(OPS[name]), evidence, MARKS) is None
            assert prove(Question(OPS[name]), evidence, frozenset()) is None


@pytest.mark.parametrize(
    ("name", "status", "document", "proof"),
    [
        ("ListObjectsV2", 200, LIST, Proof.DOCUMENT),
        ("ListObjectsV2", 200, b"\xef\xbb\xbf\n" + LIST, Proof.DOCUMENT),
        ("ListObjectsV2", 200, b"<!-- c --> <s3:ListBucketResult >", Proof.DOCUMENT),
        ("ListBuckets", 200, LIST, None),  # the root of another operation
        ("ListObjectsV2", 404, LIST, None),
        ("GetObject", 200, LIST, None),  # a payload may be anything
        ("GetObject", 200, ERROR, None),
        ("GetObject", 404, ERROR, Proof.DOCUMENT),
        ("CompleteMultipartUpload", 200, b"   \n" + ERROR, Proof.DOCUMENT),
        ("PutObject", 403, ERROR, Proof.DOCUMENT),
        ("PutObject", 403, ERROR[:-9], None),
    ],
)
def test_a_document_proves_the_operation_that_has_it(
    name: str, status: int, document: bytes, proof: Proof | None
) -> None:
    assert prove(Question(OPS[name]), Evidence(status, {}, document), frozenset()) is proof


def test_an_operation_that_the_model_lacks_is_proven_by_the_namespace() -> None:
    assert prove(Question(UNKNOWN), Evidence(200, {}, LIST), frozenset()) is Proof.DOCUMENT
    assert prove(Question(UNKNOWN), Evidence(200, {}, XHTML), frozenset()) is None


def test_headers_prove_an_answer_when_all_that_were_learnt_are_there() -> None:
    get = Question(OPS["GetObject"])
    assert prove(get, Evidence(200, OURS), MARKS) is Proof.HEADERS
    assert prove(get, Evidence(200, {"x-amz-request-id": "1"}), MARKS) is None
    assert prove(get, Evidence(200, OURS), frozenset()) is None


@pytest.mark.parametrize(
    ("headers", "marks"),
    [
        (OURS, MARKS),
        ({"server": "AmazonS3", "x-amz-id-2": "i"}, {"server: amazons3", "x-amz-id-2"}),
        ({"server": "MinIO/RELEASE.2024"}, {"server: minio"}),
        (STATIC, set()),
        ({"x-request-id": "1", "via": "1.1 proxy", "cf-ray": "1", "server": "cloudflare"}, set()),
        ({"x-amz-version-id": "1", "x-amz-bucket-region": "eu"}, set()),
    ],
)
def test_only_what_an_s3_server_alone_sends_is_a_mark(
    headers: dict[str, str], marks: set[str]
) -> None:
    assert identity_marks(headers) == marks


ETAG = {"etag": '"e"'}
THERE = Listed("", True, frozenset({"e"}))
OTHER = Listed("", True, frozenset({"o"}))
ABSENT = Listed()
NO_BUCKET = Listed("NoSuchBucket")
DENIED = Listed("AccessDenied")


@pytest.mark.finding("F3")
@pytest.mark.parametrize(
    ("name", "status", "headers", "true", "false"),
    [
        ("GetObject", 200, ETAG, [THERE], [OTHER, ABSENT, NO_BUCKET, DENIED]),
        ("GetObject", 206, {"etag": "e"}, [THERE], [OTHER, ABSENT]),
        ("GetObject", 200, {}, [], [THERE, OTHER, ABSENT]),
        ("HeadObject", 200, ETAG, [THERE], [OTHER, ABSENT]),
        ("HeadObject", 404, {}, [ABSENT, NO_BUCKET], [THERE, OTHER, DENIED]),
        ("HeadObject", 403, {}, [], [THERE, ABSENT, DENIED]),
        ("PutObject", 200, ETAG, [THERE], [OTHER, ABSENT, DENIED]),
        ("PutObject", 200, {}, [], [THERE, ABSENT]),
        ("PutObject", 204, ETAG, [], [THERE]),
        ("DeleteObject", 204, {}, [ABSENT], [THERE, OTHER, NO_BUCKET, DENIED]),
        ("DeleteObject", 404, {}, [], [THERE, ABSENT]),
        ("HeadBucket", 200, {}, [ABSENT, THERE], [NO_BUCKET, DENIED]),
        ("HeadBucket", 404, {}, [NO_BUCKET], [ABSENT, DENIED]),
        ("CreateBucket", 200, {}, [ABSENT], [NO_BUCKET]),
        ("DeleteBucket", 204, {}, [NO_BUCKET], [ABSENT]),
        ("PutBucketVersioning", 200, {}, [ABSENT], []),
        ("PutBucketVersioning", 204, {}, [], [ABSENT]),
        ("PutBucketVersioning", 200, {"content-length": "9"}, [], [ABSENT]),
        ("DeleteObjectTagging", 204, {}, [ABSENT], []),
        ("UploadPart", 200, {}, [], [ABSENT]),
        ("UploadPart", 200, ETAG, [ABSENT], []),
        ("ListObjectsV2", 200, {}, [], [ABSENT, THERE]),
    ],
)
def test_a_listing_confirms_what_it_shows(
    name: str, status: int, headers: dict[str, str], true: list[Listed], false: list[Listed]
) -> None:
    question, evidence = Question(OPS[name], "k"), Evidence(status, headers)
    for listed in true:
        assert is_confirmed(question, evidence, listed, has_marks=False), listed
    for listed in false:
        assert not is_confirmed(question, evidence, listed, has_marks=False), listed


def test_what_no_listing_shows_needs_the_headers_of_a_remote_that_has_any() -> None:
    question = Question(OPS["PutBucketVersioning"])
    assert not is_confirmed(question, Evidence(200, {}), ABSENT, has_marks=True)


def test_304_is_true_for_the_etag_that_was_sent() -> None:
    sent = Question(OPS["GetObject"], "k", if_none_match=frozenset({"e"}))
    assert is_confirmed(sent, Evidence(304, {}), THERE, has_marks=True)
    assert not is_confirmed(sent, Evidence(304, {}), OTHER, has_marks=True)


def test_412_is_true_when_the_listing_has_another_etag() -> None:
    sent = Question(OPS["HeadObject"], "k", if_match=frozenset({"e"}))
    assert is_confirmed(sent, Evidence(412, {}), OTHER, has_marks=False)
    assert not is_confirmed(sent, Evidence(412, {}), THERE, has_marks=False)


def test_a_policy_without_headers_is_one_by_its_statement() -> None:
    question = Question(OPS["GetBucketPolicy"])
    policy = Evidence(200, {}, b'{"Version": "x", "Statement": []}')
    assert is_confirmed(question, policy, ABSENT, has_marks=False)
    assert not is_confirmed(question, Evidence(200, {}, b'{"a": 1}'), ABSENT, has_marks=False)


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        (Evidence(302, {}, HTML), "302, an HTML page titled 'Hotel & Wi-Fi login'"),
        (Evidence(200, {}, b"<html>"), "200, an HTML page"),
        (Evidence(204, {}), "204, a response without a body"),
        (Evidence(511, {}, b'{"a": 1}'), "511, a JSON document"),
        (Evidence(500, {}, b"<a>"), "500, an XML document"),
        (Evidence(500, {}, b"oops"), "500, a document that is not S3's"),
        (Evidence(200, {}, b"<title>\x1b[31m\x00a</title>"), "200, an HTML page titled '[31m a'"),
    ],
)
def test_an_answer_is_described_for_people(evidence: Evidence, text: str) -> None:
    assert describe(evidence) == text


@pytest.mark.parametrize(
    ("document", "root"),
    [(LIST, "ListBucketResult"), (XHTML, "html"), (HTML, ""), (b"", ""), (b"<a", ""), (b"{", "")],
)
def test_the_root_of_a_document(document: bytes, root: str) -> None:
    assert root_of(document) == root


def test_reading_goes_on_until_the_root_is_there() -> None:
    for cut in range(len(b'<?xml version="1.0"?><ListBucketResult')):
        assert not is_decided(b"\n  " + LIST[:cut])
    assert is_decided(LIST)
    assert is_decided(b"{")
    assert is_decided(b"  plain")
    assert is_decided(b"<!" + bytes(5000))
