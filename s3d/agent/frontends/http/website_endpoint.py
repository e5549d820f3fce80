"""The websites of buckets: BUCKET.s3-website.localhost, at the port of the S3 endpoint.

A page is read as by somebody without an access key, so the bucket's policy or lists have to grant
it. Each website has a host name of its own, and so an origin of its own: its pages may run scripts.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from s3d.agent.core.context import internal_request
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.http.exchange import Exchange
from s3d.agent.frontends.http.request_reader import RequestHead
from s3d.agent.frontends.http.response_writer import ResponseWriter
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.s3.parse import parse_input
from s3d.agent.s3.principal import ANONYMOUS
from s3d.agent.s3.website import (
    MOVED,
    Configuration,
    Redirect,
    bucket_of,
    error_key,
    error_page,
    folder_redirect,
    index_key,
    redirect_of,
)

_METHODS = ("GET", "HEAD")
_NOT_MODIFIED = 304


class WebsiteEndpoint:
    """Serves requests for websites."""

    def __init__(self, store: ObjectStore, writer: ResponseWriter) -> None:
        """store: decides about the access of anonymous requests. writer: of pages that a browser
        may run."""
        self._store = store
        self._writer = writer

    async def serve(self, exchange: Exchange, head: RequestHead) -> None:
        """Write the page, a redirect, or a page that shows the error."""
        exchange.operation = "GetObject"
        head.address = head.address._replace(bucket=bucket_of(head.address.bucket) or "")
        configuration: Configuration = {}
        try:
            if exchange.method not in _METHODS:
                raise S3Error("MethodNotAllowed", Method=exchange.method, ResourceType="OBJECT")
            configuration = await self._configuration(exchange, head)
            done = redirect_of(configuration, head.address.key, head.host)
            if done is None:
                await self._page(exchange, head, configuration)
        except S3Error as error:
            if exchange.status:
                raise
            done = redirect_of(configuration, head.address.key, head.host, error.status)
            if done is None:
                await self._error(exchange, head, configuration, error)
        if done is not None:
            self._redirect(exchange, done)

    async def _configuration(self, exchange: Exchange, head: RequestHead) -> Configuration:
        """Raises NoSuchBucket, NoSuchWebsiteConfiguration."""
        members = {"Bucket": head.address.bucket}
        context = RequestContext(exchange.request_id, trace=exchange.trace)
        request = internal_request(context, "GetBucketWebsite", members)
        configuration: Configuration = (await self._store.call(request)).output
        return configuration

    async def _page(
        self, exchange: Exchange, head: RequestHead, configuration: Configuration
    ) -> None:
        """Raises S3Error."""
        path = head.address.key
        key = index_key(configuration, path)
        try:
            response = await self._get(exchange, head, key, is_conditional=True)
        except S3Error as error:
            if key == path and error.status in (403, 404):
                folder = index_key(configuration, f"{path}/")
                if await self._exists(exchange, head, folder):
                    self._redirect(exchange, folder_redirect(path))
                    return
            raise
        location = response.output.get("WebsiteRedirectLocation")
        if location and response.status != _NOT_MODIFIED:
            await _close(response)
            self._redirect(exchange, Redirect(MOVED, location))
            return
        await self._send(exchange, response, response.status)

    async def _error(
        self, exchange: Exchange, head: RequestHead, configuration: Configuration, error: S3Error
    ) -> None:
        key, custom = error_key(configuration, error.status), None
        if key:
            try:
                response = await self._get(exchange, head, key)
            except S3Error as caught:
                custom = caught
            else:
                await self._send(exchange, response, error.status)
                return
        page = error_page(error, HTTPStatus(error.status).phrase, exchange.request_id, custom)
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("x-amz-error-code", error.code),
            ("x-amz-error-message", error.message),
        ]
        if exchange.method == "HEAD":
            page = b""
        self._writer.write_plain(exchange, error.status, headers, page)

    async def _get(
        self, exchange: Exchange, head: RequestHead, key: str, *, is_conditional: bool = False
    ) -> S3Response[Any]:
        """GetObject without a signature. is_conditional: with the range and the conditions of the
        request. Raises S3Error."""
        op = operations()["GetObject"]
        address = head.address._replace(key=key)
        members = {"Bucket": address.bucket, "Key": key}
        if is_conditional:
            members = parse_input(op, head.wire, address, {}, b"")
        context = RequestContext(
            exchange.request_id,
            ANONYMOUS,
            trace=exchange.trace,
            client_address=exchange.client_address,
        )
        return await self._store.call(internal_request(context, op.name, members))

    async def _exists(self, exchange: Exchange, head: RequestHead, key: str) -> bool:
        try:
            await _close(await self._get(exchange, head, key))
        except S3Error:
            return False
        return True

    async def _send(
        self, exchange: Exchange, response: S3Response[Any], status: int | None
    ) -> None:
        page = S3Response(response.output, response.body, status)
        work = self._writer.send(exchange, operations()["GetObject"], page)
        if work is not None:
            await work

    def _redirect(self, exchange: Exchange, redirect: Redirect) -> None:
        headers = [("Location", redirect.location)]
        self._writer.write_plain(exchange, redirect.status, headers)


async def _close(response: S3Response[Any]) -> None:
    if response.body is not None:
        await response.body.aclose()
