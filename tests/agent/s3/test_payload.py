import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.payload import UNSIGNED, PayloadKind, payload_of
from tests.agent.s3.wires import EMPTY


def test_a_hash_is_a_signed_payload_in_lower_case() -> None:
    payload = payload_of("PUT", EMPTY.upper())
    assert payload == (PayloadKind.SIGNED, EMPTY)
    assert not payload.kind.streaming


def test_an_unsigned_payload_is_no_stream() -> None:
    assert payload_of("GET", "UNSIGNED-PAYLOAD") is UNSIGNED
    assert not UNSIGNED.kind.streaming


@pytest.mark.parametrize(
    ("word", "chunks_signed"),
    [
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", True),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", True),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", False),
    ],
)
def test_streams_are_told_apart(word: str, chunks_signed: bool) -> None:
    kind = payload_of("PUT", word).kind
    assert kind == word
    assert kind.streaming
    assert kind.chunks_signed is chunks_signed


@pytest.mark.parametrize(
    ("method", "word", "code"),
    [
        ("PUT", "", "InvalidArgument"),
        ("PUT", "SIGNED", "InvalidArgument"),
        ("PUT", "unsigned-payload", "InvalidArgument"),
        ("PUT", EMPTY[:-1], "InvalidArgument"),
        ("PUT", EMPTY[:-1] + "g", "InvalidArgument"),
        ("PUT", "STREAMING-UNSIGNED-PAYLOAD", "InvalidArgument"),
        ("PUT", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "InvalidRequest"),
        ("PUT", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", "InvalidRequest"),
        ("GET", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "InvalidRequest"),
        ("POST", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "InvalidRequest"),
    ],
)
def test_every_other_kind_is_refused(method: str, word: str, code: str) -> None:
    with pytest.raises(S3Error) as caught:
        payload_of(method, word)
    assert caught.value.code == code
