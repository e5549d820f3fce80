"""The client of aioboto3. Imported by boto_call.py only, in a thread and at its first use."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aioboto3.session import Session
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore import UNSIGNED
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.s3.messages import WireRequest
from s3d.agent.s3.signature_elements import Signer
from s3d.agent.s3.signing import sign
from s3d.agent.stores.remote.addressing import AWS, Target, is_directory_bucket
from s3d.agent.stores.remote.http_transport import as_unreachable
from s3d.agent.stores.remote.remote_connection import RemoteConnection, is_signed
from s3d.agent.stores.remote.static_credentials import RemoteKey

POOL = 32
"""Connections at the same time."""

_RAW = (aiohttp.ClientError, OSError)
"""Not wrapped by botocore: TimeoutError, and a response whose body breaks off."""
ERRORS = (BotoCoreError, ClientError, *_RAW)
"""Every exception that a call of the client raises."""

_NO_ANSWER = (*_RAW, BotoConnectionError, HTTPClientError)


Verify = Callable[[int, Mapping[str, str], bytes], Awaitable[None]]
"""Called with status, headers and document of each response; raises S3Error when it is not the
remote's."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the client calls at every request."""

    connection: RemoteConnection
    """Has the key and the time to sign with."""
    headers: Callable[[], Mapping[str, str]]
    """Headers to add to the request."""
    unsigned_headers: Callable[[], Mapping[str, str]]
    """Headers to add to the signed request."""
    verify: Verify


def make_client(hooks: Hooks, target: Target, region: str) -> Any:
    """An S3 client that uses the hooks. Blocks; the client binds to a loop at its first use."""
    connection = hooks.connection
    session: Any = AioSession()  # type: ignore[no-untyped-call]
    # AWS_ENDPOINT_URL may be our own address, set so that tools find s3d.
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    session.register_component("credential_provider", _Provider(connection))
    boto: Any = Session(botocore_session=session)  # type: ignore[no-untyped-call]
    opening = boto.client(
        "s3",
        endpoint_url=None if connection.url == AWS else target.url,
        region_name=region,
        # Without TLS, reading the certificates would be wasted time.
        verify=(connection.settings.ca_bundle or None) if target.scheme == "https" else False,
        config=_config(connection, target),
    )
    client: Any = asyncio.run(opening.__aenter__())
    _register(hooks, client.meta.events)
    return client


def _register(hooks: Hooks, events: Any) -> None:
    """Have botocore call the hooks. events: of a client."""

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"].update(hooks.headers())
        use_md5(params)

    def choose(context: dict[str, Any], **_: Any) -> Any:
        # Only botocore can sign for directory buckets, which need CreateSession.
        is_express = context.get("signing", {}).get("signing_name") == "s3express"
        return None if is_express else UNSIGNED

    async def sign_it(request: Any, region_name: str, signature_version: Any, **_: Any) -> None:
        if signature_version is UNSIGNED:
            await _sign(hooks.connection, request, region_name)

    def send(request: Any, **_: Any) -> None:
        request.headers.update(hooks.unsigned_headers())

    async def verify(response_dict: dict[str, Any], **_: Any) -> None:
        headers = {name.lower(): value for name, value in response_dict["headers"].items()}
        body = response_dict["body"]
        document = body if isinstance(body, bytes) else b""  # else a stream
        try:
            await hooks.verify(response_dict["status_code"], headers, document)
        except BaseException:
            if not isinstance(body, bytes):
                body.close()
            raise

    events.register("before-call.s3", add)
    events.register("choose-signer.s3", choose)
    events.register("before-sign.s3", sign_it)
    events.register("before-send.s3", send)
    events.register("before-parse.s3", verify)


def use_md5(params: dict[str, Any]) -> None:
    """Send a required digest as Content-MD5, which every server accepts. Only directory buckets of
    AWS do not: they keep the CRC32 that botocore has chosen.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html
    """
    checksum = params.get("context", {}).get("checksum", {})
    body = params.get("body")
    if not isinstance(body, bytes) or not checksum.get("request_algorithm"):
        return
    bucket = params["context"].get("input_params", {}).get("Bucket", "")
    if is_directory_bucket(str(bucket)):
        return
    del checksum["request_algorithm"]
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


async def _sign(connection: RemoteConnection, request: Any, region: str) -> None:
    """Sign an AWSRequest with the time of the remote, which botocore cannot do.

    region: of the client; a region that botocore has from a redirect takes precedence.
    """
    key = await connection.key()
    url = urlsplit(request.url)
    body = request.body or b""
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    signed = {name: value for name, value in headers.items() if is_signed(name)}
    signed["host"] = url.netloc
    if key.token is not None:
        signed["x-amz-security-token"] = request.headers["x-amz-security-token"] = key.token
    signer = Signer(
        key.access_key, key.secret_key, request.context.get("signing", {}).get("region") or region
    )
    wire = WireRequest(request.method, url.path or "/", url.query, tuple(signed.items()))
    payload = hashlib.sha256(body if isinstance(body, bytes) else body.encode()).hexdigest()
    for name, value in sign(wire, payload, signer, connection.monitor.signing_time()).items():
        del request.headers[name]
        request.headers[name] = value


def error_answer(error: Exception) -> dict[str, Any] | None:
    """The error response, when the exception stands for one."""
    return dict(error.response) if isinstance(error, ClientError) else None


def unreachable_by(error: Exception) -> Unreachable | None:
    """Why there was no response, when the exception means that.

    It examines the exception that botocore has wrapped: botocore reports a connection that broke as
    one that was never made, which hides that the remote may have acted.
    """
    if not isinstance(error, _NO_ANSWER):
        return None
    inner = getattr(error, "kwargs", {}).get("error")
    if inner is None and not isinstance(error, BotoCoreError):
        inner = error
    if isinstance(inner, _RAW):
        return as_unreachable(inner)
    return Unreachable(Reason.LOST, str(error) or type(error).__name__, sent=True)


def _config(connection: RemoteConnection, target: Target) -> AioConfig:
    timeouts = connection.settings.timeouts
    virtual = target.is_aws or target.addressing == "virtual"
    return AioConfig(  # type: ignore[no-untyped-call]
        signature_version="s3v4",
        s3={"addressing_style": "virtual" if virtual else "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"total_max_attempts": 1},
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.work,
        max_pool_connections=POOL,
        http_session_cls=VerifyingSession,
    )


class VerifyingSession(AIOHTTPSession):
    """Connections to a server are made only with a certificate of its name, as in http_transport.

    aiobotocore 2.25 loads the trusted certificates and then compares no host name, so any
    certificate of a trusted authority passes for the remote. Behind a proxy it verifies nothing.
    https://github.com/aio-libs/aiobotocore/blob/2.25.1/aiobotocore/httpsession.py
    """

    def _create_connector(self, proxy_url: str | None) -> aiohttp.TCPConnector:
        """Called for each session. proxy_url: None for a direct connection."""
        return aiohttp.TCPConnector(
            limit=self._max_pool_connections,
            ssl=_trust(self._verify),
            **self._connector_args,
        )


def _trust(verify: bool | str) -> ssl.SSLContext | bool:
    """verify: as botocore has it: a file of certificates to trust, True for those of the system, or
    False for plain HTTP, where it has no meaning."""
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else True


class _Provider:
    """Replaces the credential chain of the client."""

    def __init__(self, connection: RemoteConnection) -> None:
        self._connection = connection

    async def load_credentials(self) -> AioCredentials:
        return _Borrowed(self._connection)


class _Borrowed(AioCredentials):
    """The credentials of the connection, read at each use because it renews them."""

    def __init__(self, connection: RemoteConnection) -> None:
        super().__init__("", "")  # type: ignore[no-untyped-call]
        self._connection = connection

    async def get_frozen_credentials(self) -> RemoteKey:
        return await self._connection.key()
