"""State files that could not be read are named, by a real agent too."""

import pytest

from s3d.agent.app.set_aside import set_aside


@pytest.mark.finding("B3")
def test_each_file_has_a_warning(tmp_path):
    assert set_aside(tmp_path) == []
    for name in ("pins.broken", "transfers.bad"):
        (tmp_path / name).write_bytes(b"{")
    pins, transfers = set_aside(tmp_path)
    assert ("pins" in pins, str(tmp_path / "pins.broken") in pins) == (True, True)
    assert str(tmp_path / "transfers.bad") in transfers


@pytest.mark.slow
@pytest.mark.finding("B3")
def test_a_status_names_pins_and_transfers_that_were_forgotten(start_agent, tmp_path):
    env = {
        "S3D_REMOTE": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "S3D_FLUSH_TIMEOUT": "0",
    }
    agent = start_agent(home=tmp_path / "home", env=env)
    assert agent.client.status().warnings == []
    agent.stop()
    state = tmp_path / "home" / "state"
    for name in ("pins.json", "transfers.json"):
        (state / name).write_bytes(b"{nonsense")
    agent = start_agent(home=tmp_path / "home", env=env)
    shown = "\n".join(agent.client.status().warnings)
    for name in ("pins.broken", "transfers.bad"):
        assert str(state / name) in shown
        assert str(state / name) in agent.stderr
        assert (state / name).read_bytes() == b"{nonsense"
