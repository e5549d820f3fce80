"""The line of each request at level debug, and the access log, from raw requests."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import AsyncIterator

import pytest

from s3d.agent.stores.local.store import LocalStore
from s3d.shared.access_key import DEFAULT_OWNER, owner_named
from tests.agent.frontends.http.wire import ABSENT, RunningEndpoint, opened, plain_head

FIELD = re.compile(r'"[^"]*"|\[[^\]]*\]|\S+')
OPERATION, KEY, LINE, STATUS, CODE, SENT, SIZE, TOTAL, TURN = range(6, 15)


class Logged:
    """An endpoint, and the records of its access log."""

    def __init__(self, endpoint: RunningEndpoint, lines: list[bytes]) -> None:
        self.endpoint = endpoint
        self._lines = lines

    def take(self) -> list[list[str]]:
        """The fields of the records since the last call."""
        taken = [FIELD.findall(line.decode()) for line in self._lines]
        self._lines.clear()
        assert all(len(fields) == 27 for fields in taken)
        return taken


@pytest.fixture
async def logged(store: LocalStore) -> AsyncIterator[Logged]:
    """With a bucket named `bucket`, in which `k` is b"value"."""
    lines: list[bytes] = []
    async with opened(store, access_log=lines.append) as endpoint:
        await endpoint.ask("PUT", "/bucket")
        await endpoint.ask("PUT", "/bucket/k", b"value")
        lines.clear()
        yield Logged(endpoint, lines)


async def test_a_read(logged: Logged) -> None:
    answer = await logged.endpoint.ask(
        "GET", "/bucket/k?x-user=me", user_agent='curl/8 "quoted"', referer="http://x/"
    )
    ((owner, bucket, at, ip, requester, request_id, *rest),) = logged.take()
    assert (owner, bucket, ip) == ("-", "bucket", "127.0.0.1")
    assert requester == owner_named(DEFAULT_OWNER).canonical_id
    assert re.fullmatch(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]", at)
    assert request_id == answer.headers["x-amz-request-id"]
    assert rest[:7] == [
        "REST.GET.OBJECT", "k", '"GET /bucket/k?x-user=me HTTP/1.1"', "200", "-", "5", "5",
    ]  # fmt: skip
    total, turn_around = map(int, rest[7:9])
    assert 0 <= turn_around <= total < 10_000
    assert rest[9:12] == ['"http://x/"', r'"curl/8 \x22quoted\x22"', "-"]
    host = logged.endpoint.host
    assert rest[12:] == ["s3d", "SigV4", "-", "AuthHeader", host, "-", "-", "-", "-"]


async def test_a_range_has_the_size_of_the_whole_object(logged: Logged) -> None:
    await logged.endpoint.ask("GET", "/bucket/k", range="bytes=1-2")
    (record,) = logged.take()
    assert record[STATUS : SIZE + 1] == ["206", "-", "2", "5"]


async def test_a_head_sends_no_bytes(logged: Logged) -> None:
    await logged.endpoint.ask("HEAD", "/bucket/k")
    (record,) = logged.take()
    assert record[OPERATION] == "REST.HEAD.OBJECT"
    assert record[STATUS : SIZE + 1] == ["200", "-", "-", "5"]


@pytest.mark.parametrize("size", [5, 300_000])
async def test_a_write_of_any_size(logged: Logged, size: int) -> None:
    await logged.endpoint.ask("PUT", "/bucket/a%20b", b"x" * size, expect="100-continue")
    (record,) = logged.take()
    assert record[OPERATION : LINE + 1] == [
        "REST.PUT.OBJECT", "a%2520b", '"PUT /bucket/a%20b HTTP/1.1"',
    ]  # fmt: skip
    assert record[STATUS : SIZE + 1] == ["200", "-", "-", str(size)]


async def test_a_write_has_the_size_of_the_object(logged: Logged) -> None:
    """A header that means nothing beside a body without chunks does not change it."""
    await logged.endpoint.ask("PUT", "/bucket/k", b"hello", x_amz_decoded_content_length="7")
    framed = b"5\r\nhello\r\n0\r\n\r\n"
    head = logged.endpoint.head(
        "PUT", "/bucket/k", framed, "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        x_amz_decoded_content_length="5",
    )  # fmt: skip
    async with logged.endpoint.wire() as wire:
        assert (await wire.ask(head + framed)).status == 200
    assert [record[SIZE] for record in logged.take()] == ["5", "5"]


async def test_a_large_object_that_sendfile_sends(logged: Logged) -> None:
    await logged.endpoint.ask("PUT", "/bucket/large", b"x" * 300_000)
    logged.take()
    async with logged.endpoint.wire() as wire:
        answer = await wire.ask(logged.endpoint.request("GET", "/bucket/large"))
        assert len(answer.body) == 300_000
        await wire.ask(logged.endpoint.request("GET", "/"))  # the first one is over by then
    record, _ = logged.take()
    assert record[SENT : SIZE + 1] == ["300000", "300000"]


async def test_an_error_has_its_code(logged: Logged) -> None:
    answer = await logged.endpoint.ask("GET", "/bucket/none")
    (record,) = logged.take()
    assert record[STATUS : SIZE + 1] == ["404", "NoSuchKey", str(len(answer.body)), "-"]


async def test_a_request_that_is_refused_has_no_requester(logged: Logged) -> None:
    await logged.endpoint.ask("GET", "/bucket/k", authorization=ABSENT)
    async with logged.endpoint.wire() as wire:
        await wire.ask(plain_head("GET", "/bucket/k?tagging", {"host": logged.endpoint.host}))
    _, record = logged.take()
    assert record[4] == "-"
    assert record[OPERATION] == "REST.GET.OBJECT_TAGGING"
    assert record[STATUS : CODE + 1] == ["403", "AccessDenied"]
    assert record[19:22] == ["-", "-", "-"]


async def test_a_copy_has_a_record_of_its_source(logged: Logged) -> None:
    await logged.endpoint.ask("PUT", "/bucket/copy", x_amz_copy_source="/bucket/k")
    source, copy = logged.take()
    assert source[OPERATION : STATUS + 1] == ["REST.COPY.OBJECT_GET", "k", "-", "200"]
    assert source[TOTAL:18] == ["-", "-", "-", "-", "-"]
    assert copy[OPERATION : KEY + 1] == ["REST.COPY.OBJECT", "copy"]


async def test_each_key_of_a_deletion_has_a_record(logged: Logged) -> None:
    document = b"<Delete><Object><Key>k</Key></Object><Object><Key>a b</Key></Object></Delete>"
    digest = base64.b64encode(hashlib.md5(document).digest()).decode()
    answer = await logged.endpoint.ask("POST", "/bucket?delete", document, content_md5=digest)
    assert answer.status == 200
    first, second, main = logged.take()
    assert first[OPERATION : STATUS + 1] == ["BATCH.DELETE.OBJECT", "k", "-", "204"]
    assert second[KEY] == "a%20b"
    assert main[OPERATION : KEY + 1] == ["REST.POST.MULTI_OBJECT_DELETE", "-"]
    assert first[5] == second[5] == main[5]


async def test_a_preflight(logged: Logged) -> None:
    asked = {"origin": "http://x", "access-control-request-method": "PUT"}
    head = plain_head("OPTIONS", "/bucket/k", {"host": logged.endpoint.host, **asked})
    async with logged.endpoint.wire() as wire:
        await wire.ask(head)
    (record,) = logged.take()
    assert record[OPERATION] == "REST.OPTIONS.PREFLIGHT"


async def test_what_is_no_request_breaks_no_record(logged: Logged) -> None:
    async with logged.endpoint.wire() as wire:
        wire.send(b"GARBAGE \x00\xff\r\n\r\n")
        await wire.answer()
    (record,) = logged.take()
    assert record[LINE : STATUS + 1] == ["-", "400"]


async def test_a_line_at_debug_carries_the_request(
    store: LocalStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "s3d.access"):
        async with opened(store) as endpoint:
            await endpoint.ask("PUT", "/bucket")
            answer = await endpoint.ask("GET", "/bucket/none")
    record = caplog.records[-1]
    assert (record.name, record.levelname) == ("s3d.access", "DEBUG")
    assert "method=GET status=404 code=NoSuchKey" in record.message
    assert record.fields == {
        "request_id": answer.headers["x-amz-request-id"],
        "operation": "GetObject",
        "bucket": "bucket",
        "key": "none",
    }


async def test_above_debug_nothing_is_kept_of_a_request(endpoint: RunningEndpoint) -> None:
    """The default costs nothing: the classes that keep records are not in use."""
    handler = endpoint.server.handler
    assert type(handler).__name__ == "RequestHandler"
    assert handler.exchange_class.__name__ == "Exchange"
