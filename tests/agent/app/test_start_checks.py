import errno
import socket
import stat

import msgspec
import pytest

from s3d.agent.app import start_checks
from s3d.agent.app.start_checks import (
    check_exposure,
    check_policy,
    create_buckets,
    endpoint_url,
    exposure_warnings,
    listen,
    loop_factory,
    start_errors,
    temporary_places,
)
from s3d.agent.s3.errors import S3Error
from s3d.shared.config.schema import Config
from s3d.shared.control import BucketInfo
from s3d.shared.errors import FullError, S3dError, UsageError

OPEN = Config(endpoint="http://0.0.0.0:9000", auth="none")


def test_the_network_needs_authentication():
    with pytest.raises(UsageError) as caught:
        check_exposure(OPEN)
    assert caught.value.exit_code == 2
    check_exposure(msgspec.structs.replace(OPEN, auth="sigv4"))
    check_exposure(msgspec.structs.replace(OPEN, endpoint="http://[::1]:9000"))


def test_a_policy_that_does_not_exist_is_refused_without_a_remote_too(tmp_path):
    with pytest.raises(UsageError, match="policy cannot be read") as caught:
        check_policy(Config(opa_policy=tmp_path / "missing.rego"))
    assert str(tmp_path / "missing.rego") in caught.value.detail
    check_policy(Config(opa_policy=tmp_path))


def test_what_is_exposed_is_told():
    assert exposure_warnings(Config()) == []
    assert len(exposure_warnings(OPEN)) == 2
    assert exposure_warnings(Config(admin="http://127.0.0.1:33334")) == []
    (warning,) = exposure_warnings(Config(admin="http://0.0.0.0:33334"))
    assert warning.startswith("http://0.0.0.0:33334 can be reached from the network")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9"),
        ("localhost", "http://localhost:9"),
        ("::1", "http://[::1]:9"),
        ("0.0.0.0", "http://127.0.0.1:9"),
        ("::", "http://[::1]:9"),
    ],
)
def test_the_url_is_one_that_works_on_this_machine(host, url):
    assert endpoint_url(host, 9) == url


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, FullError),
        (errno.EDQUOT, FullError),
        (errno.EACCES, S3dError),
        (errno.EROFS, S3dError),
        (errno.EIO, S3dError),
    ],
)
def test_an_error_of_the_system_says_where_and_what_to_do(number, kind):
    with pytest.raises(S3dError) as caught, start_errors():
        raise OSError(number, "why", "/the/file")
    assert type(caught.value) is kind
    assert caught.value.detail == "/the/file: why"
    assert caught.value.remedy


def test_other_errors_pass():
    with pytest.raises(UsageError, match="as it was"), start_errors():
        raise UsageError("as it was")


class Buckets:
    """Some buckets, and what creating another one says."""

    def __init__(self, *names: str, error: str = "") -> None:
        self.names = list(names)
        self._error = error

    async def buckets(self) -> list[BucketInfo]:
        return [BucketInfo(name, 0.0) for name in self.names]

    async def create_bucket(self, name: str) -> None:
        if self._error:
            raise S3Error(self._error)
        self.names.append(name)


async def test_only_missing_buckets_are_made():
    there = Buckets("one")
    await create_buckets(there, ("one", "two"))
    assert there.names == ["one", "two"]


@pytest.mark.parametrize(
    ("code", "kind"), [("InvalidBucketName", UsageError), ("SlowDown", FullError)]
)
async def test_a_bucket_that_cannot_be_made_ends_the_start(code, kind):
    with pytest.raises(kind, match="xn--bad"):
        await create_buckets(Buckets(error=code), ("xn--bad",))


def test_a_temporary_home_is_private_and_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(start_checks.tempfile, "tempdir", str(tmp_path))
    with temporary_places(Config(ephemeral=True)) as places:
        home = places.data_dir.parent
        assert home.parent == tmp_path
        assert places.socket.is_relative_to(home)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        places.data_dir.mkdir()
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_home_leaves_a_given_socket_where_it_is(tmp_path):
    wanted = tmp_path / "s.sock"
    with temporary_places(Config(ephemeral=True, socket=wanted)) as places:
        assert places.socket == wanted


class Endpoint:
    """Fails to bind, or binds port 7."""

    def __init__(self, error: OSError | None = None) -> None:
        self._error = error

    async def start(self, host: str, port: int, listener: object) -> tuple[str, int]:
        if self._error is not None:
            raise self._error
        return host, port or 7


async def test_the_endpoint_tells_its_real_port():
    assert await listen(Endpoint(), Config(endpoint="http://127.0.0.1:0")) == "http://127.0.0.1:7"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "another program is listening on this port"),
        (OSError(errno.EADDRNOTAVAIL, "not ours"), "not ours"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
    ],
)
async def test_an_address_that_cannot_be_had_is_told(error, words):
    with pytest.raises(S3dError, match=words) as caught:
        await listen(Endpoint(error), Config())
    assert "33333" in caught.value.title
    assert "S3D_ENDPOINT" in caught.value.remedy


def test_the_loop_is_made():
    factory = loop_factory()
    assert factory is not None
    factory().close()
