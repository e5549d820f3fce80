"""Decisions are kept as long as they say, and until the policy is another one."""

from s3d.agent.selection import policy_cache
from s3d.agent.selection.decision import Decision
from s3d.agent.selection.policy_cache import LIFE, CachedEngine


class Counting:
    """An engine that counts how often it is asked."""

    version = 0
    trouble = "some"

    def __init__(self, ttl=None):
        self.ttl = ttl
        self.asked = 0
        self.closed = False

    async def look(self):
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
    now[0] = LIFE
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
    monkeypatch.setattr(policy_cache, "MOST", 2)
    inner = Counting()
    engine = CachedEngine(inner)
    for key in ("a", "b", "a", "c", "a", "b"):
        await engine.decide({"key": key})
    assert inner.asked == 4
