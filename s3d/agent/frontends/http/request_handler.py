"""The way of one request: authorized, carried out by the store, answered; a failure is S3's XML."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from s3d.agent.core.store import Answer, Completed, ObjectStore
from s3d.agent.frontends.http import cors
from s3d.agent.frontends.http.body import (
    Upload,
    announce_checksum,
    check_document,
    read_document,
)
from s3d.agent.frontends.http.exchange import ClientGone, Exchange
from s3d.agent.frontends.http.keepalive_responder import SLOW, KeepAliveResponder
from s3d.agent.frontends.http.limits import INLINE_HASH
from s3d.agent.frontends.http.post import FormPost
from s3d.agent.frontends.http.request_reader import AuthorizedRequest, RequestHead, RequestReader
from s3d.agent.frontends.http.response_writer import ResponseWriter
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, S3Request
from s3d.agent.s3.parse import parse_input

logger = logging.getLogger(__name__)

_FAILED = "request failed op=%s id=%s"

Later = Coroutine[Any, Any, None] | None


class RequestHandler:
    """Serves requests from a store."""

    def __init__(
        self,
        store: ObjectStore,
        reader: RequestReader,
        sender: ResponseWriter,
        post: FormPost,
        keepalive_interval: float,
    ) -> None:
        """keepalive_interval: seconds between the spaces that keep a slow request's connection."""
        self._store = store
        self._reader = reader
        self._sender = sender
        self._post = post
        self._keepalive_interval = keepalive_interval
        self.uploads = 0
        """Bodies being taken in."""

    def serve(self, exchange: Exchange) -> Later:
        """Answer now when nothing has to be waited for, else give the coroutine that answers."""
        try:
            return self._begin(exchange)
        except S3Error as error:
            self._sender.refuse(exchange, error)
        except Exception:
            logger.exception(_FAILED, exchange.operation, exchange.request_id)
            self._sender.refuse(exchange, S3Error("InternalError"))
        return None

    def _begin(self, exchange: Exchange) -> Later:
        if exchange.request.error is not None:
            raise exchange.request.error
        head = self._reader.parse_head(exchange.request)
        if exchange.method == "OPTIONS":
            return self._guarded(exchange, self._preflight(exchange, head))
        if head.is_form:
            return self._guarded(exchange, self._form(exchange, head))
        authorized = self._reader.authorize(head)
        exchange.operation = authorized.op.name
        if cors.is_cross_site(head.headers) or not _body_is_at_hand(exchange, authorized):
            return self._guarded(exchange, self._carry_out(exchange, authorized))
        document = b""
        if not authorized.op.streaming_input:
            document = exchange.read_now()
            check_document(authorized, document)
        request = self._request(exchange, authorized, document)
        answer = self._store.call(request)
        if not isinstance(answer, Completed):
            return self._guarded(exchange, self._finish(exchange, request, answer))
        later = self._sender.send(exchange, request.op, answer.response)
        return self._guarded(exchange, later) if later else None

    async def _guarded(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; say what fails."""
        try:
            await work
        except S3Error as error:
            if exchange.status:
                logger.warning("answer broken off code=%s op=%s", error.code, exchange.operation)
            self._sender.refuse(exchange, error)
        except ClientGone:
            raise
        except Exception:
            logger.exception(_FAILED, exchange.operation, exchange.request_id)
            self._sender.refuse(exchange, S3Error("InternalError"))

    async def _carry_out(self, exchange: Exchange, authorized: AuthorizedRequest) -> None:
        if cors.is_cross_site(authorized.head.headers):
            exchange.extra_headers = await cors.grant(self._store, authorized.head)
        document = b""
        if not authorized.op.streaming_input:
            document = await read_document(exchange)
        if len(document) > INLINE_HASH:
            await asyncio.to_thread(check_document, authorized, document)
            request = await asyncio.to_thread(self._request, exchange, authorized, document)
        else:
            if not authorized.op.streaming_input:
                check_document(authorized, document)
            request = self._request(exchange, authorized, document)
        await self._finish(exchange, request, self._store.call(request))

    def _request(
        self, exchange: Exchange, authorized: AuthorizedRequest, document: bytes
    ) -> S3Request[dict[str, Any]]:
        head, op = authorized.head, authorized.op
        principal = authorized.verified.access_key
        # A document goes along as it came, for a store that forwards the request verbatim.
        body: Body | None = BytesBody(document) if document else None
        if not op.name:
            members = {"Bucket": head.address.bucket, "Key": head.address.key}
        else:
            members = parse_input(op, head.wire, head.address, head.query, document)
        if op.streaming_input:
            body = Upload(exchange, authorized)
            announce_checksum(members, head.headers)
        return S3Request(op, members, body, head.wire, exchange.request_id, principal)

    async def _finish(self, exchange: Exchange, request: S3Request[Any], answer: Answer) -> None:
        if request.op.name in SLOW:
            patience = KeepAliveResponder(self._sender, exchange, self._keepalive_interval)
            response = await patience.wait(request.op, answer)
            if response is None:
                return
        else:
            with self._counted(request):
                response = await answer
        later = self._sender.send(exchange, request.op, response)
        if later is not None:
            await later

    async def _preflight(self, exchange: Exchange, head: RequestHead) -> None:
        exchange.operation = "OPTIONS"
        exchange.extra_headers = await cors.preflight(self._store, head)
        self._sender.write_plain(exchange, 200, [])

    async def _form(self, exchange: Exchange, head: RequestHead) -> None:
        exchange.operation = "PostObject"
        if cors.is_cross_site(head.headers):
            exchange.extra_headers = await cors.grant(self._store, head)
        self.uploads += 1
        try:
            await self._post.receive(exchange, head)
        finally:
            self.uploads -= 1

    @contextmanager
    def _counted(self, request: S3Request[Any]) -> Iterator[None]:
        count = request.op.streaming_input
        self.uploads += count
        try:
            yield
        finally:
            self.uploads -= count


def _body_is_at_hand(exchange: Exchange, authorized: AuthorizedRequest) -> bool:
    """True when no wait and no thread is needed before the store can be asked."""
    if authorized.op.streaming_input:
        return True
    return exchange.body.is_complete and (authorized.size or 0) <= INLINE_HASH
