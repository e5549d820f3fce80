import os
import sys
from pathlib import Path

import pytest

from s3d.shared.config.load import load_config
from s3d.shared.config.rules import settings_of
from s3d.shared.config.schema import Config
from s3d.shared.errors import UsageError
from s3d.shared.paths import SOCKET_PATH_LIMIT, config_file, find_places, load, usual_socket


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


def test_the_limit_is_the_system_s(tmp_path, monkeypatch):
    import socket

    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as fits:
        fits.bind("x" * SOCKET_PATH_LIMIT)
    with socket.socket(socket.AF_UNIX) as too_long, pytest.raises(OSError, match="too long"):
        too_long.bind("y" * (SOCKET_PATH_LIMIT + 2))


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


@pytest.mark.parametrize(
    ("env", "flags"),
    [
        ({}, {}),
        ({"XDG_RUNTIME_DIR": "/"}, {}),
        ({"XDG_STATE_HOME": "/x"}, {}),
        ({"S3D_LOCAL_DIR": "/l"}, {}),
        ({"S3D_LOCAL_DIR": "relative", "S3D_FAILPOINT": "here"}, {}),
        ({"S3D_LOCAL_DIR": "/l", "S3D_SOCKET": ""}, {}),
        ({"S3D_LOCAL_DIR": "/l", "S3D_SOCKET": "~/my.sock"}, {}),
        ({"S3D_LOCAL_DIR": "/l", "S3D_SOCKET": "/env.sock"}, {"socket": "/flag.sock"}),
        ({"S3D_LOCAL_DIR": "/l"}, {"local_dir": "/flag"}),
    ],
)
def test_the_usual_socket_is_the_one_of_the_settings(home, env, flags):
    env = {"HOME": str(home), **env}
    assert usual_socket(env, flags) == load(env, flags)[1].socket


def test_the_usual_socket_is_unknown_when_other_settings_have_to_be_checked(home):
    for setting in settings_of(Config).values():
        if setting.name in ("local_dir", "socket"):
            continue
        for variable in (setting.env, *setting.rule.aliases, setting.env + "X"):
            assert usual_socket({"HOME": str(home), variable: "x"}, {}) is None
        assert usual_socket({"HOME": str(home)}, {setting.name: "x"}) is None


def test_the_usual_socket_is_unknown_when_there_is_a_file(home):
    file = config_file({"HOME": str(home)}, {})
    file.parent.mkdir(parents=True)
    assert usual_socket({"HOME": str(home)}, {}) is not None
    file.write_text("")
    assert usual_socket({"HOME": str(home)}, {}) is None


@pytest.mark.parametrize("path", ["~nobody-of-that-name/x", "/a\0b"])
def test_a_bad_path_is_left_to_the_settings(home, path):
    assert usual_socket({"HOME": str(home), "S3D_SOCKET": path}, {}) is None


def test_the_usual_socket_is_not_too_long_either(home):
    with pytest.raises(UsageError, match=str(SOCKET_PATH_LIMIT)):
        usual_socket({"HOME": str(home), "S3D_SOCKET": "/" + "x" * SOCKET_PATH_LIMIT}, {})
