import pytest

from s3d.agent.app.stack import build_stack
from s3d.agent.app.sync_folders import EMBEDDED_LEVEL, open_folders
from s3d.agent.core.events import Events
from s3d.shared.config.folder_settings import SyncFolderConfig
from s3d.shared.config.schema import Config
from s3d.shared.errors import UsageError
from s3d.shared.paths import find_places


@pytest.fixture
async def opened(tmp_path):
    """open(sync folders...): those of an embedded store."""
    closing = []

    async def open(*folders: SyncFolderConfig):
        config = Config(local_dir=tmp_path / "local", sync_folders=folders)
        places = find_places(config, {})
        events = Events()
        stack = await build_stack(config, places, events)
        closing.append(stack)
        return open_folders(stack, config, places, events, umask=0o022)

    yield open
    for stack in closing:
        await stack.close()


async def test_the_embedded_store_judges_conditions(opened, tmp_path):
    folders = await opened(SyncFolderConfig(path=tmp_path / "a", bucket="home"))
    (status,) = folders.status()
    assert (status.name, status.level, status.bucket) == ("a", EMBEDDED_LEVEL, "home")
    folders.close()


async def test_what_is_ours_cannot_be_synced(opened, tmp_path):
    for path in ("local", "local/data/store"):
        with pytest.raises(UsageError, match="its own files"):
            await opened(SyncFolderConfig(path=tmp_path / path, bucket="home"))


@pytest.mark.finding("D1")
@pytest.mark.parametrize(
    ("written", "is_same"),
    [
        ("http://127.0.0.1:9", True),
        ("HTTP://127.0.0.1:9/", True),
        ("http://127.0.0.1:19", False),
        ("/the/embedded/store", False),
    ],
)
async def test_the_memory_of_before_stays_with_the_remote(tmp_path, monkeypatch, written, is_same):
    """What was agreed on under the URL as it was written is not taken for another remote's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    folder = SyncFolderConfig(path=tmp_path / "a", bucket="home", prefix="p/")
    config = Config(
        local_dir=tmp_path / "local", sync_folders=(folder,), remote="http://127.0.0.1:9"
    )
    places = find_places(config, {})
    places.state_dir.mkdir(parents=True)
    events = Events()
    stack = await build_stack(config, places, events)
    opened = open_folders(stack, config, places, events, umask=0o022)
    baseline = opened.by_name["a"].baseline
    baseline.set_meta(remote=f"{written} home/p/")
    opened.close()
    opened = open_folders(stack, config, places, events, umask=0o022)
    remote = opened.by_name["a"].baseline.get_meta("remote")
    assert (remote == f"{stack.gateway.state.identity.id} home/p/") is is_same
    assert (opened.by_name["a"].context.remote_place == remote) is is_same
    opened.close()
    await stack.close()
