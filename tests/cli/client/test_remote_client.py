import pytest

from s3d.cli.client.queue_client import QueueClient
from s3d.cli.client.remote_client import FormerRemoteClient, MigrationClient
from s3d.shared.errors import S3dError


@pytest.fixture
def control(start_agent):
    env = {
        "S3D_REMOTE": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secretsecret",
        "S3D_FLUSH_TIMEOUT": "0",
    }
    agent = start_agent(env=env)
    QueueClient(agent.client).pause()
    return agent.client


def test_every_call_of_the_migration_has_its_route(control):
    migration = MigrationClient(control)
    assert migration.status().state == "idle"
    assert migration.start([], delete_source=False).state in ("running", "done")
    assert migration.wait(10.0).state == "done"
    assert migration.cancel().state == "done"


def test_every_call_of_a_former_remote_has_its_route(control):
    former = FormerRemoteClient(control)
    assert former.remotes() == []
    for call in (
        lambda: list(former.writes("nothing")),
        lambda: former.export("nothing", "1"),
        lambda: former.discard("nothing", "1"),
        lambda: former.move("nothing", "http://127.0.0.1:9", []),
    ):
        with pytest.raises(S3dError):
            call()
