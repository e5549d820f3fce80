"""The steps of a first start, with a real agent in a home of its own."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from s3d.shared.config.load import load_config
from s3d.shared.paths import load
from s3d.tui.agent_client import SocketAgent
from s3d.tui.app import S3dApp
from s3d.tui.first_run import aws_profiles, save_settings
from s3d.tui.screens.folder_form_screen import FolderFormScreen
from tests.agent_process import environment
from tests.tui.conftest import screen


async def until(pilot, text):
    """Wait until a text is on the screen."""
    async with asyncio.timeout(60):
        while text not in screen(pilot.app):
            await pilot.pause(0.02)


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in [*os.environ]:
        if name.startswith(("S3D_", "AWS_", "S3_")):
            monkeypatch.delenv(name)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


async def test_a_new_user_gets_an_agent_and_a_form_for_a_folder(home):
    app = S3dApp(SocketAgent(load(os.environ, {})[1].socket))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, "The agent is not running")
        assert "set it up" in screen(app)
        await pilot.press("s")
        await until(pilot, "Where do objects go?")
        await pilot.press("m")
        await until(pilot, "When does the agent run?")
        await pilot.press("n")
        await until(pilot, "The agent runs. What next?")
        pid = (await app.agent.call("GET", "/v1/status", dict))["pid"]
        try:
            await pilot.press("f")
            await until(pilot, "New folder")
            assert isinstance(app.screen, FolderFormScreen)
        finally:
            os.kill(pid, signal.SIGTERM)


async def test_the_profiles_of_aws_are_offered_and_the_choice_is_saved(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home))
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws/config").write_text("[default]\nregion=x\n[profile work]\n[sso-session a]\n")
    app = S3dApp(SocketAgent(load(os.environ, {})[1].socket))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, "The agent is not running")
        await pilot.press("s", "a")
        await until(pilot, "Which AWS profile?")
        assert "1  default" in screen(app)
        await pilot.press("2")
        await until(pilot, "When does the agent run?")
        await pilot.press("escape")
    config, _ = load(os.environ, {})
    assert (config.remote, config.remote_profile) == ("aws", "work")


def test_profiles_are_read_from_both_files_and_a_bad_one_is_no_harm(tmp_path):
    (tmp_path / "c").write_text("[profile zeta]\n[default]\n[services x]\n")
    (tmp_path / "k").write_text("[alpha]\naws_access_key_id = %s\n")
    env = {"AWS_CONFIG_FILE": str(tmp_path / "c"),
           "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "k")}  # fmt: skip
    assert aws_profiles(env) == ["default", "alpha", "zeta"]
    (tmp_path / "c").write_text("nonsense")
    assert aws_profiles(env) == ["alpha"]
    assert aws_profiles({"HOME": str(tmp_path)}) == []


def test_settings_come_before_the_tables_of_a_file(tmp_path):
    file: Path = tmp_path / "folder" / "config.toml"
    save_settings(file, {"remote": "aws"})
    assert file.read_text() == 'remote = "aws"\n'
    file.write_text('# mine\n[[sync_folder]]\npath = "/x"\nbucket = "bbb"\n')
    save_settings(file, {"remote": "https://s3.example.com", "remote_profile": "a"})
    config = load_config(file, {}, {})
    assert (config.remote, config.remote_profile) == ("https://s3.example.com", "a")
    assert "# mine" in file.read_text()
