"""One run of the process of the mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.agent.frontends.fuse.process.conftest import World


async def test_it_has_neither_the_settings_nor_the_credentials_of_the_agent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("S3D_REMOTE", "http://user:secret@127.0.0.1")
    monkeypatch.setenv("S3D_FAILPOINT", "mount.never:kill")
    await world.process.start()
    names = Path(f"/proc/{world.process.pid}/environ").read_bytes().split(b"\0")
    assert not any(b"secret" in each for each in names)
    assert b"S3D_FAILPOINT=mount.never:kill" in names
    assert any(each.startswith(b"PATH=") for each in names)
