import json

import pytest

from tests.agent_process import launch
from tests.cli.conftest import Commands


@pytest.fixture
def damaged(tmp_path):
    """Commands of an agent that runs, and one object of which is damaged."""
    agent = launch(tmp_path / "home")
    s3 = agent.s3()
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="good", Body=b"good")
    s3.put_object(Bucket="bucket", Key="bad", Body=b"bad" * 50_000)
    (file,) = [f for f in (tmp_path / "home/data/store/blobs").glob("*/*") if f.is_file()]
    file.write_bytes(b"x" + file.read_bytes()[1:])
    yield Commands(tmp_path, agent.env), agent
    agent.kill()
    agent.process.stdout.close()


@pytest.mark.slow
@pytest.mark.finding("S10")
def test_damage_is_found_with_an_agent_and_without(damaged):
    s3d, agent = damaged
    shown = []
    for stop in (lambda: None, agent.stop):
        stop()
        result = s3d("check")
        assert result.code == 1
        assert "store: bucket/bad" in result.out
        assert "hint:" in result.out
        assert "good" not in result.out
        shown.append(result.out)
    assert shown[0] == shown[1]


@pytest.mark.slow
def test_damage_as_json(damaged):
    s3d, _ = damaged
    result = s3d("check", "--json")
    assert result.code == 1
    (damage,) = map(json.loads, result.out.splitlines())
    assert (damage["place"], damage["name"]) == ("store", "bucket/bad")


def test_where_all_is_well_the_code_is_0(s3d):
    result = s3d("check", "--repair")
    assert (result.code, result.err) == (0, "")
    assert "all is well" in result.out


@pytest.mark.slow
@pytest.mark.finding("S10")
def test_the_queue_and_the_cache_of_a_running_gateway(tmp_path):
    behind = launch(tmp_path / "behind")
    behind.s3().create_bucket(Bucket="bucket")
    behind.s3().put_object(Bucket="bucket", Key="cached", Body=b"c" * 200_000)
    access_key, secret = behind.key
    env = {
        "S3D_REMOTE": behind.endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret,
    }
    front = launch(tmp_path / "front", env=env)
    s3d = Commands(tmp_path, front.env)
    try:
        assert s3d("queue", "pause").code == 0
        front.s3().put_object(Bucket="bucket", Key="queued", Body=b"q" * 100_000)
        assert len(front.s3().get_object(Bucket="bucket", Key="cached")["Body"].read()) == 200_000
        result = s3d("check")
        assert (result.code, result.err) == (0, "")
        assert "checked 3 objects" in result.out  # the write, its staged object, the cached one
        blobs = list((tmp_path / "front").rglob("blobs/*/*"))
        (cached,) = [file for file in blobs if "read_cache" in str(file)]
        cached.write_bytes(b"x" + cached.read_bytes()[1:])
        result = s3d("check")
        assert (result.code, "cache: bucket/cached" in result.out) == (0, True)  # it is dropped
        assert len(front.s3().get_object(Bucket="bucket", Key="cached")["Body"].read()) == 200_000
        for file in (tmp_path / "front").rglob("blobs/*/*"):
            file.write_bytes(b"x" + file.read_bytes()[1:])
        result = s3d("check")
        assert result.code == 1
        assert "queue: bucket/queued" in result.out
        assert "cache: bucket/cached" in result.out
        assert "repaired" in result.out
    finally:
        for agent in (front, behind):
            agent.kill()
            agent.process.stdout.close()
