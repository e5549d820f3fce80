"""Which policy the configuration asks for, and how long its decisions are valid."""

import pytest

from s3d.agent.selection import opa_policy
from s3d.agent.selection.decision import Decision
from s3d.agent.selection.opa_policy import DEFAULT_TTL, CachedEngine, open_policy
from s3d.shared.config.load import load_config
from s3d.shared.config.rules import ConfigError
from tests.peers.policy import POLICY


class Counting:
    """An engine that counts how often it is asked."""

    version = 0
    trouble = "some"

    def __init__(self, ttl=None):
        self.ttl = ttl
        self.asked = 0
        self.closed = False

    async def refresh(self):
        pass

    async def decide(self, document):
        self.asked += 1
        return Decision(document["key"] != "no", ttl=self.ttl)

    async def close(self):
        self.closed = True


async def test_an_object_is_judged_once_in_its_time():
    inner, now = Counting(), [0.0]
    engine = CachedEngine(inner, lambda: now[0])
    assert [(await engine.decide({"key": "k"})).include for _ in range(3)] == [True] * 3
    assert not (await engine.decide({"key": "no"})).include
    assert inner.asked == 2
    now[0] = DEFAULT_TTL
    await engine.decide({"key": "k"})
    assert inner.asked == 3
    inner.version = 1
    await engine.decide({"key": "k"})
    assert inner.asked == 4
    assert (engine.version, engine.trouble) == (1, "some")
    await engine.close()
    assert inner.closed


async def test_a_decision_may_say_how_long():
    inner, now = Counting(ttl=0), [0.0]
    engine = CachedEngine(inner, lambda: now[0])
    for _ in range(2):
        await engine.decide({"key": "k"})
    assert inner.asked == 2


async def test_the_oldest_goes_first(monkeypatch):
    monkeypatch.setattr(opa_policy, "MAX_DECISIONS", 2)
    inner = Counting()
    engine = CachedEngine(inner)
    for key in ("a", "b", "a", "c", "a", "b"):
        await engine.decide({"key": key})
    assert inner.asked == 4


def config(**env):
    return load_config(None, env, {})


async def test_none_a_file_or_a_server(tmp_path):
    assert open_policy(config()) is None
    file = tmp_path / "policy.rego"
    file.write_text(POLICY)
    for engine in (
        open_policy(config(S3D_OPA_POLICY=str(file))),
        open_policy(config(S3D_OPA_URL="http://127.0.0.1:1")),
    ):
        assert engine is not None
        assert (engine.version, engine.trouble) == (0, "")
        await engine.close()


def test_not_both():
    with pytest.raises(ConfigError, match="one of the two"):
        config(S3D_OPA_POLICY="/p.rego", S3D_OPA_URL="http://127.0.0.1:1")


@pytest.mark.parametrize("url", ["127.0.0.1:8181", "ftp://x", "unix://x", "http://"])
def test_a_server_is_a_url(url):
    with pytest.raises(ConfigError, match="unix:///PATH"):
        config(S3D_OPA_URL=url)
