"""Requests to a queue of SQS, in its JSON protocol, over HTTP.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec

WAIT = 20
"""Seconds of a long poll: the longest that SQS allows."""
READ_TIMEOUT = WAIT + 15.0
"""Seconds for the answer to one: longer than the poll, or each empty poll would fail."""
TIMEOUT = 15.0
"""Seconds of other requests."""
MAX_MESSAGES = 10
"""Messages of one request."""
VISIBILITY = 120
"""Seconds for which a received message is hidden: until then its objects must have been looked at,
or it comes again."""
_MAX_RESPONSE = 16 << 20
_SHOWN = 200

_DENIED = frozenset(
    ("AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "UnrecognizedClientException",
     "SignatureDoesNotMatch", "InvalidSecurity", "InvalidAccessKeyId", "KMS.AccessDeniedException")
)  # fmt: skip


class SigningKey(Protocol):
    """Credentials, with the names of botocore."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


class QueueFailed(Exception):
    """A request to the queue has failed. str(): why."""


class QueueRefused(QueueFailed):
    """The queue refuses the request, and will refuse it again. str(): its code and message."""


class ReceivedMessage(NamedTuple):
    """A message, and what deletes it."""

    body: str
    receipt: str


class SqsClient:
    """One queue. The caller closes it."""

    def __init__(
        self,
        url: str,
        *,
        key: Callable[[], Awaitable[SigningKey]],
        region: Callable[[], Awaitable[str]],
        endpoint: str = "",
    ) -> None:
        """url: of the queue. endpoint: of its service; "": that of the URL."""
        self.url = url
        parts = urlsplit(endpoint or url)
        self._endpoint = f"{parts.scheme}://{parts.netloc}/"
        self._key, self._region = key, region
        self._session: aiohttp.ClientSession | None = None

    async def receive(self) -> list[ReceivedMessage]:
        """Up to MAX_MESSAGES messages; an empty list after WAIT seconds. Raises QueueFailed."""
        answer = await self._call(
            "ReceiveMessage",
            {
                "MaxNumberOfMessages": MAX_MESSAGES,
                "WaitTimeSeconds": WAIT,
                "VisibilityTimeout": VISIBILITY,
            },
            READ_TIMEOUT,
        )
        rows = answer.get("Messages") or []
        if not isinstance(rows, list):
            raise QueueFailed("the answer of the queue has no list of messages")
        return [
            ReceivedMessage(str(row.get("Body", "")), str(row["ReceiptHandle"]))
            for row in rows
            if isinstance(row, dict) and row.get("ReceiptHandle")
        ]

    async def delete(self, receipts: Sequence[str]) -> None:
        """Delete up to MAX_MESSAGES messages. One that stays comes again. Raises QueueFailed."""
        entries = [{"Id": str(at), "ReceiptHandle": each} for at, each in enumerate(receipts)]
        await self._call("DeleteMessageBatch", {"Entries": entries}, TIMEOUT)

    async def close(self) -> None:
        """A further request opens it again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _call(self, action: str, members: dict[str, Any], timeout: float) -> dict[str, Any]:
        body = msgspec.json.encode({"QueueUrl": self.url, **members})
        headers = await self._signed(action, body)
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with self._session.post(
                self._endpoint,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout, connect=TIMEOUT),
            ) as response:
                text = await response.content.read(_MAX_RESPONSE)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise QueueFailed(str(error) or f"no answer within {timeout:.0f} s") from error
        return _answer(status, text)

    async def _signed(self, action: str, body: bytes) -> dict[str, str]:
        """The headers of a request, with its signature."""
        key, region = await self._key(), await self._region()
        return await asyncio.to_thread(sign, self._endpoint, action, body, key, region)


def sign(endpoint: str, action: str, body: bytes, key: SigningKey, region: str) -> dict[str, str]:
    """The headers of a request to SQS, with its signature. Blocks: it imports botocore."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{action}"}
    request = AWSRequest("POST", endpoint, headers, body)  # type: ignore[no-untyped-call]
    credentials = Credentials(key.access_key, key.secret_key, key.token)  # type: ignore[no-untyped-call]
    SigV4Auth(credentials, "sqs", region).add_auth(request)  # type: ignore[no-untyped-call]
    return dict(request.headers.items())


def _answer(status: int, text: bytes) -> dict[str, Any]:
    """The members of an answer. Raises QueueFailed."""
    try:
        document = msgspec.json.decode(text) if text else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        document = None
    if status == 200 and isinstance(document, dict):
        return document
    members = document if isinstance(document, dict) else {}
    code = str(members.get("__type", "")).rpartition("#")[2] or f"HTTP {status}"
    message = str(members.get("message") or members.get("Message") or "")
    if not members:
        message = " ".join(text[:_SHOWN].decode(errors="replace").split())
    why = f"{code}: {message[:_SHOWN]}".rstrip(": ")
    is_refused = status == 403 or code in _DENIED or "NonExistentQueue" in code
    is_refused = is_refused or "QueueDoesNotExist" in code
    raise QueueRefused(why) if is_refused else QueueFailed(why)
