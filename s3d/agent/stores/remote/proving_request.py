"""The request that settles whose an answer is: ListObjectsV2 with the key as prefix.

Its output is an XML document, so its own answer can always be proven. For a version it is
ListObjectVersions, without a bucket ListBuckets.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote_plus

from s3d.agent.s3.messages import Members
from s3d.agent.s3.model import operations
from s3d.agent.s3.parse import parse_output
from s3d.agent.stores.remote.error_mapping import error_elements
from s3d.agent.stores.remote.messages import Answer, Call
from s3d.agent.stores.remote.response_proof import Listed, Question, bare, root_of

_ETAG = re.compile(r'"[^"]*"|\*')
_CONDITIONS = ("if-match", "if-none-match")


def question_of(call: Call) -> Question:
    """The part of a request on which the proof of its answer depends."""
    version = dict(parse_qsl(call.raw_query)).get("versionId", "")
    sent = {name: value for name, value in call.headers if name in _CONDITIONS}
    match, none_match = (_etags(sent.get(name, "")) for name in _CONDITIONS)
    return Question(call.op, call.key, version, match, none_match)


def proving_call(call: Call, question: Question) -> Call:
    """The request whose answer settles the answer to this one."""
    if not call.bucket:
        return Call(operations()["ListBuckets"], "GET", may_repeat=True)
    prefix = quote(question.key, safe="-_.~")
    if question.version:
        query = f"encoding-type=url&max-keys=1000&prefix={prefix}&versions="
        return Call(operations()["ListObjectVersions"], "GET", call.bucket, "", query,
                    may_repeat=True)  # fmt: skip
    query = f"encoding-type=url&list-type=2&max-keys=2&prefix={prefix}"
    return Call(operations()["ListObjectsV2"], "GET", call.bucket, "", query, may_repeat=True)


def read_listing(question: Question, call: Call, answer: Answer, document: bytes) -> Listed:
    """What the proven answer to proving_call() shows. A listing that makes no sense shows nothing:
    it has a code, and so confirms no answer."""
    if answer.refusal is not None:
        return Listed(answer.refusal.code or str(answer.refusal.status))
    code = error_elements(document).get("Code", "")  # a 200 may turn out an error
    if code:
        return Listed(code)
    if root_of(document) != call.op.root_tag:
        return Listed("MalformedXML")
    try:
        output = parse_output(call.op, answer.status, answer.headers, document)
    except ValueError:
        return Listed("MalformedXML")
    rows = [
        row
        for name in ("Contents", "Versions", "DeleteMarkers")
        for row in output.get(name, ())
        if _key(row, output) == question.key
        and (not question.version or row.get("VersionId") == question.version)
    ]
    etags = frozenset(bare(str(row["ETag"])) for row in rows if row.get("ETag"))
    return Listed("", bool(rows), etags)


def _key(row: Members, output: Members) -> str:
    key = str(row.get("Key", ""))
    return unquote_plus(key) if output.get("EncodingType") == "url" else key


def _etags(condition: str) -> frozenset[str]:
    found = _ETAG.findall(condition) or [condition] if condition else []
    return frozenset(bare(etag) for etag in found)
