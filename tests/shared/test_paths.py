import os
import sys
from pathlib import Path

import pytest

from s3d.shared.config.load import load_config
from s3d.shared.config.schema import Config
from s3d.shared.errors import UsageError
from s3d.shared.paths import find_places, load
from s3d.shared.socket_path import SOCKET_PATH_LIMIT, config_file


@pytest.fixture
def home(monkeypatch, tmp_path):
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_local_dir_holds_everything():
    places = find_places(Config(local_dir=Path("/l")), {"XDG_RUNTIME_DIR": "/"})
    assert places.config_file == Path("/l/config/config.toml")
    assert places.store_dir == Path("/l/data/store")
    assert places.cache_dir == Path("/l/cache")
    assert places.credentials_file == Path("/l/state/credentials")
    assert places.lock_file == Path("/l/state/agent.lock")
    assert places.log_file == Path("/l/state/agent.log")
    assert places.socket == Path("/l/run/agent.sock")


@pytest.mark.skipif(sys.platform == "darwin", reason="other folders there")
def test_the_usual_folders_of_the_system(home):
    env = {"HOME": str(home)}
    places = find_places(Config(), env)
    assert places.config_file == home / ".config/s3d/config.toml"
    assert places.store_dir == home / ".local/share/s3d/store"
    assert places.cache_dir == home / ".cache/s3d"
    assert places.credentials_file == home / ".local/state/s3d/credentials"
    assert places.socket == home / ".local/state/s3d/run/agent.sock"
    assert config_file(env, {}) == places.config_file


@pytest.mark.parametrize("xdg", [None, "/xdg", "relative", ""])
def test_the_folders_are_those_of_platformdirs(home, monkeypatch, xdg):
    import platformdirs

    if xdg is not None:
        for name in ("CONFIG", "DATA", "CACHE", "STATE"):
            monkeypatch.setenv(f"XDG_{name}_HOME", xdg)
    theirs = platformdirs.PlatformDirs("s3d", appauthor=False)
    places = find_places(Config(), os.environ)
    assert places.config_dir == theirs.user_config_path
    assert places.data_dir == theirs.user_data_path
    assert places.cache_dir == theirs.user_cache_path
    assert places.state_dir == theirs.user_state_path


def test_the_socket_lies_in_the_runtime_folder_when_there_is_one(home, tmp_path):
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path)}
    assert find_places(Config(), runtime).socket == tmp_path / "s3d" / "agent.sock"
    for none in ({"XDG_RUNTIME_DIR": "/not/there"}, {"XDG_RUNTIME_DIR": "relative"}):
        assert find_places(Config(), none).socket.parent.name == "run"


def test_a_set_socket_wins(home):
    places = find_places(Config(socket=Path("/s/my.sock"), local_dir=Path("/l")), {})
    assert places.socket == Path("/s/my.sock")


def test_a_socket_path_beyond_the_limit_is_refused_with_a_way_out():
    fits = "/" + "x" * (SOCKET_PATH_LIMIT - 1)
    assert find_places(Config(socket=Path(fits), local_dir=Path("/l")), {}).socket == Path(fits)
    with pytest.raises(UsageError, match=str(SOCKET_PATH_LIMIT)) as caught:
        find_places(Config(socket=Path(fits + "x"), local_dir=Path("/l")), {})
    assert "S3D_SOCKET" in caught.value.remedy


def test_the_limit_is_in_bytes():
    with pytest.raises(UsageError):
        find_places(Config(socket=Path("/" + "ü" * 60), local_dir=Path("/l")), {})


def test_the_file_below_local_dir_is_read(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('region = "here"')
    config, places = load({"S3D_LOCAL_DIR": str(tmp_path)}, {})
    assert (config.region, places.data_dir) == ("here", tmp_path / "data")
    assert load({}, {"local_dir": str(tmp_path)})[0].region == "here"


def test_the_write_queue_may_lie_on_another_disk(tmp_path):
    config = load_config(None, {"S3D_LOCAL_DIR": str(tmp_path)}, {})
    assert find_places(config, {}).write_queue_dir == tmp_path / "data" / "write_queue"
    config = load_config(None, {"S3D_WRITE_QUEUE_DIR": "/srv/queue"}, {})
    assert find_places(config, {"HOME": "/h"}).write_queue_dir == Path("/srv/queue")
