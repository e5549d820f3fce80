"""The places that events are sent to: webhooks and SQS-compatible queues, over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from s3d.agent.s3.event_message import Event, message_of
from s3d.agent.storage.event_rows import EventRow
from s3d.agent.stores.notifications.delivery import NotDelivered
from s3d.shared.config.notification_settings import NotificationTargetConfig

TIMEOUT = 10.0
"""Seconds for the whole request."""
_SHOWN = 200
"""Characters of a refusal that the status shows."""
_VERSION = "2012-11-05"
"""Of the API of SQS."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to a target, ready to be sent."""

    url: str
    headers: dict[str, str]
    body: bytes


class HttpTarget:
    """Sends each event in one POST request."""

    def __init__(
        self,
        config: NotificationTargetConfig,
        session: Callable[[], aiohttp.ClientSession],
    ) -> None:
        self.name = config.name
        self._config = config
        self._session = session

    async def send(self, row: EventRow) -> None:
        """Any status of 2xx confirms the event; redirects are not followed."""
        body = message_of(row.event, row.id)
        if self._config.type == "sqs":
            request = sqs_request(self._config, row.event, body)
        else:
            request = webhook_request(self._config, row, body)
        try:
            async with self._session().post(
                request.url,
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            ) as response:
                text = await response.content.read(64 << 10)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or f"no response within {TIMEOUT:.0f} seconds"
            raise NotDelivered(reason, is_unreachable=True) from error
        if not 200 <= response.status < 300:
            raise NotDelivered(f"HTTP {response.status}: {_shown(text)}".rstrip(": "))
        if self._config.type == "sqs":
            check_digest(body, text)


def webhook_request(config: NotificationTargetConfig, row: EventRow, body: bytes) -> HttpRequest:
    """The message as the body. With a secret, the receiver can verify the signature: an HMAC, as
    GitHub's X-Hub-Signature-256."""
    headers = {
        "content-type": "application/json",
        "user-agent": "s3d",
        "x-s3d-event": row.event.name,
        "x-s3d-delivery": str(row.id),
    }
    if config.secret is not None:
        digest = hmac.new(config.secret.reveal().encode(), body, hashlib.sha256).hexdigest()
        headers["x-s3d-signature-256"] = f"sha256={digest}"
    if config.token is not None:
        headers["authorization"] = f"Bearer {config.token.reveal()}"
    return HttpRequest(config.url, headers, body)


def sqs_request(config: NotificationTargetConfig, event: Event, body: bytes) -> HttpRequest:
    """SendMessage in the query protocol, which all servers understand, signed with SigV4.

    The messages of a FIFO queue are grouped by key, so that their order is kept.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    from urllib.parse import urlencode

    from botocore.auth import SigV4Auth  # both are needed for a queue only
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    members = {
        "Action": "SendMessage",
        "Version": _VERSION,
        "QueueUrl": config.url,
        "MessageBody": body.decode(),
    }
    if config.url.endswith(".fifo"):
        name = f"{event.bucket}/{event.key}".encode()
        members["MessageGroupId"] = hashlib.sha256(name).hexdigest()
        members["MessageDeduplicationId"] = hashlib.sha256(body).hexdigest()
    form = urlencode(members).encode()
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest("POST", config.url, headers, form)  # type: ignore[no-untyped-call]
    if config.access_key_id and config.secret_access_key is not None:
        secret = config.secret_access_key.reveal()
        credentials = Credentials(config.access_key_id, secret)  # type: ignore[no-untyped-call]
        signer = SigV4Auth(credentials, "sqs", config.region)  # type: ignore[no-untyped-call]
        signer.add_auth(request)  # type: ignore[no-untyped-call]
    return HttpRequest(config.url, dict(request.headers.items()), form)


def check_digest(body: bytes, response: bytes) -> None:
    """Raise NotDelivered unless the response of SendMessage has the MD5 of the message."""
    expected = hashlib.md5(body, usedforsecurity=False).hexdigest()
    match = re.search(rb"<MD5OfMessageBody>\s*([0-9a-f]{32})", response)
    if match is None or match[1].decode() != expected:
        raise NotDelivered(f"the response does not confirm the message: {_shown(response)}")


def _shown(text: bytes) -> str:
    """The beginning of a response, in one line."""
    return " ".join(text[:_SHOWN].decode(errors="replace").split())
