"""Serves one request: authorization, the call of the store, the response or S3's XML error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from time import monotonic
from typing import Any

from s3d.agent.core.client import S3Client
from s3d.agent.core.log_limit import LimitedLogger
from s3d.agent.core.spans import Tracer
from s3d.agent.core.store import (
    AccessControl,
    Answer,
    Completed,
    ConnectionDropped,
    ObjectStore,
)
from s3d.agent.frontends.http import cors
from s3d.agent.frontends.http.body import (
    BODILESS,
    Upload,
    announce_checksum,
    check_document,
    read_document,
)
from s3d.agent.frontends.http.exchange import ClientGone, EndpointCounters, Exchange
from s3d.agent.frontends.http.keepalive_responder import SLOW, KeepAliveResponder
from s3d.agent.frontends.http.limits import INLINE_HASH
from s3d.agent.frontends.http.post import FormPost
from s3d.agent.frontends.http.request_reader import AuthorizedRequest, RequestHead, RequestReader
from s3d.agent.frontends.http.request_span import begin_span, describe, end_span
from s3d.agent.frontends.http.response_writer import ResponseWriter
from s3d.agent.frontends.http.sts_endpoint import StsEndpoint, is_sts
from s3d.agent.frontends.http.website_endpoint import WebsiteEndpoint
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, RequestContext, S3Request, S3Response
from s3d.agent.s3.parse import parse_input
from s3d.agent.s3.signature_elements import EMPTY, UNSIGNED
from s3d.agent.s3.trace_context import TRACEPARENT
from s3d.agent.s3.website import bucket_of
from s3d.shared.logs import current_request, log_fields

logger = LimitedLogger(logging.getLogger(__name__))

_FAILED = "request failed"

Work = Coroutine[Any, Any, None]
"""The rest of a request, when something must be waited for."""


class RequestHandler:
    """Serves requests from a store. One request, all on the event loop except where noted:

    1. RequestReader parses the head, checks the Host and the signature, and finds the operation.
    2. What the operation needs before the store is called is waited for, if it is not there yet:
       the CORS rules for another site's page, and a document in the body. A streaming body is
       handed to the store unread.
    3. _request() checks the document's digests and parses the input (a large document: in a
       thread).
    4. The store is called. A Completed answer is written at once, without any task; for another
       one a task waits, and keeps the connection alive while a slow operation runs.
    5. ResponseWriter writes the response. An error becomes S3's XML document.
    6. completed() counts the request.
    """

    exchange_class: type[Exchange] = Exchange

    def __init__(
        self,
        store: ObjectStore,
        *,
        reader: RequestReader,
        writer: ResponseWriter,
        form_post: FormPost,
        keepalive_interval: float,
        access: AccessControl | None = None,
        tracer: Tracer,
        counters: EndpointCounters | None = None,
        sts: StsEndpoint | None = None,
        website: WebsiteEndpoint | None = None,
    ) -> None:
        """access: decides before a document is read; None: every key may do everything.
        counters: None while nobody counts. sts: None when requests need no signature. website: None
        for a store that does not decide about anonymous requests. keepalive_interval: seconds
        between the spaces that keep a slow request's connection.
        """
        self._store = store
        self._reader = reader
        self._writer = writer
        self._form_post = form_post
        self._keepalive_interval = keepalive_interval
        self._access = access
        self._tracer = tracer
        self._counters = counters
        self._sts = sts
        self._website = website
        self.uploads = 0
        """Streaming bodies that are being received."""

    def serve(self, exchange: Exchange) -> Work | None:
        """Respond now when nothing has to be waited for, else return the coroutine that does."""
        exchange.request_id = self._writer.new_request_id()
        exchange.started = monotonic()  # uvloop's loop.time() counts milliseconds
        if self._tracer.is_active or TRACEPARENT in exchange.request.by_name:
            begin_span(self._tracer, exchange)
        try:
            work = self._begin(exchange)
        except S3Error as error:
            self._refuse(exchange, error)
        except Exception:
            logger.exception(_FAILED, extra=self._fields(exchange))
            self._writer.refuse(exchange, S3Error("InternalError"))
        else:
            return None if work is None else self._guarded(exchange, work)
        return None

    def completed(self, exchange: Exchange) -> None:
        """Count an exchange that is over, and end its span."""
        if self._counters is not None:
            self._counters.count(exchange, monotonic())
        if exchange.span is not None:
            end_span(exchange.span, exchange)

    async def _guarded(self, exchange: Exchange, work: Work) -> None:
        """Do the work, and write what fails as an error response."""
        try:
            await work
        except S3Error as error:
            self._refuse(exchange, error)
        except ClientGone:
            raise
        except ConnectionDropped as error:
            raise ClientGone from error
        except Exception:
            logger.exception(_FAILED, extra=self._fields(exchange))
            self._writer.refuse(exchange, S3Error("InternalError"))

    def _refuse(self, exchange: Exchange, error: S3Error) -> None:
        if exchange.status:
            fields = self._fields(exchange)
            logger.warning("response aborted code=%s", error.code, extra=fields)
        self._writer.refuse(exchange, error)

    def _fields(self, exchange: Exchange) -> dict[str, Any]:
        """For a line of the log that concerns this request."""
        address = self._reader.address_of(exchange.request)
        return log_fields(
            request_id=exchange.request_id,
            trace_id="" if exchange.trace is None else exchange.trace.trace_id,
            operation=exchange.operation,
            bucket=address.bucket,
            key=address.key,
        )

    # ------------------------------------------------------------------ the flow

    def _begin(self, exchange: Exchange) -> Work | None:
        if exchange.request.error is not None:
            raise exchange.request.error
        head = self._reader.parse_head(exchange.request)
        if head.address.virtual and self._website is not None and bucket_of(head.address.bucket):
            return self._website.serve(exchange, head)
        if exchange.method == "OPTIONS":
            return self._preflight(exchange, head)
        if exchange.method == "POST":
            if head.is_form:
                return self._form(exchange, head)
            if self._sts is not None and is_sts(head):
                return self._sts.receive(exchange, head)
        authorized = self._reader.authorize(head)
        exchange.operation = authorized.op.name
        if not authorized.op.streaming_input and (authorized.size or exchange.awaits_continue):
            self._decide_early(exchange, authorized)
        if head.is_cross_site or not _is_input_at_hand(exchange, authorized):
            return self._wait_for_input(exchange, authorized)
        document = b"" if authorized.op.streaming_input else exchange.read_now()
        return self._call(exchange, self._request(exchange, authorized, document))

    def _decide_early(self, exchange: Exchange, authorized: AuthorizedRequest) -> None:
        """Decide about access before a document comes. Raises S3Error.

        A streaming body is read by the store, after its layers have decided.
        """
        head, op = authorized.head, authorized.op
        if self._access is None or authorized.principal is None or not op.name:
            return
        members = parse_input(op, head.wire, head.address, head.query, None)
        context = RequestContext(
            exchange.request_id, authorized.principal, client_address=exchange.client_address
        )
        self._access.authorize(S3Request(op, members, None, head.wire, context))

    async def _wait_for_input(self, exchange: Exchange, authorized: AuthorizedRequest) -> None:
        if authorized.head.is_cross_site:
            exchange.extra_headers = await cors.grant(self._client(exchange), authorized.head)
        document = b""
        if not authorized.op.streaming_input:
            document = await read_document(exchange)
        if len(document) > INLINE_HASH:
            request = await asyncio.to_thread(self._request, exchange, authorized, document)
        else:
            request = self._request(exchange, authorized, document)
        current_request.set(request)  # for the lines of this task
        work = self._call(exchange, request)
        if work is not None:
            await work

    def _request(
        self, exchange: Exchange, authorized: AuthorizedRequest, document: bytes
    ) -> S3Request[dict[str, Any]]:
        """The request to the store. Raises S3Error for a wrong digest or bad input."""
        head, op = authorized.head, authorized.op
        if not op.streaming_input and _has_digest(authorized, document):
            check_document(authorized, document)
        # A document goes along as it came, for a store that forwards the request verbatim.
        body: Body | None = BytesBody(document) if document else None
        if not op.name:
            members = {"Bucket": head.address.bucket, "Key": head.address.key}
        else:
            members = parse_input(
                op, head.wire, head.address, head.query, document, size=authorized.size
            )
        if op.streaming_input:
            body = Upload(exchange, authorized)
            announce_checksum(members, head.headers)
        context = RequestContext(
            exchange.request_id,
            authorized.principal,
            trace=exchange.trace,
            client_address=exchange.client_address,
        )
        return S3Request(op, members, body, head.wire, context)

    def _call(self, exchange: Exchange, request: S3Request[Any]) -> Work | None:
        if exchange.span is not None:
            describe(exchange.span, request)
        answer = self._store.call(request)
        if isinstance(answer, Completed):
            return self._writer.send(exchange, request.op, answer.response)
        return self._finish(exchange, request, answer)

    async def _finish(self, exchange: Exchange, request: S3Request[Any], answer: Answer) -> None:
        current_request.set(request)  # for the lines of this task
        if request.op.name == "CompleteMultipartUpload":
            answer = _with_url(request, answer)
        if request.op.name in SLOW:
            responder = KeepAliveResponder(self._writer, exchange, self._keepalive_interval)
            response = await responder.wait(request.op, answer)
            if response is None:
                return
        else:
            uploads = int(request.op.streaming_input)
            self.uploads += uploads
            try:
                response = await answer
            finally:
                self.uploads -= uploads
        work = self._writer.send(exchange, request.op, response)
        if work is not None:
            await work

    def _client(self, exchange: Exchange) -> S3Client:
        """For calls that are made before the request itself."""
        context = RequestContext(exchange.request_id, trace=exchange.trace)
        return S3Client(self._store, context)

    async def _preflight(self, exchange: Exchange, head: RequestHead) -> None:
        exchange.operation = "OPTIONS"
        exchange.extra_headers = await cors.preflight(self._client(exchange), head)
        self._writer.write_plain(exchange, 200, [])

    async def _form(self, exchange: Exchange, head: RequestHead) -> None:
        exchange.operation = "PostObject"
        if head.is_cross_site:
            exchange.extra_headers = await cors.grant(self._client(exchange), head)
        self.uploads += 1
        try:
            await self._form_post.receive(exchange, head)
        finally:
            self.uploads -= 1


async def _with_url(request: S3Request[Any], answer: Answer) -> S3Response[Any]:
    """The answer with the URL of the object, of which the stores know the path alone.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """
    response = await answer
    wire = request.wire
    if wire is not None and str(response.output.get("Location", "")).startswith("/"):
        host = next((value for name, value in wire.headers if name == "host"), "")
        response.output["Location"] = f"http://{host}{wire.raw_path}"
    return response


def _has_digest(authorized: AuthorizedRequest, document: bytes) -> bool:
    """Whether a document has a digest to be compared; most requests are signed as having none."""
    payload = authorized.verified.payload
    is_plain = payload is EMPTY or payload is UNSIGNED
    return bool(document) or not is_plain or authorized.op.method not in BODILESS


def _is_input_at_hand(exchange: Exchange, authorized: AuthorizedRequest) -> bool:
    """True when neither a wait nor a thread is needed before the store is called."""
    if authorized.op.streaming_input:
        return True
    return exchange.body.is_complete and (authorized.size or 0) <= INLINE_HASH
