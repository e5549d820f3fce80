import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from s3d.cli.client import control_client
from s3d.cli.client.control_client import ControlClient
from s3d.cli.client.object_client import ObjectClient
from s3d.shared.control import API_MAJOR
from s3d.shared.errors import (
    DeniedError,
    FullError,
    NotFoundError,
    NotRunningError,
    S3dError,
)
from tests.cli.client.one_answer import OneAnswer


@pytest.fixture
def client(serving) -> ControlClient:
    return serving.client


def test_hello_tells_the_version_and_the_endpoint(client, serving):
    hello = client.hello()
    assert hello.api.major == API_MAJOR
    assert hello.pid == serving.process.pid
    assert hello.endpoint.startswith("http://127.0.0.1:")


def test_status_is_of_the_agent(client, serving):
    status = client.status()
    assert status.socket == str(serving.places.socket)
    assert status.auth == "sigv4"
    assert status.warnings == []
    assert Path(status.store.path).is_dir()
    assert status.store.free > 0


@pytest.mark.parametrize("name", ["agent.sock", "no/agent.sock", "file/agent.sock"])
def test_no_agent_says_how_to_start_one(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotRunningError) as caught:
        ControlClient(tmp_path / name).status()
    assert (caught.value.exit_code, caught.value.remedy) == (5, "start it with: s3d start")


def test_a_socket_without_an_agent_says_the_same(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "agent.sock"))
    with pytest.raises(NotRunningError):
        ControlClient(tmp_path / "agent.sock").hello()


def answer_of(folder: Path, reply: bytes, call: Callable[[ControlClient], object]) -> object:
    """Call a server that gives this reply, whatever it is asked."""
    with OneAnswer(folder / "s", reply):
        return call(ControlClient(folder / "s", timeout=20))


def reply(status: str, body: str, *headers: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return f"{head}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        ("404 x", "NoSuchKey", NotFoundError),
        ("404 x", "NoSuchVersion", NotFoundError),
        ("403 x", "AccessDenied", DeniedError),
        ("403 x", "SomethingNew", DeniedError),
        ("503 x", "SlowDown", FullError),
        ("409 x", "BucketNotEmpty", S3dError),
    ],
)
def test_a_problem_becomes_the_error_for_people(tmp_path, status, code, error):
    body = f'{{"code":"{code}","title":"T","detail":"D","hint":"H","new_field":1}}'
    with pytest.raises(error) as caught:
        answer_of(tmp_path, reply(status, body), ControlClient.hello)
    assert type(caught.value) is error
    assert (caught.value.title, caught.value.detail, caught.value.remedy) == ("T", "D", "H")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        reply("500 x", "no json"),
        reply("500 x", "cut off")[:-3],
        reply("200 OK", '{"agent":1}'),
    ],
)
def test_an_agent_out_of_its_mind_is_a_plain_error(tmp_path, answer):
    with pytest.raises(S3dError):
        answer_of(tmp_path, answer, ControlClient.hello)


def test_an_agent_that_hangs_is_a_plain_error(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(S3dError, match="does not answer"):
            ControlClient(tmp_path / "s", timeout=0.05).hello()


def test_a_download_that_breaks_off_is_an_error(tmp_path):
    info = '{"bucket":"b","key":"k","size":10,"etag":"e","last_modified":0}'
    cut = reply("200 OK", "0123456789", f"S3d-Object: {info}")[:-4]
    (_, download) = answer_of(tmp_path, cut, lambda client: ObjectClient(client).get("b", "k"))
    with download, pytest.raises(S3dError, match="4 bytes are missing") as hung_up:
        download.read()
    assert "s3d check" in hung_up.value.remedy


HEAVY = "import sys; import s3d.cli.client.control_client; print(*sys.modules)"


def test_the_client_imports_nothing_heavy():
    out = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)
    modules = set(out.stdout.split())
    assert not modules & {"asyncio", "aiohttp", "botocore", "textual", "sqlite3"}


def test_the_event_stream_begins_with_hello_and_ends_at_its_deadline(client, monkeypatch):
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(control_client, "time", clock)
    events = client.events("store", deadline=20.0)
    assert next(events).kind == "hello"
    clock.now = 19.95
    assert list(events) == []


def test_a_check_is_read_to_its_last_page(serving, client):
    pages = list(client.check(repair=False))
    assert pages[-1].cursor == ""
    assert all(page.cursor for page in pages[:-1])
    assert [damage for page in pages for damage in page.damage] == []


def test_without_an_agent_there_is_no_check(tmp_path):
    with pytest.raises(NotRunningError):
        next(ControlClient(tmp_path / "agent.sock").check(repair=False))
