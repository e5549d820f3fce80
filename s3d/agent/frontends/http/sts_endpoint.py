"""STS at the address of the S3 endpoint: a signed form to the root of the endpoint.

Unlike S3, STS signs the hash of the body without declaring it in a header, so the body is read
before the signature can be verified: it is small, and nothing else is done with it before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from s3d.agent.core.access_keys import AccessKeys, OpenedSession
from s3d.agent.frontends.http.exchange import Exchange
from s3d.agent.frontends.http.request_reader import TOKEN_HEADER, RequestHead, sent_size
from s3d.agent.frontends.http.response_writer import ResponseWriter
from s3d.agent.s3 import sigv4, sts_messages
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.principal import Principal
from s3d.agent.s3.session_token import Session
from s3d.agent.s3.sts_messages import StsError

MAX_BODY = 32 * 1024
"""Bytes. A policy has 2,048 characters at most."""

_FORM = "application/x-www-form-urlencoded"


class StsEndpoint:
    """Serves GetCallerIdentity, GetSessionToken and AssumeRole."""

    def __init__(
        self, keys: AccessKeys, writer: ResponseWriter, clock: Callable[[], float]
    ) -> None:
        self._keys = keys
        self._writer = writer
        self._clock = clock

    async def receive(self, exchange: Exchange, head: RequestHead) -> None:
        """Read the request, and write the answer or STS's own error document."""
        status, request_id = 200, exchange.request_id
        try:
            body = await _read(exchange, head)
            document = self._answer(exchange, head, body)
        except StsError as error:
            status, document = error.status, sts_messages.error_document(error, request_id)
        headers = [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)]
        self._writer.write_plain(exchange, status, headers, document)

    def _answer(self, exchange: Exchange, head: RequestHead, body: bytes) -> bytes:
        now = self._clock()
        caller = self._identify(head, body, now)
        form = sts_messages.parse_form(body)
        exchange.operation = form["Action"]
        return _ACTIONS[form["Action"]](self, form, caller, exchange.request_id)

    def _identify(self, head: RequestHead, body: bytes, now: float) -> Principal:
        token = head.headers.get(TOKEN_HEADER)
        payload_hash = hashlib.sha256(body).hexdigest()
        try:
            source = self._keys.of_session(token, now) if token else self._keys
            verified = sigv4.verify_of_service(
                head.wire,
                source.secret_of,
                now,
                service=sts_messages.SERVICE,
                payload_hash=payload_hash,
            )
            return source.principal_of(verified.access_key or "", now)
        except S3Error as error:
            raise sts_messages.error_of(error) from error

    # ------------------------------------------------------------------ the actions

    def _get_caller_identity(
        self, form: Mapping[str, str], caller: Principal, request_id: str
    ) -> bytes:
        return sts_messages.identity_document(caller, request_id)

    def _get_session_token(
        self, form: Mapping[str, str], caller: Principal, request_id: str
    ) -> bytes:
        session = sts_messages.session_token(form, caller, self._clock())
        credentials, principal = self._new_session(caller, session)
        return sts_messages.session_document(credentials, _end(principal), request_id)

    def _assume_role(self, form: Mapping[str, str], caller: Principal, request_id: str) -> bytes:
        session = sts_messages.assumed_role(form, caller, self._clock())
        credentials, principal = self._new_session(caller, session)
        user = sts_messages.role_user(principal, session)
        return sts_messages.role_document(credentials, _end(principal), user, request_id)

    def _new_session(self, caller: Principal, session: Session) -> OpenedSession:
        try:
            return self._keys.new_session(caller, session)
        except ValueError as error:
            raise StsError("PackedPolicyTooLarge", f"{error}.".capitalize()) from error
        except S3Error as error:
            raise sts_messages.error_of(error) from error


_ACTIONS: Mapping[str, Callable[[StsEndpoint, Mapping[str, str], Principal, str], bytes]] = {
    "AssumeRole": StsEndpoint._assume_role,
    "GetCallerIdentity": StsEndpoint._get_caller_identity,
    "GetSessionToken": StsEndpoint._get_session_token,
}


def is_sts(head: RequestHead) -> bool:
    """Whether a request is for STS: S3 has no POST to the root of the service."""
    if head.wire.method != "POST" or head.address.bucket or head.address.key:
        return False
    return head.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM


async def _read(exchange: Exchange, head: RequestHead) -> bytes:
    size = sent_size(head.headers)
    pieces: list[bytes] = []
    while (size or 0) <= MAX_BODY and exchange.received <= MAX_BODY:
        data = await exchange.read()
        if not data:
            return b"".join(pieces)
        pieces.append(data)
    raise StsError("RequestEntityTooLarge", f"The request has more than {MAX_BODY} bytes.", 413)


def _end(principal: Principal) -> float:
    assert principal.expires is not None, "a session has an end"
    return principal.expires
