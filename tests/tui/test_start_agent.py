import os

import pytest

from s3d.cli.client.control_client import ControlClient
from s3d.shared.paths import load
from s3d.tui.start_agent import NotStarted, start_agent
from tests.agent_process import environment


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("S3D_")]:
        monkeypatch.delenv(name)
    for name, value in environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    return tmp_path / "home"


async def test_an_agent_is_started_and_stays(home):
    log = await start_agent()
    client = ControlClient(load(os.environ, {})[1].socket)
    pid = client.hello().pid
    try:
        assert log.exists()
        assert os.getsid(pid) == pid, "it is in a session of its own"
    finally:
        os.kill(pid, 15)


async def test_one_that_cannot_start_says_why(home, monkeypatch):
    monkeypatch.setenv("S3D_NONSENSE", "1")
    with pytest.raises(Exception, match="S3D_NONSENSE"):
        await start_agent()


async def test_what_it_said_is_told(home, monkeypatch):
    monkeypatch.setenv("S3D_ENDPOINT", "http://203.0.113.7:9999")
    with pytest.raises(NotStarted, match=r"203\.0\.113\.7"):
        await start_agent()
