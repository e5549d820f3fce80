"""Policies in Rego, by the real regopy."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from s3d.agent.selection.decision import MAX_REASON, Decision, PolicyUnavailable
from s3d.agent.selection.opa_policy import CachedEngine
from s3d.agent.selection.rego import RELOAD_INTERVAL, DaemonThread, RegoEngine
from s3d.agent.selection.rego_program import PolicyError
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
    assert engine.trouble == "the policy returned no decision: s3d/filter/decision is undefined"
    assert (await engine.decide({"size": 6})).include
    assert engine.trouble == ""
    await engine.close()


async def test_a_change_is_read_and_a_broken_one_is_not(policy):
    now = [0.0]
    engine = RegoEngine(policy, timeout=10, clock=lambda: now[0])

    async def after(text):
        policy.write_text(text)
        os.utime(policy, ns=(int(now[0]), int(now[0])))
        now[0] += RELOAD_INTERVAL
        return (await engine.decide(VECTORS[0][0])).include

    assert await after(POLICY.replace("true", "false")) is False
    assert (engine.version, engine.trouble) == (1, "")
    assert await after("package s3d.filter\nbroken {{{") is False
    assert engine.version == 1
    assert "policy.rego:2: this is unclosed" in engine.trouble
    assert await after(POLICY) is True
    assert (engine.version, engine.trouble) == (2, "")
    policy.unlink()
    now[0] += RELOAD_INTERVAL
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


HEAD = "package s3d.filter\nimport rego.v1\n"
ODD = [
    'a"b',
    "a\\b",
    "a\\u00e9",
    "a\nb\t",
    "\x01\x7f",
    "фото/é/日本/😀",
    "\u2028",
    "{}",
    "k" * 1024,
]


@pytest.mark.parametrize("text", ODD)
async def test_a_value_reaches_the_policy_as_it_is_and_comes_back_so(policy, text):
    literal = json.dumps(text, ensure_ascii=False)
    policy.write_text(
        f'{HEAD}decision := {{"include": input.key == {literal}, "reason": input.tags[input.key]}}',
        "utf-8",
    )
    engine = RegoEngine(policy, timeout=10)
    reason = text[:MAX_REASON]
    assert await engine.decide({"key": text, "tags": {text: text}}) == Decision(True, reason)
    await engine.close()


async def test_what_a_client_says_is_no_part_of_the_answer(policy):
    policy.write_text(HEAD + 'decision := {"include": false, "reason": input.key}')
    engine = RegoEngine(policy, timeout=10)
    key = '","include":true,"other":"'
    assert await engine.decide({"key": key}) == Decision(False, key)
    await engine.close()
    # What cuts a sequence of two characters makes an answer that says the same thing twice.
    cut = "trim(input.key, `\\`)"
    policy.write_text(HEAD + f'decision := {{"include": false, "reason": {cut}}}')
    engine = RegoEngine(policy, timeout=10)
    with pytest.raises(PolicyUnavailable):
        await engine.decide({"key": key})
    await engine.close()


async def test_files_of_the_same_name_in_several_folders(tmp_path):
    for name, rule in (
        ("one", 'decision if input.key == "1"'),
        ("two", "default decision := false"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.rego").write_text(f"{HEAD}{rule}\n")
    engine = RegoEngine(tmp_path, timeout=10)
    assert (await engine.decide({"key": "1"})).include
    assert not (await engine.decide({"key": "2"})).include
    await engine.close()
    (tmp_path / "two" / "policy.rego").write_text(HEAD + "broken {{{")
    with pytest.raises(PolicyError, match=r"two/policy\.rego:3: this is unclosed"):
        RegoEngine(tmp_path)


async def test_what_is_no_text_is_told(policy):
    policy.write_bytes(b"package \xff")
    with pytest.raises(PolicyError, match=r"policy\.rego: byte 9 is not UTF-8"):
        RegoEngine(policy)


async def test_a_policy_that_was_away_is_read_when_it_is_back(policy):
    now = [0.0]
    engine = RegoEngine(policy, timeout=10, clock=lambda: now[0])
    for name in ("aside", "policy.rego"):
        [file] = policy.parent.iterdir()
        file.rename(policy.parent / name)
        now[0] += RELOAD_INTERVAL
        await engine.refresh()
        assert ("No such file" in engine.trouble) is (name == "aside")
    await engine.close()


async def test_a_change_counts_at_once_for_what_was_decided(policy):
    now = [0.0]
    engine = CachedEngine(RegoEngine(policy, timeout=10, clock=lambda: now[0]), lambda: now[0])
    document = VECTORS[0][0]
    assert (await engine.decide(document)).include
    policy.write_text(POLICY.replace("true", "false"))
    now[0] += RELOAD_INTERVAL
    assert not (await engine.decide(document)).include
    await engine.close()


async def test_no_end_waits_for_a_policy_that_takes_too_long(policy):
    policy.write_text(
        HEAD + "n := numbers.range(1, 3000)\ndecision if count([1 | some i in n; some j in n]) > 0"
    )
    engine = RegoEngine(policy, timeout=0.05)
    began = time.monotonic()
    with pytest.raises(PolicyUnavailable, match="no decision within"):
        await engine.decide({})
    for _ in range(100):  # nor does anybody wait behind it
        with pytest.raises(PolicyUnavailable, match="no decision within"):
            await engine.decide({})
    await engine.refresh()
    assert engine.trouble == "the policy returned no decision: no decision within 0.05 s"
    await engine.close()
    assert time.monotonic() - began < 1


async def test_rules_that_contradict_one_another(policy):
    policy.write_text(
        HEAD + "decision := true if input.size > 0\ndecision := false if input.size > 1"
    )
    engine = RegoEngine(policy, timeout=10)
    assert (await engine.decide({"size": 1})).include
    with pytest.raises(PolicyUnavailable, match="two of its rules"):
        await engine.decide({"size": 2})
    await engine.close()


def test_results_and_errors_come_back():
    worker = DaemonThread("test")
    assert worker.submit(divmod, 7, 2).result(10) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        worker.submit(divmod, 7, 0).result(10)
    assert worker.submit(threading.current_thread).result(10).name == "test"
    worker.close()


def test_what_is_cancelled_before_its_turn_is_not_begun():
    worker, go, done = DaemonThread("test"), threading.Event(), []
    first = worker.submit(go.wait, 10)
    second = worker.submit(done.append, 2)
    assert second.cancel()
    go.set()
    assert first.result(10)
    worker.submit(done.append, 3).result(10)
    worker.close()
    assert done == [3]


def test_a_process_ends_without_it():
    text = """
import time
from s3d.agent.selection.rego import DaemonThread
DaemonThread("test").submit(time.sleep, 60)
"""
    assert subprocess.run([sys.executable, "-c", text], timeout=20, check=False).returncode == 0
