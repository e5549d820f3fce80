import io
import json

import pytest

from tests.agent_process import launch
from tests.cli.conftest import Commands


def test_without_a_remote_there_is_nowhere_to_go(s3d):
    for command in (("migrate",), ("queue",), ("bandwidth",)):
        result = s3d(*command)
        assert (result.code, result.out) == (2, "")
        assert "S3D_REMOTE" in result.err


def test_without_a_remote_there_is_nothing_to_drain(s3d):
    for command in (("drain",), ("status", "-q")):
        result = s3d(*command)
        assert (result.code, result.out) == (0, "clean\n")


@pytest.fixture
def moved(tmp_path, seaweedfs, bucket_name):
    """Commands of an agent that had an embedded store with a bucket, and has a remote now."""
    home = tmp_path / "home"
    agent = launch(home)
    agent.objects.create_bucket(bucket_name)
    for number in range(30):
        data = b"x" * number
        agent.objects.put(bucket_name, f"k{number}", io.BytesIO(data), number)
    agent.stop()
    env = {
        "S3D_REMOTE": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "AWS_REGION": seaweedfs.region,
    }
    agent = launch(home, env=env)
    yield Commands(tmp_path, agent.env)
    agent.kill()
    agent.process.stdout.close()


@pytest.mark.slow
def test_the_embedded_store_is_carried_over(moved, seaweedfs, bucket_name):
    assert "s3d migrate" in moved("status").out
    first = moved("migrate")
    assert (first.code, first.err) == (0, "")
    assert first.out == "copied 30 objects, 435 B; 0 objects, 0 B were there already\n"
    assert seaweedfs.ask("HEAD", f"/{bucket_name}/k29") == 200
    again = json.loads(moved("migrate", bucket_name, "--json").out)
    assert (again["there"]["files"], again["copied"]["files"]) == (30, 0)
    asked = moved("migrate", "--delete-source")
    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert "deleted 30 objects" in moved("migrate", "--delete-source", "--yes").out
    assert json.loads(moved("migrate", "--json").out)["total"]["files"] == 0


@pytest.mark.slow
def test_what_the_remote_has_already_is_not_overwritten(moved, seaweedfs, bucket_name):
    assert seaweedfs.ask("PUT", f"/{bucket_name}") == 200
    assert seaweedfs.ask("PUT", f"/{bucket_name}/k3", b"newer") == 200
    result = moved("migrate", "none")
    assert (result.code, "NoSuchBucket" in result.err) == (1, True)
    result = moved("migrate")
    assert (result.code, f"{bucket_name}/k3: ObjectAlreadyExists" in result.err) == (1, True)
    assert moved("get", f"{bucket_name}/k3", "-q").out == "newer"
