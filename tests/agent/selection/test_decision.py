"""Documents to policies, and what comes back."""

import pytest

from s3d.agent.selection.decision import (
    MAX_REASON,
    MAX_TTL,
    Decision,
    PolicyUnavailable,
    decision_of,
    document_of,
)
from s3d.shared.filters.terms import FilterSubject


def test_the_document_says_what_is_known():
    subject = FilterSubject(bucket="b", key="k", size=5, tags={"a": "1"}, headers={"etag": '"e"'})
    assert document_of("push", subject) == {
        "v": 1,
        "op": "push",
        "bucket": "b",
        "key": "k",
        "bucket_tags": None,
        "tags": {"a": "1"},
        "metadata": None,
        "headers": {"etag": '"e"'},
        "size": 5,
        "etag": '"e"',
        "filter": True,
    }


@pytest.mark.parametrize(
    ("result", "decision"),
    [
        (True, Decision(True)),
        (False, Decision(False)),
        ({"include": True}, Decision(True)),
        ({"include": False, "reason": "r", "ttl": 5}, Decision(False, "r", 5)),
        ({"include": True, "other": 1}, Decision(True)),
        ({"include": True, "ttl": 10**400}, Decision(True, ttl=MAX_TTL)),
        ({"include": True, "ttl": -1.5}, Decision(True, ttl=-1.5)),
        ({"include": False, "reason": "r" * 9_999}, Decision(False, "r" * MAX_REASON)),
    ],
)
def test_what_decides(result, decision):
    assert decision_of(result) == decision


@pytest.mark.parametrize(
    "result",
    [None, 1, "true", [], {}, {"include": 1}, {"include": True, "reason": 1},
     {"include": True, "ttl": "1"}, {"include": True, "ttl": True}],
)  # fmt: skip
def test_what_decides_nothing(result):
    with pytest.raises(PolicyUnavailable):
        decision_of(result)
