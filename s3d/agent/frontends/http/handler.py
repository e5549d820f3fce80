"""The way of one request: admitted, carried out by the store, answered; a failure is S3's XML."""

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
from s3d.agent.frontends.http.keepalive import SLOW, Patience
from s3d.agent.frontends.http.limits import INLINE_HASH
from s3d.agent.frontends.http.post import FormPost
from s3d.agent.frontends.http.read_request import Admitted, Incoming, Receiver
from s3d.agent.frontends.http.send_response import Sender
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Body, BytesBody, S3Request
from s3d.agent.s3.parse import parse_input

logger = logging.getLogger(__name__)

_FAILED = "request failed op=%s id=%s"

Later = Coroutine[Any, Any, None] | None


class Door:
    """Serves requests from a store."""

    def __init__(
        self, store: ObjectStore, receiver: Receiver, sender: Sender, post: FormPost, spaces: float
    ) -> None:
        """spaces: seconds after which a slow copy is kept alive by spaces."""
        self._store = store
        self._receiver = receiver
        self._sender = sender
        self._post = post
        self._spaces = spaces
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
        if isinstance(exchange.head, S3Error):
            raise exchange.head
        incoming = self._receiver.read(exchange.head)
        if exchange.method == "OPTIONS":
            return self._guarded(exchange, self._preflight(exchange, incoming))
        if incoming.is_form:
            return self._guarded(exchange, self._form(exchange, incoming))
        admitted = self._receiver.admit(incoming)
        exchange.operation = admitted.op.name
        if cors.is_cross_site(incoming.headers) or not _body_is_at_hand(exchange, admitted):
            return self._guarded(exchange, self._carry_out(exchange, admitted))
        document = b""
        if not admitted.op.streaming_input:
            document = exchange.read_now()
            check_document(admitted, document)
        request = self._request(exchange, admitted, document)
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

    async def _carry_out(self, exchange: Exchange, admitted: Admitted) -> None:
        if cors.is_cross_site(admitted.incoming.headers):
            exchange.extra = await cors.grant(self._store, admitted.incoming)
        document = b""
        if not admitted.op.streaming_input:
            document = await read_document(exchange)
        if len(document) > INLINE_HASH:
            await asyncio.to_thread(check_document, admitted, document)
            request = await asyncio.to_thread(self._request, exchange, admitted, document)
        else:
            if not admitted.op.streaming_input:
                check_document(admitted, document)
            request = self._request(exchange, admitted, document)
        await self._finish(exchange, request, self._store.call(request))

    def _request(
        self, exchange: Exchange, admitted: Admitted, document: bytes
    ) -> S3Request[dict[str, Any]]:
        incoming, op = admitted.incoming, admitted.op
        principal = admitted.verified.access_key
        # A document goes along as it came, for a store that forwards the request verbatim.
        body: Body | None = BytesBody(document) if document else None
        if not op.name:
            members = {"Bucket": incoming.address.bucket, "Key": incoming.address.key}
        else:
            members = parse_input(op, incoming.wire, incoming.address, incoming.query, document)
        if op.streaming_input:
            body = Upload(exchange, admitted)
            announce_checksum(members, incoming.headers)
        return S3Request(op, members, body, incoming.wire, exchange.request_id, principal)

    async def _finish(self, exchange: Exchange, request: S3Request[Any], answer: Answer) -> None:
        if request.op.name in SLOW:
            patience = Patience(self._sender, exchange, self._spaces)
            response = await patience.wait(request.op, answer)
            if response is None:
                return
        else:
            with self._counted(request):
                response = await answer
        later = self._sender.send(exchange, request.op, response)
        if later is not None:
            await later

    async def _preflight(self, exchange: Exchange, incoming: Incoming) -> None:
        exchange.operation = "OPTIONS"
        exchange.extra = await cors.preflight(self._store, incoming)
        self._sender.write_plain(exchange, 200, [])

    async def _form(self, exchange: Exchange, incoming: Incoming) -> None:
        exchange.operation = "PostObject"
        if cors.is_cross_site(incoming.headers):
            exchange.extra = await cors.grant(self._store, incoming)
        self.uploads += 1
        try:
            await self._post.receive(exchange, incoming)
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


def _body_is_at_hand(exchange: Exchange, admitted: Admitted) -> bool:
    """True when no wait and no thread is needed before the store can be asked."""
    if admitted.op.streaming_input:
        return True
    return exchange.body_is_whole and (admitted.size or 0) <= INLINE_HASH
