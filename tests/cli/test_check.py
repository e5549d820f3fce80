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
