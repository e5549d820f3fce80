"""webhook: who may send events, and what becomes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from s3d.agent.frontends.admin.admin_access import AdminAccess
from s3d.agent.frontends.admin.admin_server import AdminServer
from s3d.agent.frontends.admin.webhook import MAX_BODY, PATH, Webhook
from s3d.shared.config.values import Secret
from tests.agent.frontends.admin.conftest import Wire, answer_of, metrics

TOKEN = "0123456789-of-the-webhook"


class Sent:
    """An address with a webhook, and the messages that it has taken."""

    def __init__(self, wire: Wire, webhook: Webhook) -> None:
        self.wire, self.webhook = wire, webhook
        self.messages: list[bytes] = []
        webhook.deliver = self.deliver

    def deliver(self, body: bytes) -> None:
        if body == b"nonsense":
            raise ValueError("it is no JSON")
        self.messages.append(body)

    async def post(self, body: bytes, token: str = TOKEN, host: str = "any.example") -> int:
        head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {token}\r\n" if token else ""
        return answer_of(await self.wire.raw(head.encode() + b"\r\n" + body)).status


@pytest.fixture
async def sent() -> AsyncIterator[Sent]:
    webhook = Webhook(Secret(TOKEN))
    server = AdminServer(AdminAccess(), metrics, webhook)
    wire = Wire(await server.start("127.0.0.1", 0))
    yield Sent(wire, webhook)
    await server.stop()


async def test_a_message_with_the_token_is_taken_under_any_host_name(sent):
    assert await sent.post(b'{"Records": []}') == 200
    assert sent.messages == [b'{"Records": []}']


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1]])
async def test_without_it_nothing_is_taken_also_on_loopback(sent, token):
    assert await sent.post(b"{}", token) == 401
    assert sent.messages == []


async def test_its_token_opens_nothing_else(sent):
    """Here /metrics needs no token, and so it takes any."""
    assert (await sent.wire("/metrics", token=TOKEN)).status == 200
    server = AdminServer(AdminAccess(token=Secret("m" * 20)), metrics, sent.webhook)
    wire = Wire(await server.start("127.0.0.1", 0))
    assert (await wire("/metrics", token=TOKEN)).status == 401
    assert (await wire("/metrics", token="m" * 20)).status == 200
    await server.stop()


async def test_an_empty_message_only_shows_that_the_address_answers(sent):
    assert await sent.post(b"") == 200
    assert sent.messages == []


async def test_what_is_not_understood_is_refused(sent):
    assert await sent.post(b"nonsense") == 400


async def test_a_message_may_be_large_but_not_too_large(sent):
    assert await sent.post(b"x" * (MAX_BODY - 1)) == 200
    assert await sent.post(b"x" * (MAX_BODY + 1)) == 413


async def test_without_a_session_the_sender_tries_again(sent):
    sent.webhook.deliver = None
    assert await sent.post(b"{}") == 503


async def test_it_takes_no_other_method(sent):
    assert (await sent.wire(PATH, token=TOKEN)).status == 405


async def test_without_a_token_in_the_settings_there_is_no_webhook():
    server = AdminServer(AdminAccess(), metrics)
    wire = Wire(await server.start("127.0.0.1", 0))
    assert (await wire(PATH)).status == 404
    await server.stop()
