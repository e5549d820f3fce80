"""Checks before the agent serves: each failure is reported with what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib.util
import logging
import os
import socket
import ssl
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from s3d.agent.core.backoff import Backoff
from s3d.agent.core.client import S3Client
from s3d.agent.frontends.http.s3_server import S3Server
from s3d.agent.s3.errors import S3Error
from s3d.agent.storage.index_writer import IndexUnreadable
from s3d.shared.access_key import AccessKey
from s3d.shared.config.schema import Config
from s3d.shared.config.validators import is_loopback
from s3d.shared.credentials import is_exposed
from s3d.shared.errors import FullError, S3dError, UsageError
from s3d.shared.paths import Places, find_places

if TYPE_CHECKING:
    from s3d.agent.stores.remote.addressing import Addressing
    from s3d.agent.stores.remote.http_transport import Settings

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0
"""Seconds between two attempts to create a bucket at a remote that is unreachable."""
START_WAIT = 5.0
"""Seconds for which a start waits for the buckets that it makes at a remote."""

_WRITABLE = "make the folder writable, or set S3D_LOCAL_DIR to a folder of your own"
_SPACE = "free some space, or set S3D_LOCAL_DIR to a folder on another disk"
_START_ERRORS: dict[int, tuple[type[S3dError], str]] = {
    errno.EACCES: (S3dError, _WRITABLE),
    errno.EPERM: (S3dError, _WRITABLE),
    errno.EROFS: (S3dError, _WRITABLE),
    errno.ENOTDIR: (S3dError, _WRITABLE),
    errno.EEXIST: (S3dError, _WRITABLE),
    errno.ENOSPC: (FullError, _SPACE),
    errno.EDQUOT: (FullError, _SPACE),
    errno.EMFILE: (S3dError, "raise the limit of open files: ulimit -n 4096"),
}


def check_exposure(config: Config) -> None:
    """Raise UsageError when the network could use the endpoint without a key."""
    if config.auth == "none" and not is_loopback(config.host):
        raise UsageError(
            f"refusing to serve {config.endpoint} without authentication",
            "S3D_AUTH=none is for loopback addresses only",
            "set S3D_AUTH=sigv4, or S3D_ENDPOINT=http://127.0.0.1:33333",
        )


def check_remote(config: Config, keys: Sequence[AccessKey], env: Mapping[str, str]) -> None:
    """Raise UsageError when the remote's credentials are a key that s3d made for its clients."""
    ours = {key.access_key_id for key in keys} - {config.access_key_id}
    if config.remote and env.get("AWS_ACCESS_KEY_ID") in ours:
        raise UsageError(
            "refusing to sign for the remote with the local key",
            "AWS_ACCESS_KEY_ID is the local key that s3d env sets",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to the remote's, or unset them",
        )


def check_loop(config: Config, port: int) -> None:
    """Raise UsageError when the remote is the agent itself, which listens on this port."""
    if not config.remote or not port:
        return
    from s3d.agent.stores.remote.addressing import same_address

    if same_address(config.remote, [(host, port) for host in (config.host, *config.hosts)]):
        raise UsageError(
            f"the remote {config.remote} is this agent's own endpoint",
            f"set by {config.origin.get('remote', 'S3D_REMOTE')}",
            "set S3D_REMOTE to another S3 endpoint, or leave it empty to use the embedded store",
        )


def check_stdin(stdin: int | None) -> None:
    """Raises UsageError for one whose end the event loop cannot wait for, such as a file."""
    mode = 0 if stdin is None else os.fstat(stdin).st_mode
    if stdin is not None and not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        raise UsageError(
            "--stop-at-eof needs a pipe",
            "standard input is no pipe",
            "start the agent with a pipe as its standard input, or leave --stop-at-eof out",
        )


def check_policy(config: Config) -> None:
    """Raise UsageError when the policy file or folder does not exist.

    Without a remote nothing is evaluated by it, but a mistyped path would go unnoticed until then.
    """
    if config.opa_policy is not None and not config.opa_policy.exists():
        raise UsageError(
            "the policy cannot be read",
            f"{config.opa_policy}: No such file or directory",
            "set S3D_OPA_POLICY to a .rego file, or unset it",
        )


async def create_buckets(objects: S3Client, names: tuple[str, ...]) -> None:
    """Create the buckets that are missing. Raises UsageError for a name that S3 does not allow."""
    there = {bucket.name for bucket in await objects.buckets()} if names else set()
    for name in names:
        if name in there:
            continue
        try:
            await objects.create_bucket(name)
        except S3Error as error:
            if error.code == "SlowDown":
                raise FullError(f"cannot create bucket {name}", error.message, _SPACE) from error
            raise UsageError(
                f"cannot create bucket {name}", error.message, "see S3D_BUCKETS and --bucket"
            ) from error


async def try_remote_buckets(objects: S3Client, names: tuple[str, ...]) -> None:
    """Create missing buckets at a remote that answers soon, so that the first request finds them.
    create_remote_buckets() goes on with the others."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_WAIT):
            for name in names:
                await _create_if_missing(objects, name)


async def create_remote_buckets(objects: S3Client, names: tuple[str, ...]) -> None:
    """Create missing buckets at a remote, as soon as it can be reached; a refusal is logged."""
    backoff = Backoff(1.0, LONGEST_PAUSE)
    for name in names:
        while (error := await _create_if_missing(objects, name)) is not None:
            if error.status < 500:
                logger.warning("cannot create bucket %s: %s", name, error.message)
                break
            await asyncio.sleep(backoff.advance())


async def _create_if_missing(objects: S3Client, name: str) -> S3Error | None:
    """Create a bucket; return the error if that failed."""
    try:
        try:
            await objects.page(name, limit=1)
        except S3Error as error:
            if error.code != "NoSuchBucket":
                return error
            await objects.create_bucket(name)
    except S3Error as error:
        return error
    return None


@contextlib.contextmanager
def temporary_places(config: Config) -> Iterator[Places]:
    """All folders inside a temporary one, which is removed at the end of the run."""
    with tempfile.TemporaryDirectory(prefix="s3d-", ignore_cleanup_errors=True) as folder:
        yield find_places(msgspec.structs.replace(config, local_dir=Path(folder)), {})


@contextlib.contextmanager
def start_errors() -> Iterator[None]:
    """Translate the system's errors into S3dErrors with a remedy."""
    try:
        yield
    except OSError as error:
        kind, remedy = _START_ERRORS.get(error.errno or 0, (S3dError, "see the agent's log"))
        where = f"{error.filename}: " if error.filename else ""
        raise kind("the agent cannot start", f"{where}{error.strerror or error}", remedy) from error
    except IndexUnreadable as error:
        remedy = "s3d check --repair recovers the readable part"
        raise S3dError("the agent cannot start", error.message, remedy) from error


async def listen(endpoint: S3Server, config: Config, listener: socket.socket | None = None) -> str:
    """Bind the endpoint; its URL. Raises S3dError when the address cannot be bound, UsageError
    when it is the remote's. listener: a socket that listens already, in place of the address."""
    with bind_errors(config.endpoint, "S3D_ENDPOINT"):
        host, port = await endpoint.start(config.host, config.port, listener)
    check_loop(config, port)
    return endpoint_url(host, port)


@contextlib.contextmanager
def bind_errors(address: str, setting: str) -> Iterator[None]:
    """Translate why an address cannot be listened on. setting: the variable that has set it."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = "another program is listening on this port"
            remedy = f"stop that program, or set {setting} to another port (0: any free port)"
        else:
            why = error.strerror or str(error)
            remedy = f"set {setting} to an address of this machine and a port above 1023"
        raise S3dError(f"cannot listen on {address}", why, remedy) from error


def endpoint_url(host: str, port: int) -> str:
    """The endpoint's URL for programs of this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def exposure_warnings(config: Config) -> list[str]:
    found = []
    if config.auth == "none":
        found.append("no authentication: every user and program on this machine has full access")
    if not is_loopback(config.host):
        found.append(f"{config.endpoint} can be reached from the network, without encryption")
    if is_exposed(config):
        found.append(f"{config.admin} can be reached from the network, without encryption")
    return found


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, if it is installed."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def ca_bundle(remote: str) -> str:
    """The certificates to trust, as every AWS program finds them. Raises UsageError.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
    """
    path = os.environ.get("AWS_CA_BUNDLE", "")
    if not path or remote.startswith("http://"):
        return ""
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise UsageError(
            "cannot read the trusted certificates",
            f"AWS_CA_BUNDLE={path}: {error.strerror or error}",
            "set AWS_CA_BUNDLE to a file of certificates in PEM, or unset it",
        ) from error
    return path


def remote_settings(config: Config, spool: Path) -> Settings:
    """How to reach the remote. spool: see Settings.

    Raises UsageError for certificates that cannot be used.
    """
    from s3d.agent.stores.remote import http_transport  # large, and not used without a remote
    from s3d.agent.stores.remote.traffic_limit import TrafficLimit

    traffic = TrafficLimit(config.bandwidth_timetable)
    traffic.set_classes(config.bandwidth)
    return http_transport.Settings(
        config.remote,
        cast("Addressing", config.remote_addressing),
        ca_bundle=ca_bundle(config.remote),
        traffic=traffic,
        spool=spool,
    )
