from __future__ import annotations

import pytest

from s3d.cli.client import mount_client
from s3d.cli.client.mount_client import MountClient, is_in_a_mount
from s3d.shared.errors import NotFoundError, S3dError
from s3d.shared.mounting import MountSpec


def test_the_table_of_mounts_says_what_is_in_one(tmp_path, monkeypatch):
    table = tmp_path / "mounts"
    monkeypatch.setattr(mount_client, "_TABLE", table)
    table.write_text("/dev/sda1 / ext4 rw 0 0\n")
    assert not is_in_a_mount(str(tmp_path / "x"))
    folder = tmp_path / "with space"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    escaped = str(folder).replace(" ", "\\040")
    table.write_text(f"/dev/sda1 / ext4 rw 0 0\ns3d {escaped} fuse.s3d rw 0 0\n")
    assert is_in_a_mount(str(folder))
    assert is_in_a_mount(str(folder / "b" / "k"))
    assert is_in_a_mount(str(tmp_path / "link" / "k"))
    assert not is_in_a_mount(str(tmp_path / "with space2"))


def test_the_calls_of_an_agent_without_mounts(agent, tmp_path):
    client = MountClient(agent.client)
    assert client.list() == []
    assert client.unmount() == []
    assert client.locate([str(tmp_path)]) == [None]
    with pytest.raises(NotFoundError):
        client.unmount(str(tmp_path))
    (tmp_path / "x").touch()
    with pytest.raises(S3dError) as refused:
        client.mount(MountSpec(str(tmp_path / "x")))
    assert refused.value.remedy
    assert [each.state for each in client.list()] == ["failed"]
    assert [each.dir for each in client.unmount()] == [str(tmp_path / "x")]
