"""The self-test: of the real engine, and of one that is wrong."""

import pytest

from s3d.agent.selection import rego_program
from s3d.agent.selection.rego import RegoEngine
from s3d.agent.selection.rego_program import CASES, PolicyError, first_wrong
from tests.peers.policy import POLICY


def test_an_engine_that_is_right():
    answers = iter(CASES)
    assert first_wrong(lambda document: next(answers)[1]) == ""


def test_an_engine_that_is_wrong_is_told_by_its_first_error():
    assert "'a.txt'" in first_wrong(lambda document: {"include": False})


def test_a_wrong_engine_is_refused(tmp_path, monkeypatch):
    (tmp_path / "policy.rego").write_text(POLICY)
    monkeypatch.setattr(rego_program, "POLICY", POLICY)  # decides otherwise than the cases say
    with pytest.raises(PolicyError, match="gives wrong results"):
        RegoEngine(tmp_path)
