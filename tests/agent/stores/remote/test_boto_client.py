from __future__ import annotations

import aiohttp
import pytest
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
from s3d.agent.stores.remote.boto_client import ERRORS, error_answer, unreachable_by

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
