"""Payloads: decoded, checked, and stored only when they are what was promised."""

from __future__ import annotations

import base64
import binascii
import hashlib

import pytest

from s3d.agent.frontends.http.body import check_md5, declared_trailers
from s3d.agent.s3.errors import S3Error
from tests.agent.frontends.http.wire import RunningEndpoint

TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
DELETE = b"<Delete><Object><Key>k</Key></Object></Delete>"


def crc32(data: bytes) -> str:
    return base64.b64encode(binascii.crc32(data).to_bytes(4)).decode()


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def framed(data: bytes, trailer: str, size: int = 65536) -> bytes:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return body + f"0\r\nx-amz-checksum-crc32:{trailer}\r\n\r\n".encode()


FRAMING = {
    "content_encoding": "aws-chunked",
    "x_amz_decoded_content_length": "5",
    "x_amz_trailer": "x-amz-checksum-crc32",
}
"""The headers of a framed body of five bytes."""

SMALL_BODIES = [
    pytest.param(hashlib.sha256(b"hello").hexdigest(), b"hello", 200, id="signed"),
    pytest.param(hashlib.sha256(b"other").hexdigest(), b"hello", 400, id="another hash"),
    pytest.param(TRAILER, framed(b"hello", crc32(b"hello")), 200, id="framed"),
    pytest.param(TRAILER, framed(b"hello", crc32(b"other")), 400, id="another trailer"),
    pytest.param(TRAILER, framed(b"hello", crc32(b"hello"))[:-2], 400, id="no last line"),
    pytest.param(TRAILER, framed(b"hell", crc32(b"hell")), 400, id="too few bytes"),
    pytest.param(TRAILER, b"5 hello", 400, id="no frames"),
]


async def put_framed(endpoint: RunningEndpoint, data: bytes, trailer: str, **headers: str) -> int:
    body = framed(data, trailer)
    size = {"content_length": str(len(body)), "x_amz_decoded_content_length": str(len(data))}
    given = FRAMING | size
    head = endpoint.head("PUT", "/bucket/framed", payload=TRAILER, **given | headers)
    async with endpoint.wire() as wire:
        return (await wire.ask(head + body)).status


@pytest.mark.parametrize("size", [0, 1, 70_000, 3 * 1024**2 + 5])
async def test_a_chunked_body_is_stored_without_its_framing(
    endpoint: RunningEndpoint, size: int
) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert await put_framed(endpoint, data, crc32(data)) == 200
    answer = await endpoint.ask("GET", "/bucket/framed", x_amz_checksum_mode="ENABLED")
    assert answer.body == data
    assert answer.headers["x-amz-checksum-crc32"] == crc32(data)
    assert "content-encoding" not in answer.headers


async def test_other_codings_than_aws_chunked_are_kept(endpoint: RunningEndpoint) -> None:
    assert await put_framed(endpoint, b"x", crc32(b"x"), content_encoding="aws-chunked,gzip") == 200
    assert (await endpoint.ask("HEAD", "/bucket/framed")).headers["content-encoding"] == "gzip"


async def test_a_wrong_trailing_checksum_stores_nothing(endpoint: RunningEndpoint) -> None:
    assert await put_framed(endpoint, b"hello", crc32(b"other")) == 400
    assert (await endpoint.ask("HEAD", "/bucket/framed")).status == 404


@pytest.mark.parametrize("size", [5, 2 * 1024**2])
async def test_a_body_unlike_its_signed_hash_leaves_the_old_object(
    endpoint: RunningEndpoint, size: int
) -> None:
    other = hashlib.sha256(b"other").hexdigest()
    data = b"z" * size
    async with endpoint.wire() as wire:
        head = endpoint.head("PUT", "/bucket/k", payload=other, content_length=str(size))
        answer = await wire.ask(head + data)
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert other.encode() in answer.body
    assert (await endpoint.ask("GET", "/bucket/k")).body == b"value"


async def test_a_large_signed_body_is_stored(endpoint: RunningEndpoint) -> None:
    data = bytes(range(256)) * 8192
    assert (await endpoint.ask("PUT", "/bucket/large", data)).status == 200
    assert (await endpoint.ask("GET", "/bucket/large")).body == data


async def test_a_compressed_body_is_stored_byte_for_byte(endpoint: RunningEndpoint) -> None:
    for coding in ("gzip", "deflate", "br", "zstd"):
        await endpoint.ask("PUT", "/bucket/z", b"not compressed at all", content_encoding=coding)
        answer = await endpoint.ask("GET", "/bucket/z")
        assert (answer.body, answer.headers["content-encoding"]) == (
            b"not compressed at all",
            coding,
        )


async def test_a_body_that_breaks_off_leaves_the_old_object(endpoint: RunningEndpoint) -> None:
    async with endpoint.wire() as wire:
        head = endpoint.head("PUT", "/bucket/k", payload="UNSIGNED-PAYLOAD", content_length="1000")
        wire.send(head, b"half")
        wire.writer.write_eof()
        answer = await wire.answer()
        assert (answer.status, answer.code) == (400, "IncompleteBody")
    assert (await endpoint.ask("GET", "/bucket/k")).body == b"value"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "InvalidRequest"),
        ({"content_md5": md5(b"other")}, "BadDigest"),
        ({"content_md5": "garbage"}, "InvalidDigest"),
        ({"x_amz_checksum_crc32": crc32(b"other")}, "BadDigest"),
        ({"x_amz_checksum_crc32": "AAAA"}, "InvalidRequest"),
        ({"content_md5": md5(DELETE), "payload": "0" * 64}, "XAmzContentSHA256Mismatch"),
    ],
)
async def test_a_document_must_be_what_its_digests_say(
    endpoint: RunningEndpoint, headers: dict[str, str], code: str
) -> None:
    async with endpoint.wire() as wire:
        answer = await wire.ask(endpoint.head("POST", "/bucket?delete", DELETE, **headers) + DELETE)
    assert (answer.status, answer.code) == (400, code)
    assert (await endpoint.ask("GET", "/bucket/k")).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_read_has_the_body_that_it_signs(endpoint: RunningEndpoint, method: str) -> None:
    nothing, other = (hashlib.sha256(data).hexdigest() for data in (b"", b"other"))
    for body, payload, status in [
        (b"", nothing, 200),
        (b"", "UNSIGNED-PAYLOAD", 200),
        (b"", other, 400),
        (b"data", nothing, 400),
        (b"data", other, 400),
    ]:
        async with endpoint.wire() as wire:
            head = endpoint.head(method, "/bucket/k", body, payload=payload)
            assert (await wire.ask(head + body, method)).status == status, (body, payload)


@pytest.mark.parametrize(
    "headers", [{"content_md5": md5(DELETE)}, {"x_amz_checksum_crc32": crc32(DELETE)}]
)
async def test_a_document_with_a_right_digest_is_taken(
    endpoint: RunningEndpoint, headers: dict[str, str]
) -> None:
    assert (await endpoint.ask("POST", "/bucket?delete", DELETE, **headers)).status == 200
    assert (await endpoint.ask("GET", "/bucket/k")).status == 404


async def test_a_long_document_in_http_chunks_is_counted(endpoint: RunningEndpoint) -> None:
    head = endpoint.head(
        "PUT",
        "/bucket?tagging",
        payload="UNSIGNED-PAYLOAD",
        content_length="\x00",
        transfer_encoding="chunked",
    )
    async with endpoint.wire() as wire:
        wire.send(head)
        for _ in range(5):
            wire.send(b"100000\r\n", b" " * 0x100000, b"\r\n")
        assert (await wire.answer()).code == "MaxMessageLengthExceeded"


async def test_a_document_in_http_chunks_is_read(endpoint: RunningEndpoint) -> None:
    tags = b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    head = endpoint.head(
        "PUT",
        "/bucket/k?tagging",
        payload="UNSIGNED-PAYLOAD",
        content_length="\x00",
        transfer_encoding="chunked",
    )
    async with endpoint.wire() as wire:
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(tags), tags)
        assert (await wire.ask(head + chunks)).status == 200
    assert b"<Value>b</Value>" in (await endpoint.ask("GET", "/bucket/k?tagging")).body


def test_md5_of_the_right_length_only() -> None:
    check_md5(md5(b"x"), hashlib.md5(b"x").digest())
    with pytest.raises(S3Error, match="InvalidDigest"):
        check_md5(base64.b64encode(b"short").decode(), b"")


def test_trailers_are_announced_in_any_letter_case() -> None:
    assert declared_trailers({"x-amz-trailer": "X-Amz-Checksum-CRC32, b,"}) == [
        "x-amz-checksum-crc32",
        "b",
    ]


@pytest.mark.parametrize("comes_later", [False, True])
@pytest.mark.parametrize(("payload", "sent", "status"), SMALL_BODIES)
async def test_a_small_body_is_judged_alike_with_its_head_and_after_it(
    endpoint: RunningEndpoint, payload: str, sent: bytes, status: int, comes_later: bool
) -> None:
    expectation = {"expect": "100-continue"} if comes_later else {}
    coding = FRAMING if payload == TRAILER else {}
    head = endpoint.head(
        "PUT",
        "/bucket/small",
        payload=payload,
        content_length=str(len(sent)),
        **coding | expectation,
    )
    async with endpoint.wire() as wire:
        if comes_later:
            wire.send(head)
            assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            answer = await wire.ask(sent)
        else:
            answer = await wire.ask(head + sent)
    assert answer.status == status
    stored = await endpoint.ask("GET", "/bucket/small")
    assert stored.body == b"hello" if status == 200 else stored.status == 404
