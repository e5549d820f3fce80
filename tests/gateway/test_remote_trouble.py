"""What commands say of a remote that cannot be used, in words that name the cause."""

import pytest

from tests.agent_process import AgentProcess
from tests.cli.conftest import Commands
from tests.peers.proxy import Fault
from tests.peers.servers import Peer


def commands(agent: AgentProcess, tmp_path) -> Commands:
    return Commands(tmp_path, agent.env)


@pytest.mark.finding("D6")
def test_a_profile_that_does_not_exist_is_named_by_every_command(start_agent, tmp_path):
    agent = start_agent(env={"S3D_REMOTE": "http://127.0.0.1:9", "S3D_REMOTE_PROFILE": "nope"})
    s3d = commands(agent, tmp_path)
    for arguments in (("ls",), ("ls", "bbb"), ("mb", "new"), ("get", "bbb/k")):
        done = s3d(*arguments)
        assert done.code == 1, arguments
        assert "profile (nope)" in done.err, arguments
    assert "profile (nope)" in s3d("status").out
    assert "Traceback" not in agent.stderr


@pytest.mark.slow
@pytest.mark.finding("D6")
def test_credentials_that_the_remote_refuses_are_no_healthy_remote(
    start_agent, seaweedfs: Peer, tmp_path
):
    env = {
        "S3D_REMOTE": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": "wrong",
        "AWS_REGION": seaweedfs.region,
    }
    s3d = commands(start_agent(env=env), tmp_path)
    assert s3d("ls").code != 0
    status = s3d("status").out
    assert "(ok)" not in status
    assert "REMOTE FAILS" in status
    assert "credentials" in status


@pytest.mark.slow
@pytest.mark.finding("D16")
def test_errors_of_the_remote_name_the_remote(gateway, network, new_bucket, tmp_path):
    s3d = commands(gateway.start(), tmp_path)
    assert s3d("ls", new_bucket).code == 0
    network.do(lambda proxy: proxy.inject(Fault(status=500), times=1e9))
    refused = s3d("get", f"{new_bucket}/k")
    assert refused.code != 0
    assert "remote" in refused.err
    assert "see the agent's log" not in refused.err
    assert "REMOTE FAILS" in s3d("status").out
