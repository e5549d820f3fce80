from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ParamValidationError,
    ReadTimeoutError,
    SSLError,
)

from s3d.agent.core.failures import Reason
from s3d.agent.stores.remote.boto_client import (
    ERRORS,
    VerifyingSession,
    error_answer,
    unreachable_by,
)
from tests.peers.tls import certificate, connect_proxy, serving

URL = {"endpoint_url": "http://h"}
KEY = aiohttp.client_reqrep.ConnectionKey("h", 1, False, True, None, None, None)


@pytest.mark.parametrize(
    ("error", "reason", "sent"),
    [
        (EndpointConnectionError(**URL, error=aiohttp.ClientConnectorError(KEY, OSError())),
         Reason.CONNECT, False),
        (EndpointConnectionError(**URL, error=aiohttp.ClientOSError(104, "reset")),
         Reason.LOST, True),
        (ConnectTimeoutError(**URL, error=aiohttp.ConnectionTimeoutError()),
         Reason.CONNECT, False),
        (SSLError(**URL, error=aiohttp.ClientConnectorSSLError(KEY, OSError())),
         Reason.TLS, False),
        (ReadTimeoutError(**URL, error=aiohttp.SocketTimeoutError()), Reason.TIMEOUT, True),
        (TimeoutError(), Reason.TIMEOUT, True),
        (ConnectionClosedError(**URL, error=aiohttp.ServerDisconnectedError()),
         Reason.LOST, True),
        (HTTPClientError(error="x"), Reason.LOST, True),
        (aiohttp.ClientPayloadError("cut off"), Reason.LOST, True),
    ],
)  # fmt: skip
def test_why_there_was_no_answer(error: Exception, reason: Reason, sent: bool) -> None:
    cause = unreachable_by(error)
    assert cause is not None
    assert (cause.reason, cause.sent) == (reason, sent)
    assert isinstance(error, ERRORS)


def test_an_error_answer_is_an_answer() -> None:
    answer = {"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
    error = ClientError(answer, "GetObject")
    assert error_answer(error) == answer
    assert unreachable_by(error) is None


def test_bad_members_are_neither() -> None:
    error = ParamValidationError(report="x")
    assert error_answer(error) is None
    assert unreachable_by(error) is None
    assert isinstance(error, ERRORS)


# -------------------------------------------------------------- certificates


async def buckets(folder: Path, name: str, session: type, *, behind_proxy: bool) -> Any:
    """ListBuckets at a server on localhost whose certificate is trusted and has this name."""
    file = certificate(folder, name)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    async with AsyncExitStack() as closing:
        port = await closing.enter_async_context(serving(tls=tls))
        proxies = None
        if behind_proxy:
            proxy = await closing.enter_async_context(connect_proxy())
            proxies = {"https": f"http://127.0.0.1:{proxy}"}
        client: Any = await closing.enter_async_context(
            AioSession().create_client(
                "s3",
                region_name="us-east-1",
                endpoint_url=f"https://localhost:{port}",
                aws_access_key_id="a",
                aws_secret_access_key="b",
                verify=str(file),
                config=AioConfig(
                    http_session_cls=session, proxies=proxies, retries={"total_max_attempts": 1}
                ),
            )
        )
        async with asyncio.timeout(30):
            return (await client.list_buckets())["Buckets"]


@pytest.mark.parametrize("behind_proxy", [False, True])
async def test_a_certificate_has_to_be_of_the_name(tmp_path: Path, *, behind_proxy: bool) -> None:
    own = VerifyingSession
    assert await buckets(tmp_path, "localhost", own, behind_proxy=behind_proxy) == []
    with pytest.raises(SSLError) as caught:
        await buckets(tmp_path, "other.example.org", own, behind_proxy=behind_proxy)
    assert "certificate is not valid for 'localhost'" in str(caught.value)


async def test_the_session_of_the_library_verifies_no_name(tmp_path: Path) -> None:
    """When this fails, the library has been mended, and ours can go."""
    session = AIOHTTPSession
    assert await buckets(tmp_path, "other.example.org", session, behind_proxy=False) == []
