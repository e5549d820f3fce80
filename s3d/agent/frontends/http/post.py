"""POST object: a browser's form becomes a PutObject request.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from s3d.agent.core.access_keys import AccessKeys
from s3d.agent.core.store import ObjectStore
from s3d.agent.frontends.http.exchange import Exchange
from s3d.agent.frontends.http.limits import PUT_SIZE
from s3d.agent.frontends.http.request_reader import TOKEN_HEADER, RequestHead, sent_size
from s3d.agent.frontends.http.request_span import describe
from s3d.agent.frontends.http.response_writer import Headers, ResponseWriter
from s3d.agent.s3 import xml
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import NO_TRAILERS, PostedForm, RequestContext, S3Request
from s3d.agent.s3.model import operations
from s3d.agent.s3.object_headers import Group, header_names, header_text
from s3d.agent.s3.post_policy import FormGrant, is_signed, signature_version, verify_policy
from s3d.agent.s3.principal import ANONYMOUS, Principal

if TYPE_CHECKING:
    from s3d.agent.s3 import post_form

_ENCRYPTION = header_names(Group.ENCRYPTION)


class FormPost:
    """Serves POST Object."""

    def __init__(
        self,
        store: ObjectStore,
        writer: ResponseWriter,
        keys: AccessKeys | None,
        clock: Callable[[], float],
        *,
        admits_anonymous: bool = False,
    ) -> None:
        """keys: None when requests need no signature. admits_anonymous: the store decides about
        forms without a policy."""
        self._store = store
        self._writer = writer
        self._keys = keys
        self._clock = clock
        self._admits_anonymous = admits_anonymous

    async def receive(self, exchange: Exchange, head: RequestHead) -> None:
        """Read the form, store its file, and respond as the form asks. Raises S3Error."""
        from s3d.agent.s3 import post_form  # most agents never see a form

        size = sent_size(head.headers)
        if size is None:
            raise S3Error("MissingContentLength")
        if size > PUT_SIZE:
            raise S3Error("EntityTooLarge", ProposedSize=size, MaxSizeAllowed=PUT_SIZE)
        reader = post_form.FormReader(head.headers.get("content-type", ""))
        body = _FileOfForm(exchange, reader)
        await body.read_fields()
        bucket = head.address.bucket
        post_form.key_of(reader.fields)
        principal = self._identify(body, bucket)
        members = post_form.put_members(reader.fields, bucket)
        op = operations()["PutObject"]
        context = RequestContext(
            exchange.request_id,
            principal,
            trace=exchange.trace,
            client_address=exchange.client_address,
            form=PostedForm(head.wire.headers, signature_version(reader.fields)),
        )
        request = S3Request(op, members, body, None, context)
        if exchange.span is not None:
            describe(exchange.span, request)
        response = await self._store.call(request)
        status, headers, document = _answer(reader.fields, head, members, response.output)
        self._writer.write_plain(exchange, status, headers, document)

    def _identify(self, body: _FileOfForm, bucket: str) -> Principal | None:
        """Who may store the file; a form without a policy is anonymous. Sets the grant."""
        if self._keys is None:
            return None
        fields, now = body.fields, self._clock()
        if self._admits_anonymous and not is_signed(fields):
            return ANONYMOUS
        token = fields.get(TOKEN_HEADER)
        source = self._keys.of_session(token, now) if token else self._keys
        body.grant = verify_policy(fields, bucket, source.secret_of, now)
        return source.principal_of(body.grant.access_key, now)


class _FileOfForm:
    """The bytes of the form's file. Iteration fails unless the policy allows their number."""

    size = None
    trailers: Mapping[str, str] = NO_TRAILERS

    def __init__(self, exchange: Exchange, reader: post_form.FormReader) -> None:
        self._exchange = exchange
        self._reader = reader
        self._first = b""
        self.grant: FormGrant | None = None

    @property
    def fields(self) -> Mapping[str, str]:
        return self._reader.fields

    async def read_fields(self) -> None:
        """Read until the file begins."""
        while not self._reader.in_file:
            data = await self._exchange.read()
            if not data:
                self._reader.finish()
                raise S3Error("MalformedPOSTRequest")
            self._first = self._reader.feed(data)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        total = len(self._first)
        if self._first:
            yield self._first
        while data := await self._exchange.read():
            piece = self._reader.feed(data)
            total += len(piece)
            if self.grant is not None:
                self.grant.check_growth(total)
            if piece:
                yield piece
        self._reader.finish()
        if self.grant is not None:
            self.grant.check_size(total)

    async def aclose(self) -> None:
        """There is nothing to close."""


def _answer(
    fields: Mapping[str, str],
    head: RequestHead,
    members: Mapping[str, Any],
    output: Mapping[str, Any],
) -> tuple[int, Headers, bytes]:
    """Status, headers and document that the form asked for."""
    from s3d.agent.s3 import post_form

    bucket, key, etag = members["Bucket"], members["Key"], output.get("ETag", "")
    path = quote(f"/{key}" if head.address.virtual else f"/{bucket}/{key}")
    location = f"http://{head.host}{path}"
    headers = [("ETag", etag)]
    if "VersionId" in output:
        headers.append(("x-amz-version-id", output["VersionId"]))
    encryption = {name: output[member] for member, name in _ENCRYPTION.items() if member in output}
    headers += [(name, header_text(value)) for name, value in encryption.items()]
    success = post_form.success(fields)
    if success.redirect:
        return 303, [*headers, ("Location", success.location(bucket, key, etag))], b""
    headers.append(("Location", location))
    if success.status != 201:
        return success.status, headers, b""
    values = {"Location": location, "Bucket": bucket, "Key": key, "ETag": etag}
    inside = "".join(f"<{tag}>{xml.escape(text)}</{tag}>" for tag, text in values.items())
    document = f"{xml.DECLARATION}<PostResponse>{inside}</PostResponse>"
    return 201, [*headers, ("Content-Type", "application/xml")], document.encode()
