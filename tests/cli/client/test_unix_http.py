import io
import socket

import pytest

from s3d.cli.client.unix_http import NotHTTP, exchange
from tests.cli.client.one_answer import OneAnswer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def ask(path, answer, request=("GET", "/x"), headers=(), body=None):
    with (
        OneAnswer(path / "s", answer) as peer,
        exchange(path / "s", request, dict(headers), body, timeout=10) as got,
    ):
        return got.status, got.headers, got.read(), peer


def test_an_answer_has_status_headers_and_body(tmp_path):
    status, headers, body, peer = ask(tmp_path, OK, headers={"A": "b"})
    assert (status, headers, body) == (200, {"content-length": "2"}, b"ok")
    assert peer.sent == (b"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nA: b\r\n\r\n")


def test_a_body_is_sent_with_its_length(tmp_path):
    sent = ask(tmp_path, OK, ("PUT", "/x"), body=b"data")[3].sent
    assert sent.endswith(b"Content-Length: 4\r\n\r\ndata")


def test_no_body_of_a_put_is_said(tmp_path):
    assert b"Content-Length: 0\r\n" in ask(tmp_path, OK, ("PUT", "/x"))[3].sent


def test_blocks_of_a_known_length_are_sent_as_they_are(tmp_path):
    sent = ask(tmp_path, OK, ("PUT", "/x"), {"Content-Length": "3"}, [b"a", b"bc"])[3].sent
    assert sent.endswith(b"\r\n\r\nabc")


def test_blocks_of_an_unknown_length_are_chunks(tmp_path):
    blocks = [b"a" * 17, b"", b"b"]
    sent = ask(tmp_path, OK, ("PUT", "/x"), body=blocks)[3].sent
    assert sent.endswith(b"11\r\n" + b"a" * 17 + b"\r\n1\r\nb\r\n0\r\n\r\n")


def test_an_answer_that_only_announces_is_passed_over(tmp_path):
    assert ask(tmp_path, b"HTTP/1.1 100 Continue\r\n\r\n" + OK)[0] == 200


def test_an_answer_in_chunks_is_read_to_its_last_chunk(tmp_path):
    chunks = b"3\r\nabc\r\n11;ext=1\r\n" + b"d" * 17 + b"\r\n0\r\nTrailer: x\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert ask(tmp_path, head + chunks)[2] == b"abc" + b"d" * 17


def test_an_answer_without_a_length_ends_with_the_connection(tmp_path):
    assert ask(tmp_path, b"HTTP/1.1 200 OK\r\n\r\nall of it")[2] == b"all of it"


def test_no_content_is_no_content(tmp_path):
    assert ask(tmp_path, b"HTTP/1.1 204 No Content\r\n\r\nmore")[2] == b""


def test_what_follows_the_body_is_not_read(tmp_path):
    assert ask(tmp_path, OK + b"HTTP/1.1 500 ")[2] == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshort"[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na",
    ],
)
def test_what_is_no_whole_answer_is_an_error(tmp_path, answer):
    with pytest.raises(NotHTTP):
        ask(tmp_path, answer)


def test_who_refuses_a_body_is_heard_all_the_same(tmp_path):
    def body():
        for _ in range(100):
            yield b"x" * 100_000

    with (
        OneAnswer(tmp_path / "s", OK, reads=False),
        exchange(tmp_path / "s", ("PUT", "/x"), {}, body(), timeout=10) as got,
    ):
        assert got.status == 200


def test_a_header_cannot_smuggle_another(tmp_path):
    with pytest.raises(ValueError, match="line break"):
        exchange(tmp_path / "none", ("GET", "/"), {"A": "b\r\nC: d"}, timeout=1)


def test_silence_is_not_waited_for_without_end(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(TimeoutError):
            exchange(tmp_path / "s", ("GET", "/"), {}, timeout=0.05)


def test_nobody_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "none", ("GET", "/"), {}, timeout=1)


def test_large_bodies_come_in_pieces(tmp_path):
    data = bytes(range(256)) * 4096
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data)
    with (
        OneAnswer(tmp_path / "s", head + data),
        exchange(tmp_path / "s", ("GET", "/"), {}, timeout=10) as got,
    ):
        assert b"".join(iter(lambda: got.read(65536), b"")) == data
        assert got.left == 0


def test_closing_early_is_possible(tmp_path):
    with OneAnswer(tmp_path / "s", OK):
        got = exchange(tmp_path / "s", ("GET", "/"), {}, timeout=10)
        got.close()
        assert got.closed
        assert isinstance(got, io.RawIOBase)


@pytest.mark.parametrize("length", [b"zz", b"-1", b"", b"1_0"])
def test_a_length_that_is_none_is_no_answer(tmp_path, length):
    with pytest.raises(NotHTTP, match="length"):
        ask(tmp_path, OK.replace(b": 2", b": " + length))
