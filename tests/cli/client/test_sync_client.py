"""Every call of the client against the real agent; test_sync.py of control has the routes."""

import io

from s3d.cli.client.sync_client import SyncClient
from s3d.shared.syncing import FolderSpec


def test_all_calls_of_sync(agent, tmp_path):
    client, sync = agent.objects, SyncClient(agent.client)
    client.create_bucket("home")
    root = tmp_path / "d"
    spec = FolderSpec(str(root), "home")
    assert sync.validate(spec).counts == {}
    assert sync.save("d", spec).name == "d"
    sync.now("d")
    (root / "a").write_text("one")
    assert sync.now("d").troubles == 0
    client.put("home", "a", io.BytesIO(b"two"), 3)
    sync.now("d")
    assert sync.pause("d").state == "paused"
    assert sync.plan("d").counts == {}
    assert sync.resume("d").state != "paused"
    assert sync.undo("d", path="a") == "a"
    assert [row.action for row in sync.history("d", 1)] == ["undone"]
    assert sync.conflicts("d") == []
    assert sync.folder("d").files == 1
    sync.remove("d")
    assert sync.folders() == []
