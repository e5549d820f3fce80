"""Policies in Rego, by the real regopy."""

import os

import pytest

from s3d.agent.policy.decision import Decision, PolicyUnavailable
from s3d.agent.policy.rego import LOOK, PolicyError, RegoEngine
from tests.peers.policy import POLICY, VECTORS


@pytest.fixture
def policy(tmp_path):
    file = tmp_path / "policy.rego"
    file.write_text(POLICY)
    return file


async def test_the_vectors(policy):
    for path in (policy, policy.parent):
        engine = RegoEngine(path, timeout=10)
        for document, include, reason in VECTORS:
            assert await engine.decide(document) == Decision(include, reason)
        await engine.close()


async def test_data_beside_the_policy(tmp_path):
    (tmp_path / "data.json").write_text('{"allowed": ["a"]}')
    (tmp_path / "policy.rego").write_text(
        "package s3d.filter\nimport rego.v1\ndefault decision := false\n"
        "decision if input.bucket in data.allowed\n"
    )
    engine = RegoEngine(tmp_path, timeout=10)
    assert (await engine.decide({"bucket": "a"})).include
    assert not (await engine.decide({"bucket": "b"})).include
    await engine.close()


async def test_what_is_undefined_decides_nothing(policy):
    policy.write_text("package s3d.filter\nimport rego.v1\ndecision if input.size > 5\n")
    engine = RegoEngine(policy, timeout=10)
    with pytest.raises(PolicyUnavailable, match="undefined"):
        await engine.decide({"size": 1})
    assert (await engine.decide({"size": 6})).include
    await engine.close()


async def test_a_change_is_read_and_a_broken_one_is_not(policy):
    now = [0.0]
    engine = RegoEngine(policy, timeout=10, clock=lambda: now[0])

    async def after(text):
        policy.write_text(text)
        os.utime(policy, ns=(int(now[0]), int(now[0])))
        now[0] += LOOK
        return (await engine.decide(VECTORS[0][0])).include

    assert await after(POLICY.replace("true", "false")) is False
    assert (engine.version, engine.trouble) == (1, "")
    assert await after("package s3d.filter\nbroken {{{") is False
    assert engine.version == 1
    assert "policy.rego:2: this is unclosed" in engine.trouble
    assert await after(POLICY) is True
    assert (engine.version, engine.trouble) == (2, "")
    policy.unlink()
    now[0] += LOOK
    assert (await engine.decide(VECTORS[0][0])).include
    assert "No such file" in engine.trouble
    await engine.close()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("package s3d.filter\nfoo {{{", r"policy.rego:2: this is unclosed"),
        ('package s3d.filter\n\nx := http.send({"url": "x"})', r"policy.rego:3: http.send"),
        ("package s3d.filter\nx := opa.runtime()", r"policy.rego:2: opa.runtime"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(policy, text, why):
    policy.write_text(text)
    with pytest.raises(PolicyError, match=why):
        RegoEngine(policy)


def test_there_has_to_be_a_policy(tmp_path):
    with pytest.raises(PolicyError, match="No such file"):
        RegoEngine(tmp_path / "none.rego")
    with pytest.raises(PolicyError, match=r"no \.rego file"):
        RegoEngine(tmp_path)


async def test_what_takes_too_long_decides_nothing(policy):
    engine = RegoEngine(policy, timeout=0.0)
    with pytest.raises(PolicyUnavailable, match="no decision within"):
        await engine.decide(VECTORS[0][0])
    await engine.close()
