"""Jobs of a user in a real terminal, before a real agent: also how many keys they take."""

import os
import sys
from contextlib import contextmanager

import pytest

from tests.agent_process import launch
from tests.terminal import NEEDS_TMUX, Terminal

pytestmark = [NEEDS_TMUX, pytest.mark.slow]
OBJECTS = 200


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    agent = launch(tmp_path_factory.mktemp("s3d") / "home")
    objects = agent.objects
    objects.create_bucket("many")
    objects.create_bucket("photos")
    s3 = agent.s3()
    for n in range(OBJECTS):
        s3.put_object(Bucket="many", Key=f"k{n:03}", Body=b"x")
    s3.put_object(Bucket="photos", Key="2024/summer/notes.txt", Body=b"a day at the lake\n")
    yield agent
    agent.kill()
    agent.process.stdout.close()


@contextmanager
def app(agent, folder, size=(100, 30)):
    """The app in a terminal of its own, once it has its first data."""
    env = {**agent.env, "PATH": os.environ["PATH"], "HOME": str(folder)}
    terminal = Terminal(folder, env, sys.executable, "-m", "s3d", "tui", size=size)
    try:
        terminal.until("connected")
        yield terminal
    finally:
        terminal.close()


@pytest.mark.finding("tui-16")
def test_300_keys_at_once_are_neither_lost_nor_reordered(agent, tmp_path):
    typed = "".join(f"{n:03}-" for n in range(45))
    keys = "/many\n\n" + "j" * 63 + " " * 50 + "/" + typed
    assert len(keys) > 300
    with app(agent, tmp_path, size=(260, 30)) as terminal:
        terminal.press("2")
        terminal.until("all buckets: 2 buckets")
        terminal.burst(keys.replace("\n", "\r"))
        shown = terminal.until(f"0 of {OBJECTS} keys  filter: {typed}")
        assert "50 marked" in shown


@pytest.mark.finding("tui-16")
def test_keys_of_a_form_go_to_their_fields(agent, tmp_path):
    with app(agent, tmp_path) as terminal:
        terminal.press("2")
        terminal.until("all buckets: 2 buckets")
        terminal.burst("nfresh-bucket\r")
        terminal.until("fresh-bucket/")
    agent.objects.delete_bucket("fresh-bucket")
