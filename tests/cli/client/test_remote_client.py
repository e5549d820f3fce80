import pytest

from s3d.cli.client.remote_client import FormerRemoteClient, MigrationClient
from s3d.shared.errors import S3dError


@pytest.fixture
def control(queueing):
    return queueing.client


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
