"""The one check that every response passes: is it the remote's own?

1. The headers that this remote always sends prove it: nothing else is read or requested.
2. Otherwise the beginning of its document may prove it; its headers then become the fingerprint.
3. Otherwise one listing decides: it yields the fingerprint of a remote that has none yet, or it
   confirms what the response says. When the listing is not the remote's either, the remote is
   unreachable; when it is, another server responded to this one request.

The listing is ListObjectsV2 with the key as prefix: its output is an XML document, so its own
response can always be proven. For a version it is ListObjectVersions, without a bucket ListBuckets.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from urllib.parse import parse_qsl, quote, unquote_plus

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.etag import opaque_tag
from s3d.agent.s3.messages import Members
from s3d.agent.s3.model import operations
from s3d.agent.s3.parse import parse_output
from s3d.agent.stores.remote.error_mapping import error_elements
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.remote.remote_messages import RemoteRequest, RemoteResponse
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

MAX_LISTING = 16 * 1024 * 1024
"""Bytes of the listing: far more than ListBuckets has for 10,000 buckets."""

_ETAG = re.compile(r'"[^"]*"|\*')


_CONDITIONS = ("if-match", "if-none-match")

Send = Callable[[RemoteRequest], Awaitable[RemoteResponse]]


class ResponseVerifier:
    """Verifies the responses of one remote. Belongs to the loop."""

    def __init__(self, fingerprint: RemoteFingerprint, send: Send) -> None:
        """send: sends a request of the verifier; raises S3Error when its response is not proven."""
        self._fingerprint = fingerprint
        self._send = send
        self._first = asyncio.Lock()

    async def check(
        self, request: RemoteRequest, response: RemoteResponse, *, may_list: bool = True
    ) -> None:
        """Return when the response is the remote's; its body can still be read from the start.

        may_list: request a listing when the response itself proves nothing. Raises Unreachable:
        UNPROVEN or INTERCEPTED.
        """
        marks = self._fingerprint.marks
        if marks and marks <= identity_marks(response.by_name):
            return
        document = response.document
        if response.refusal is None:
            document = await response.body.peek(is_decided)
            if b"<Error" in document:  # its Code counts, so all of it is needed
                document = await response.body.peek(lambda read: len(read) >= MAX_LISTING)
        await self.verify(
            request, Evidence(response.status, response.by_name, document), may_list=may_list
        )

    async def verify(
        self, request: RemoteRequest, evidence: Evidence, *, may_list: bool = True
    ) -> None:
        """Do what check() does, for a response whose beginning has been read."""
        question = question_of(request)
        match prove(question, evidence, self._fingerprint.marks):
            case Proof.HEADERS:
                return
            case Proof.DOCUMENT:
                if self._fingerprint.update(evidence.headers):
                    await asyncio.to_thread(self._fingerprint.save)
                return
        if not may_list:
            raise _not_the_remote(Reason.UNPROVEN, evidence)
        if not self._fingerprint.is_known:
            async with self._first:  # one listing serves all requests that wait here
                if prove(question, evidence, self._fingerprint.marks):
                    return
                listed = await self._list(request, question, evidence)
        else:
            listed = await self._list(request, question, evidence)
        marks = self._fingerprint.marks
        if prove(question, evidence, marks) is not None:
            return
        if not is_confirmed(question, evidence, listed, has_marks=bool(marks)):
            raise _not_the_remote(Reason.INTERCEPTED, evidence)

    async def _list(self, request: RemoteRequest, question: Question, evidence: Evidence) -> Listed:
        """Raises Unreachable UNPROVEN when the listing has no proven response either."""
        listing = proving_call(request, question)
        try:
            response = await self._send(listing)
            document = response.document
            if response.refusal is None:
                async with aclosing(response.body):
                    document = await response.body.read(MAX_LISTING)
        except S3Error as error:
            raise _not_the_remote(Reason.UNPROVEN, evidence) from error
        return read_listing(question, listing, response, document)


def _not_the_remote(reason: Reason, evidence: Evidence) -> Unreachable:
    has_document = bool(evidence.document.strip())
    return Unreachable(
        reason, describe(evidence), sent=True, status=evidence.status, has_document=has_document
    )


def question_of(request: RemoteRequest) -> Question:
    """The part of a request on which the proof of its response depends."""
    version = dict(parse_qsl(request.raw_query)).get("versionId", "")
    sent = {name: value for name, value in request.headers if name in _CONDITIONS}
    match, none_match = (_etags(sent.get(name, "")) for name in _CONDITIONS)
    return Question(request.op, request.key, version, match, none_match)


def proving_call(request: RemoteRequest, question: Question) -> RemoteRequest:
    """The listing whose response decides about the response to this request."""
    if not request.bucket:
        return RemoteRequest(operations()["ListBuckets"], "GET", may_repeat=True)
    prefix = quote(question.key, safe="-_.~")
    if question.version:
        query = f"encoding-type=url&max-keys=1000&prefix={prefix}&versions="
        return RemoteRequest(operations()["ListObjectVersions"], "GET", request.bucket, "", query,
                    may_repeat=True)  # fmt: skip
    query = f"encoding-type=url&list-type=2&max-keys=2&prefix={prefix}"
    return RemoteRequest(
        operations()["ListObjectsV2"], "GET", request.bucket, "", query, may_repeat=True
    )


def read_listing(
    question: Question, request: RemoteRequest, response: RemoteResponse, document: bytes
) -> Listed:
    """What the proven response to proving_call() shows. An invalid document has a code, so that it
    confirms nothing."""
    if response.refusal is not None:
        return Listed(response.refusal.code or str(response.refusal.status))
    code = error_elements(document).get("Code", "")  # a 200 may have an error document
    if code:
        return Listed(code)
    if root_of(document) != request.op.root_tag:
        return Listed("MalformedXML")
    try:
        output = parse_output(request.op, response.status, response.headers, document)
    except ValueError:
        return Listed("MalformedXML")
    rows = [
        row
        for name in ("Contents", "Versions", "DeleteMarkers")
        for row in output.get(name, ())
        if _key(row, output) == question.key
        and (not question.version or row.get("VersionId") == question.version)
    ]
    etags = frozenset(opaque_tag(str(row["ETag"])) for row in rows if row.get("ETag"))
    return Listed("", bool(rows), etags)


def _key(row: Members, output: Members) -> str:
    key = str(row.get("Key", ""))
    return unquote_plus(key) if output.get("EncodingType") == "url" else key


def _etags(condition: str) -> frozenset[str]:
    found = _ETAG.findall(condition) or [condition] if condition else []
    return frozenset(opaque_tag(etag) for etag in found)
