from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from s3d.agent.app import remote_diagnosis
from s3d.agent.app.remote_diagnosis import diagnose_remote
from s3d.shared.config.schema import Config
from s3d.shared.findings import Finding, Level
from tests.peers.servers import Peer
from tests.peers.tls import certificate, serving


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somekey")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "somesecret")


async def diagnose(url: str, profile: str = "") -> list[Finding]:
    config = Config(remote=url, remote_profile=profile)
    return await asyncio.to_thread(diagnose_remote, config)


def texts(findings: list[Finding], level: Level) -> str:
    return "; ".join(f"{each.text} -> {each.remedy}" for each in findings if each.level is level)


async def test_a_remote_that_answers_is_ok(
    seaweedfs: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret_key)
    found = await diagnose(seaweedfs.endpoint)
    assert [(each.check, each.level) for each in found] == [
        ("remote", Level.OK),
        ("clock", Level.OK),
    ]


async def test_a_wrong_secret_is_named(seaweedfs: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.access_key)
    failed = texts(await diagnose(seaweedfs.endpoint), Level.FAIL)
    assert "the secret access key is wrong" in failed
    assert "set the access key" in failed


async def test_a_key_that_the_remote_does_not_know_is_named(seaweedfs: Peer) -> None:
    assert "does not know the access key id" in texts(
        await diagnose(seaweedfs.endpoint), Level.FAIL
    )


async def test_an_unknown_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = texts(await diagnose("http://127.0.0.1:9", profile="nobody"), Level.FAIL)
    assert "nobody" in failed
    assert "S3D_REMOTE_PROFILE" in failed


async def test_a_remote_that_refuses_connections_is_named() -> None:
    failed = texts(await diagnose("http://127.0.0.1:9"), Level.FAIL)
    assert "connection refused" in failed
    assert "check host and port" in failed


async def test_a_name_without_an_address_is_named() -> None:
    failed = texts(await diagnose("http://no-such-host.invalid"), Level.FAIL)
    assert "check the name" in failed


async def test_a_black_hole_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_diagnosis, "TIME_LIMIT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        failed = texts(await diagnose(f"http://127.0.0.1:{silent.getsockname()[1]}"), Level.FAIL)
    assert "did not answer within" in failed
    assert "drops or ignores packets" in failed


async def test_a_clock_that_is_wrong_is_named() -> None:
    async with serving(timedelta(hours=1)) as port:
        found = await diagnose(f"http://127.0.0.1:{port}")
    warned = texts(found, Level.WARN)
    assert "behind that of the remote" in warned
    assert "set-ntp" in warned


async def test_a_certificate_of_another_name_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate(tmp_path, "s3.example.org"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    async with serving(timedelta(0), tls) as port:
        failed = texts(await diagnose(f"https://localhost:{port}"), Level.FAIL)
    assert "localhost" in failed
    assert "use the name that its certificate has" in failed


async def test_a_proxy_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the host of the remote would seem to be what cannot be reached."""
    monkeypatch.setenv("http_proxy", "http://me:secret@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    (found,) = await diagnose("http://behind-a-proxy.example.org")
    assert found.level is Level.FAIL
    assert found.text.endswith(", through the proxy http://***@127.0.0.1:9")
    assert "NO_PROXY" in found.remedy


async def test_it_needs_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container with a read-only root has none."""
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    (found,) = await diagnose("http://127.0.0.1:9")
    assert "connection refused" in found.text
