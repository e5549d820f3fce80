"""The routes of log, rates and settings, as curl sees them: the real agent's socket."""

import pytest

from s3d.shared.diagnostics import LogList, Samples, SettingList
from s3d.shared.errors import S3dError


def test_the_log_is_told_from_a_number_on(start_agent):
    agent = start_agent(env={"S3D_REMOTE": "http://127.0.0.1:9"})
    client = agent.client
    found = client.request("GET", "/v1/logs?wait=10", LogList)
    assert found.seq >= 1
    assert all(line.level in ("info", "warning", "error") for line in found.lines)
    again = client.request("GET", f"/v1/logs?since={found.seq}&wait=0.01", LogList)
    assert all(line.seq > found.seq for line in again.lines)


@pytest.mark.parametrize("query", ["level=loud", "since=x", "limit=0", "wait=99", "other=1"])
def test_a_query_makes_sense(agent, query):
    with pytest.raises(S3dError):
        agent.client.request("GET", f"/v1/logs?{query}", LogList)


def test_rates_are_there(agent):
    found = agent.client.request("GET", "/v1/samples", Samples)
    assert found.every == 1.0
    assert len(found.up) == len(found.down) == len(found.requests) == len(found.hit_ratio)


def test_settings_are_told_with_their_source_and_no_secret(start_agent):
    agent = start_agent(env={"S3D_SECRET_ACCESS_KEY": "hush-hush", "S3D_ACCESS_KEY_ID": "S3DX"})
    found = {
        each.name: each for each in agent.client.request("GET", "/v1/config", SettingList).settings
    }
    assert found["secret_access_key"].value == "***"
    assert found["secret_access_key"].source == "S3D_SECRET_ACCESS_KEY"
    assert found["region"].source == "default"
    assert found["read_cache.max_size"].restart is False
    assert found["endpoint"].restart is True
    assert found["endpoint"].description
