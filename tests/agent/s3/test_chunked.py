import hashlib
import hmac
from collections.abc import Iterable
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.s3 import sigv4
from s3d.agent.s3.chunked import HELD_CHUNK, MAX_LINE, MIN_CHUNK, Decoder
from s3d.agent.s3.errors import S3Error
from tests.agent.s3.wires import EMPTY, NOW, secret_of, signed, wire

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
KINDS = [SIGNED, SIGNED_TRAILER, UNSIGNED]
CRC = "x-amz-checksum-crc32"
CHUNKS = [b"a" * 8192, b"b" * 10000, b"c" * 100]
WHOLE = b"".join(CHUNKS)


def verified(kind: str) -> sigv4.Verified:
    return sigv4.verify(signed("PUT", payload=kind), secret_of, NOW)


class Encoder:
    """The coding put on: a reference, chunk by chunk, so that tests can spoil any of it."""

    def __init__(self, who: sigv4.Verified) -> None:
        self.seed = who.seed
        self.previous = who.seed.signature if who.seed else ""

    def _sign(self, what: str, rest: str) -> str:
        assert self.seed
        text = f"{what}\n{self.seed.date}\n{self.seed.scope}\n{self.previous}\n{rest}"
        self.previous = hmac.digest(self.seed.key, text.encode(), "sha256").hex()
        return self.previous

    def chunk(self, data: bytes) -> bytes:
        line = b"%x" % len(data)
        if self.seed:
            rest = f"{EMPTY}\n{hashlib.sha256(data).hexdigest()}"
            line += f";chunk-signature={self._sign('AWS4-HMAC-SHA256-PAYLOAD', rest)}".encode()
        return line + b"\r\n" + (data + b"\r\n" if data else b"")

    def trailers(self, trailers: Iterable[tuple[str, str]], eol: str = "\r\n") -> bytes:
        trailers = list(trailers)
        text = "".join(f"{name}:{value}{eol}" for name, value in trailers)
        if self.seed:
            lines = "".join(f"{name}:{value}\n" for name, value in trailers)
            digest = hashlib.sha256(lines.encode()).hexdigest()
            text += "" if eol == "\r\n" else "\r\n"
            text += f"x-amz-trailer-signature:{self._sign('AWS4-HMAC-SHA256-TRAILER', digest)}\r\n"
        return text.encode()


def encoded(who: sigv4.Verified, chunks: Iterable[bytes] = CHUNKS, eol: str = "\r\n") -> bytes:
    """A whole body; with the trailer CRC where the kind has one."""
    encoder = Encoder(who)
    body = b"".join(encoder.chunk(chunk) for chunk in [*chunks, b""])
    if who.payload.kind != SIGNED:
        body += encoder.trailers([(CRC, "AAAAAA==")], eol)
    return body + b"\r\n"


def decoder(kind: str, length: int | None = len(WHOLE)) -> Decoder:
    return Decoder(verified(kind), length, [] if kind == SIGNED else [CRC])


def decode(codec: Decoder, body: bytes, step: int = 1 << 20) -> bytes:
    whole = b"".join([codec.feed(body[at : at + step]) for at in range(0, len(body), step)])
    codec.finish()
    return whole


def refused(codec: Decoder, body: bytes, step: int = 1 << 20) -> S3Error:
    with pytest.raises(S3Error) as caught:
        decode(codec, body, step)
    return caught.value


@pytest.mark.parametrize("step", [1, 7, 8192, 1 << 20])
@pytest.mark.parametrize("kind", KINDS)
def test_a_body_is_decoded_whatever_the_pieces(kind: str, step: int) -> None:
    codec = decoder(kind)
    assert decode(codec, encoded(verified(kind)), step) == WHOLE
    assert codec.trailers == ({} if kind == SIGNED else {CRC: "AAAAAA=="})


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(MIN_CHUNK, 3 * MIN_CHUNK), max_size=4),
    st.integers(0, 100),
    st.integers(1, 20000),
    st.booleans(),
)
def test_decoding_undoes_encoding(
    kind: str, sizes: list[int], last: int, step: int, length_known: bool
) -> None:
    random = Random(last)
    chunks = [random.randbytes(size) for size in [*sizes, last] if size]
    whole = b"".join(chunks)
    codec = decoder(kind, len(whole) if length_known else None)
    assert decode(codec, encoded(verified(kind), chunks), step) == whole


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_body_is_one_last_chunk(kind: str) -> None:
    assert decode(decoder(kind, 0), encoded(verified(kind), [])) == b""


def test_a_trailer_as_minio_go_and_the_examples_of_aws_write_it() -> None:
    codec = decoder(SIGNED_TRAILER)
    assert decode(codec, encoded(verified(SIGNED_TRAILER), eol="\n")) == WHOLE
    assert codec.trailers == {CRC: "AAAAAA=="}


def test_a_trailer_may_have_capitals_and_spaces() -> None:
    body = b"0\r\nX-Amz-Checksum-CRC32:  AAAAAA== \r\n\r\n"
    codec = Decoder(verified(UNSIGNED), 0, ["X-Amz-Checksum-CRC32 "])
    assert decode(codec, body) == b""
    assert codec.trailers == {CRC: "AAAAAA=="}


def test_a_stream_may_have_no_trailer() -> None:
    assert decode(Decoder(verified(UNSIGNED), 0, []), b"0\r\n\r\n") == b""


def test_bytes_of_an_unsigned_chunk_are_handed_on_without_a_copy() -> None:
    codec = decoder(UNSIGNED, None)
    codec.feed(b"10000\r\n")
    piece = bytes(4096)
    assert codec.feed(piece) is piece


def test_no_byte_of_a_held_chunk_leaves_before_its_signature_is_verified() -> None:
    codec = decoder(SIGNED)
    body = encoded(verified(SIGNED))
    head = body.index(b"\r\n") + 2
    assert codec.feed(body[: head + 8191]) == b""
    assert codec.feed(body[head + 8191 : head + 8192]) == CHUNKS[0]


def test_a_large_signed_chunk_streams_and_is_judged_at_its_end() -> None:
    data = bytes(HELD_CHUNK + 1)
    body = encoded(verified(SIGNED), [data])
    head = body.index(b"\r\n") + 2
    codec = decoder(SIGNED, len(data))
    assert codec.feed(body[: head + 5]) == data[:5]
    assert codec.feed(body[head + 5 :]) == data[5:]
    codec.finish()
    forged = body[:head] + b"X" + body[head + 1 :]
    assert refused(decoder(SIGNED, len(data)), forged, 65536).code == "SignatureDoesNotMatch"


def test_without_authentication_signatures_are_read_and_not_checked() -> None:
    headers = [("x-amz-content-sha256", SIGNED_TRAILER)]
    who = sigv4.unauthenticated(wire("PUT", "/b/k", headers))
    body = encoded(verified(SIGNED_TRAILER))
    assert decode(Decoder(who, len(WHOLE), [CRC]), body) == WHOLE


# ------------------------------------------------------------------ what is refused


def test_only_chunked_payloads_have_a_decoder() -> None:
    with pytest.raises(ValueError, match="not aws-chunked"):
        decoder("UNSIGNED-PAYLOAD")


def test_only_checksums_may_be_trailers() -> None:
    with pytest.raises(S3Error, match="InvalidRequest"):
        Decoder(verified(UNSIGNED), 0, ["x-amz-meta-evil"])


def _swap(body: bytes) -> bytes:
    first = body.index(b"\r\n") + 2 + 8192 + 2
    second = body.index(b"\r\n", first) + 2 + 10000 + 2
    return body[first:second] + body[:first] + body[second:]


def _resigned(body: bytes, at: int) -> bytes:
    """The body with a zero signature in its at-th place."""
    parts = body.split(b"chunk-signature=")
    parts[at] = b"0" * 64 + parts[at][64:]
    return b"chunk-signature=".join(parts)


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        (lambda body: body.replace(b"aaa", b"Xaa", 1), "SignatureDoesNotMatch"),
        (_swap, "SignatureDoesNotMatch"),
        (lambda body: _resigned(body, 1), "SignatureDoesNotMatch"),
        (lambda body: _resigned(body, 4), "SignatureDoesNotMatch"),
        (lambda body: b"2000\r\n" + body.partition(b"\r\n")[2], "SignatureDoesNotMatch"),
        (lambda body: body[body.index(b"\r\n") + 2 + 8194 :], "SignatureDoesNotMatch"),
        (lambda body: body[: body.index(b"\r\n0;")], "IncompleteBody"),
        (lambda body: body[: body.index(b"\r\n0;") + 2], "IncompleteBody"),
        (lambda body: body[:-2], "IncompleteBody"),
        (lambda body: body[:-2] + b"x\r\n", "InvalidRequest"),
        (lambda body: body + b"x", "InvalidRequest"),
        (lambda body: body.upper(), "InvalidRequest"),
        (lambda body: body.replace(b"c\r\n0;", b"cc\r\n0;"), "InvalidRequest"),
        (lambda body: body.replace(b"c\r\n0;", b"\r\n0;"), "SignatureDoesNotMatch"),
    ],
)
def test_a_spoilt_chain_of_signatures_is_refused(spoilt, code: str) -> None:
    body = spoilt(encoded(verified(SIGNED)))
    for step in (1, 1 << 20):
        assert refused(decoder(SIGNED), body, step).code == code


@pytest.mark.parametrize(
    "line", [b"zz", b"-5", b"+5", b"0x5", b" 5", b"5 ", b"", b"5;a=b", b"5;", b"1" * 17, b"5\r"]
)
def test_a_chunk_must_begin_with_its_size_in_hex(line: bytes) -> None:
    assert refused(decoder(UNSIGNED), line + b"\r\nhello\r\n").code == "InvalidRequest"


def test_a_bare_line_feed_ends_no_size() -> None:
    assert refused(decoder(UNSIGNED), b"5\nhello\n").code == "InvalidRequest"


@pytest.mark.parametrize("step", [1, 100, 1 << 20])
def test_a_line_has_a_limit(step: int) -> None:
    assert decoder(UNSIGNED).feed(b"0" * MAX_LINE) == b""
    error = refused(decoder(UNSIGNED), b"0" * (MAX_LINE + 1), step)
    assert "longer than" in error.message


@pytest.mark.parametrize("delta", [-1, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_the_decoded_length_must_be_exact(kind: str, delta: int) -> None:
    body = encoded(verified(kind))
    assert refused(decoder(kind, len(WHOLE) + delta), body).code == "IncompleteBody"


def test_a_huge_chunk_is_refused_by_its_size() -> None:
    huge = b"ffffffffffffffff\r\n"
    assert refused(decoder(UNSIGNED), huge).code == "IncompleteBody"
    assert refused(decoder(UNSIGNED, None), huge).code == "EntityTooLarge"


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_last_chunk_may_be_small(kind: str) -> None:
    body = encoded(verified(kind), [b"a" * 8191, b"b"])
    assert refused(decoder(kind, 8192), body).code == "InvalidChunkSizeError"


@pytest.mark.parametrize(
    ("kind", "trailers"),
    [
        (UNSIGNED, b""),
        (UNSIGNED, b"x-amz-checksum-sha256:AAAA\r\n"),
        (UNSIGNED, b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-checksum-crc32:AAAAAA==\r\n"),
        (UNSIGNED, b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:00\r\n"),
        (UNSIGNED, b"x-amz-checksum-crc32\r\n"),
        (UNSIGNED, b"x-amz-checksum-crc32:\r\n"),
        (UNSIGNED, b"x-amz-checksum-crc32:a b\r\n"),
        (UNSIGNED, b"\xff:x\r\n"),
        (SIGNED_TRAILER, b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n"),
    ],
)
def test_trailers_are_those_declared_and_no_others(kind: str, trailers: bytes) -> None:
    body = Encoder(verified(kind)).chunk(b"") + trailers + b"\r\n"
    assert refused(decoder(kind, 0), body).code == "MalformedTrailerError"


def test_a_declared_trailer_of_a_kind_without_trailers_is_missing() -> None:
    codec = Decoder(verified(SIGNED), len(WHOLE), [CRC])
    assert refused(codec, encoded(verified(SIGNED))).code == "MalformedTrailerError"


def test_the_signature_of_the_trailers_must_be_right_and_there() -> None:
    body = encoded(verified(SIGNED_TRAILER))
    head, mark, signature = body.partition(b"x-amz-trailer-signature:")
    zero = head + mark + b"0" * 64 + signature[64:]
    assert refused(decoder(SIGNED_TRAILER), zero).code == "SignatureDoesNotMatch"
    other = body.replace(b"AAAAAA==", b"BBBBBB==")
    assert refused(decoder(SIGNED_TRAILER), other).code == "SignatureDoesNotMatch"
    assert refused(decoder(SIGNED_TRAILER), head + b"\r\n").code == "IncompleteBody"


@pytest.mark.parametrize("kind", [SIGNED, SIGNED_TRAILER])
def test_no_single_flipped_bit_of_a_signed_body_is_accepted(kind: str) -> None:
    random = Random(1)
    chunks = [b"a" * 8192, b"b"]
    body = encoded(verified(kind), chunks)
    framing = [at for at in range(len(body)) if body[at] not in b"ab" or at < 100]
    for number in range(1500):
        at = random.choice(framing) if number % 2 else random.randrange(len(body))
        forged = bytearray(body)
        forged[at] ^= 1 << random.randrange(8)
        try:
            decoded = decode(decoder(kind, 8193), bytes(forged), 4096)
        except S3Error:
            continue
        # a name of a trailer in capitals, a tab for a space: nothing that was signed
        assert decoded == b"".join(chunks)
        assert bytes(forged).lower().replace(b"\r", b"\n") == body.lower().replace(b"\r", b"\n")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(KINDS), st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_decoded_or_answered_with_an_s3_error(
    kind: str, data: bytes, step: int
) -> None:
    prefixes = [b"", b"5\r\n", b"0\r\n", Encoder(verified(kind)).chunk(b"")]
    for prefix in prefixes:
        with suppress(S3Error):
            decode(decoder(kind, None), prefix + data, step)
