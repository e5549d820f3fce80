"""The pytest plugin of s3d: the fixtures `s3d_server` and `s3d_bucket`.

Nothing but the fixtures: no option, no marker, no event-loop policy, no warning filter. The server
is a child process, one for each worker of pytest-xdist, which starts with the first test that asks
for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from s3d.testing.server import S3dServer

_ELSEWHERE = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
"""Variables that would lead an SDK to other credentials, or to AWS itself."""


@pytest.fixture(scope="session")
def s3d_session_server() -> Iterator[S3dServer]:
    """The server of this process, for fixtures of a wider scope than one test. It is not reset."""
    from s3d.testing.server import S3dServer

    with S3dServer() as server:
        yield server


@pytest.fixture
def s3d_server(
    s3d_session_server: S3dServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[S3dServer]:
    """An empty S3 server. While the test runs, AWS_* in the environment lead every AWS SDK to it.

    It has no buckets, no faults, no recorded requests, and the machine's clock.
    """
    s3d_session_server.reset()
    for name, value in s3d_session_server.environment().items():
        monkeypatch.setenv(name, value)
    for name in _ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    _go_past_proxies(monkeypatch)
    with _default_session(monkeypatch):
        yield s3d_session_server


@contextmanager
def _default_session(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let boto3 make another default session, during the test and afterwards: it remembers the
    credentials of the first client."""
    boto3: Any = sys.modules.get("boto3")
    if boto3 is not None:
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield
        return
    yield
    boto3 = sys.modules.get("boto3")
    if boto3 is not None:
        boto3.DEFAULT_SESSION = None


def _go_past_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no request for the server go to the proxy of the machine: the SDKs except no host."""
    if not {"http_proxy", "all_proxy"}.isdisjoint(map(str.lower, os.environ)):
        excepted = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, f"{excepted},127.0.0.1" if excepted else "127.0.0.1")


@pytest.fixture
def s3d_bucket(s3d_server: S3dServer) -> str:
    """The name of an empty bucket of the server."""
    return s3d_server.create_bucket()
