import os
import socket
import stat
import tempfile
from pathlib import Path
from urllib.parse import quote

import aiohttp
import msgspec
import pytest
import yarl

from s3d.agent.frontends.control.control_call import Route, answer
from s3d.agent.frontends.control.control_server import ControlServer, bind, check_folder, peer_uid
from s3d.shared.control import Problem, Tags
from s3d.shared.errors import AlreadyRunningError, UsageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "agent.sock"


def mode(path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def test_the_socket_and_its_folder_are_only_ours(path):
    before = os.umask(0)
    try:
        with bind(path):
            assert mode(path) == 0o600
            assert mode(path.parent) == 0o700
            assert os.umask(0) == 0
    finally:
        os.umask(before)


def test_a_stale_socket_is_replaced(path):
    bind(path).close()
    with bind(path):
        assert stat.S_ISSOCK(os.lstat(path).st_mode)


def test_a_socket_on_which_somebody_answers_is_left_alone(path):
    with bind(path) as first:
        first.listen()
        with pytest.raises(AlreadyRunningError):
            bind(path)
        assert path.exists()


def test_a_file_in_the_sockets_place_is_left_alone(path):
    path.parent.mkdir(mode=0o700)
    path.write_text("data")
    with pytest.raises(UsageError, match="not a socket"):
        bind(path)
    assert path.read_text() == "data"


def test_a_path_that_is_too_long_is_told_with_its_limit(tmp_path):
    with pytest.raises(UsageError, match="has more than") as caught:
        bind(tmp_path / ("x" * 100) / "agent.sock")
    assert "S3D_SOCKET" in caught.value.remedy


def test_a_symlink_in_place_of_the_folder_is_refused(tmp_path, path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="symbolic link"):
        bind(path)


def test_a_folder_that_others_can_write_is_refused_with_the_command_that_mends_it(path):
    path.parent.mkdir()
    path.parent.chmod(0o770)
    with pytest.raises(UsageError) as caught:
        bind(path)
    assert caught.value.remedy == f"chmod 700 {path.parent}"


def test_a_folder_of_somebody_else_is_refused(path, monkeypatch):
    path.parent.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(UsageError, match="another user"):
        check_folder(path.parent)


def test_a_file_in_place_of_the_folder_is_an_error_of_the_system(path):
    path.parent.write_text("")
    with pytest.raises(OSError, match="exists"):
        check_folder(path.parent)


async def hello(call):
    return answer(Tags({"hello": call.query.get("word", "")}))


async def named(call):
    return answer(Tags({"name": call.segment("name")}))


async def fail(call):
    raise RuntimeError("a secret detail")


ROUTES = [
    Route("GET", "/v1/hello", hello, frozenset({"word"})),
    Route("GET", "/v1/fail", fail),
    Route("GET", "/v1/named/{name}/plan", named),
    Route("POST", "/v1/named/{name}:pause", named),
]


async def ask(path, method, target, *, uids=(), headers=None):
    server = ControlServer(ROUTES, uids=uids, grace=0.1)
    await server.start(path)
    try:
        async with (
            aiohttp.ClientSession("http://s3d", connector=aiohttp.UnixConnector(str(path))) as http,
            http.request(method, target, headers=headers) as response,
        ):
            return response, await response.read()
    finally:
        await server.stop()


async def problem(path, *asked, **options) -> tuple[int, str]:
    response, body = await ask(path, *asked, **options)
    assert response.content_type == "application/problem+json"
    return response.status, msgspec.json.decode(body, type=Problem).code


async def test_a_declared_route_answers(path):
    response, body = await ask(path, "GET", "/v1/hello?word=a%20b%2Bc")
    assert (response.status, response.content_type) == (200, "application/json")
    assert body == b'{"tags":{"hello":"a b+c"}}'


@pytest.mark.parametrize("name", ["{a}", "a{b", "}", "a b", "ä", "%"])
@pytest.mark.parametrize("place", ["GET {}/plan", "POST {}:pause"])
async def test_a_name_in_a_path_may_have_any_character(path, name, place):
    method, _, rest = place.format(quote(name, safe="")).partition(" ")
    response, body = await ask(path, method, yarl.URL(f"/v1/named/{rest}", encoded=True))
    assert response.status == 200
    assert msgspec.json.decode(body, type=Tags).tags == {"name": name}


async def test_the_socket_is_gone_after_the_stop(path):
    await ask(path, "GET", "/v1/hello")
    assert not path.exists()


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "NoSuchRoute"),
        ("GET", "/", 404, "NoSuchRoute"),
        ("HEAD", "/v1/hello", 405, "MethodNotAllowed"),
        ("POST", "/v1/hello", 405, "MethodNotAllowed"),
        ("GET", "/v1/hello?remote=http://evil", 400, "InvalidArgument"),
        ("GET", "/v1/hello?word=a&word=b", 400, "InvalidArgument"),
        ("GET", "/v1/hello?word=%FF", 400, "InvalidArgument"),
    ],
)
async def test_what_is_not_declared_is_refused(path, method, target, status, code):
    target = yarl.URL(target, encoded=True)
    if method == "HEAD":
        response, _ = await ask(path, method, target)
        assert response.status == status
    else:
        assert await problem(path, method, target) == (status, code)


async def test_another_user_is_refused(path):
    assert await problem(path, "GET", "/v1/hello", uids={os.getuid() + 1}) == (403, "AccessDenied")


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
async def test_a_web_page_is_refused(path, header):
    """One could come through a port forwarded to the socket."""
    asked = await problem(path, "GET", "/v1/hello", headers={header: "https://example.org"})
    assert asked == (403, "AccessDenied")


async def test_a_bug_is_a_500_that_tells_nothing(path, caplog):
    response, body = await ask(path, "GET", "/v1/fail")
    assert response.status == 500
    assert b"secret" not in body
    assert b"InternalError" in body
    assert response.headers["S3d-Request-Id"] in caplog.text


async def test_a_server_that_never_started_stops(path):
    await ControlServer(ROUTES).stop()


@pytest.mark.finding("S15")
@pytest.mark.parametrize("path", ["/v1/hello", "/nowhere"])
async def test_answers_do_not_name_versions_of_libraries(http, path):
    async with http.get(path) as response:
        assert response.headers["Server"] == "s3d"


NOBODY = 65534


def test_the_peer_of_a_pair_is_this_user():
    one, other = socket.socketpair()
    with one, other:
        assert peer_uid(one) == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_the_peer_is_whoever_connected():
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX) as client,
    ):
        path = Path(folder) / "socket"
        listener.bind(str(path))
        listener.listen()
        path.chmod(0o666)
        path.parent.chmod(0o755)
        os.seteuid(NOBODY)
        try:
            client.connect(str(path))
        finally:
            os.seteuid(0)
        connection, _ = listener.accept()
        with connection:
            assert peer_uid(connection) == NOBODY
