from pathlib import Path

import pytest

from s3d.shared.config.rules import settings_of
from s3d.shared.config.schema import Config
from s3d.shared.errors import UsageError
from s3d.shared.paths import load
from s3d.shared.socket_path import SOCKET_PATH_LIMIT, config_file, usual_socket


@pytest.fixture
def home(monkeypatch, tmp_path):
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_limit_is_the_system_s(tmp_path, monkeypatch):
    import socket

    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as fits:
        fits.bind("x" * SOCKET_PATH_LIMIT)
    with socket.socket(socket.AF_UNIX) as too_long, pytest.raises(OSError, match="too long"):
        too_long.bind("y" * (SOCKET_PATH_LIMIT + 2))


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


def test_the_usual_socket_is_unknown_when_a_file_names_one(home):
    env = {"HOME": str(home)}
    file = config_file(env, {})
    file.parent.mkdir(parents=True)
    file.write_text('region = "here"\n[[mount]]\ndir = "/notes"\n')
    assert usual_socket(env, {}) == load(env, {})[1].socket
    file.write_text('"socket" = "/run/mine.sock"\n')
    assert load(env, {})[1].socket == Path("/run/mine.sock")
    assert usual_socket(env, {}) is None


def test_the_usual_socket_is_unknown_when_the_file_cannot_be_read(home):
    file = config_file({"HOME": str(home)}, {})
    file.mkdir(parents=True)
    assert usual_socket({"HOME": str(home)}, {}) is None


@pytest.mark.parametrize("path", ["~nobody-of-that-name/x", "/a\0b"])
def test_a_bad_path_is_left_to_the_settings(home, path):
    assert usual_socket({"HOME": str(home), "S3D_SOCKET": path}, {}) is None


def test_the_usual_socket_is_not_too_long_either(home):
    with pytest.raises(UsageError, match=str(SOCKET_PATH_LIMIT)):
        usual_socket({"HOME": str(home), "S3D_SOCKET": "/" + "x" * SOCKET_PATH_LIMIT}, {})
