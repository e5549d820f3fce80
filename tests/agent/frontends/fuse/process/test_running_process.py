"""One run of the process of the mounts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from s3d.agent.frontends.fuse.process import running_process
from s3d.shared.errors import S3dError
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


async def test_it_does_not_keep_the_standard_error_of_the_agent_open(
    world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads what `s3d start` writes, as `s3d start | cat`, waits for its end."""
    monkeypatch.setattr(running_process, "MODULE", "no_such_module")
    with pytest.raises(S3dError, match="cannot be started"):
        await world.process.start()
    assert "No module named no_such_module" in capfd.readouterr().err
    monkeypatch.undo()
    await world.process.start()
    own, theirs = (Path(f"/proc/{pid}/fd") for pid in ("self", world.process.pid))
    files = {os.readlink(each) for each in theirs.iterdir()}
    assert os.readlink(own / "2") not in files
