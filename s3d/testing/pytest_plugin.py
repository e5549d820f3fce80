"""The pytest plugin of s3d: the fixtures `s3d_server` and `s3d_bucket`.

Nothing but the fixtures: no option, no marker, no event-loop policy, no warning filter. The server
is a child process, one for each worker of pytest-xdist, which starts with the first test that asks
for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from s3d.testing.server import S3dServer


@pytest.fixture(scope="session")
def s3d_session_server() -> Iterator[S3dServer]:
    """The server of this process, for fixtures of a wider scope than one test. It is not reset."""
    from s3d.testing.server import S3dServer

    with S3dServer() as server:
        yield server


@pytest.fixture
def s3d_server(s3d_session_server: S3dServer, monkeypatch: pytest.MonkeyPatch) -> S3dServer:
    """An empty S3 server. While the test runs, AWS_* in the environment lead every AWS SDK to it.

    It has no buckets, no faults, no recorded requests, and the machine's clock.
    """
    s3d_session_server.reset()
    for name, value in s3d_session_server.environment().items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return s3d_session_server


@pytest.fixture
def s3d_bucket(s3d_server: S3dServer) -> str:
    """The name of an empty bucket of the server."""
    return s3d_server.create_bucket()
