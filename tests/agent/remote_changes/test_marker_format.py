"""marker_format: agents that write one marker in any order, and readers that miss some of it."""

from __future__ import annotations

import random

import msgspec
import pytest

from s3d.agent.remote_changes.marker_format import (
    ANYTHING,
    MAX_AGENTS,
    MAX_BYTES,
    MAX_CHANGES,
    Change,
    Marker,
    MarkerUnusable,
    News,
    decode_marker,
    encode_marker,
    news_of,
    seen_after,
    with_changes,
)


def changes(agent: str, first: int, *paths: str) -> list[Change]:
    return [Change(agent, first + at, path) for at, path in enumerate(paths)]


def test_a_marker_is_read_as_it_was_written():
    marker = with_changes(Marker(), "a", changes("a", 1, "x", "ü/y"))
    data = encode_marker(marker)
    assert decode_marker(data) == marker
    assert data.startswith(b'{"format":1,')


def test_a_reader_looks_at_what_others_have_changed():
    first = with_changes(Marker(), "a", changes("a", 1, "x"))
    second = with_changes(first, "b", changes("b", 1, "y"))
    third = with_changes(second, "a", changes("a", 2, "z", "y"))
    seen = seen_after(None, first)
    assert news_of(seen, third, "c") == News(("y", "z"))
    assert news_of(seen, third, "a") == News(("y",))
    assert news_of(seen_after(seen, third), third, "c") == News()


def test_the_first_marker_says_that_anything_may_have_changed():
    assert news_of(None, Marker(), "c") == News(is_gap=True)


def test_an_older_marker_has_no_news_and_takes_nothing_back():
    old = with_changes(Marker(), "a", changes("a", 1, "x"))
    new = with_changes(old, "a", changes("a", 2, "y"))
    seen = seen_after(None, new)
    assert news_of(seen, old, "c") == News()
    assert seen_after(seen, old) == {"a": 2}


def test_a_number_that_is_missing_is_a_gap():
    marker = with_changes(Marker(), "a", changes("a", 3, "x"))
    assert news_of({"a": 1}, marker, "c") == News(("x",), is_gap=True)
    assert news_of({"a": 2}, marker, "c") == News(("x",))
    assert news_of({}, marker, "c") == News(("x",), is_gap=True)


def test_a_change_of_anything_is_a_gap():
    marker = with_changes(Marker(), "a", changes("a", 1, ANYTHING))
    assert news_of({}, marker, "c") == News(is_gap=True)


def test_changes_that_another_writer_has_dropped_are_written_again():
    own = changes("a", 1, "x", "y")
    lost = with_changes(Marker(), "b", changes("b", 1, "z"))
    again = with_changes(lost, "a", own)
    assert news_of({"b": 1}, again, "c") == News(("x", "y"))
    assert with_changes(again, "a", own) == again


def test_a_marker_stays_small():
    many = changes("a", 1, *(f"{number:04}" for number in range(MAX_CHANGES + 5)))
    marker = with_changes(Marker(), "a", many)
    assert len(marker.changes) == MAX_CHANGES
    assert news_of({"a": 5}, marker, "c").is_gap is False
    assert news_of({"a": 4}, marker, "c").is_gap is True
    long = changes("a", 1, *(f"{number:04}" + "ü" * 500 for number in range(MAX_CHANGES)))
    assert len(encode_marker(with_changes(Marker(), "a", long))) < MAX_BYTES + 64 * MAX_CHANGES
    marker = Marker()
    for number in range(3 * MAX_AGENTS):
        marker = with_changes(marker, f"agent-{number}", changes(f"agent-{number}", 1, "k"))
    assert len(marker.agents) <= MAX_AGENTS
    assert f"agent-{3 * MAX_AGENTS - 1}" in marker.agents


def test_a_marker_never_sends_a_reader_to_itself_or_to_what_is_no_key():
    hostile = changes("a", 1, ".s3d/changes", "sub/.s3d/changes", "\0", "ü" * 600, "good")
    assert news_of({}, with_changes(Marker(), "a", hostile), "c").paths == ("good",)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b'{"format": "1"}',
        b'{"format": 1, "agents": {"a": 0}}',
        b'{"format": 1, "agents": {"a": -1}}',
        b'{"format": 1, "agents": {"a": 99999999999999999999}}',
        b'{"format": 1, "agents": {"": 1}}',
        b'{"format": 1, "agents": ["a"]}',
        b'{"format": 1, "changes": [["a", 1]]}',
        b'{"format": 1, "changes": [["a", 1, 7]]}',
        b'{"format": 1, "changes": ' + b"[" * 100_000,
        b'{"format": 1, "changes": [["a", 1, "' + b"k" * 2000 + b'"]]}',
    ],
    ids=lambda data: repr(data[:50]),
)
def test_what_is_no_marker_is_refused(data):
    with pytest.raises(MarkerUnusable) as refused:
        decode_marker(data)
    assert not refused.value.is_newer


def test_a_marker_of_a_newer_format_is_refused_and_not_replaced():
    with pytest.raises(MarkerUnusable, match="newer") as refused:
        decode_marker(msgspec.json.encode({"format": 2, "changes": {}}))
    assert refused.value.is_newer


def test_a_marker_of_this_format_may_have_further_members():
    assert decode_marker(b'{"format": 1, "more": 1, "agents": {"a": 1}}').agents == {"a": 1}


@pytest.mark.parametrize("seed", range(20))
def test_a_reader_sees_each_change_or_a_gap_whatever_writers_lose(seed):
    """Three writers over one object, which may each time replace what another has written; the
    reader misses most of the versions."""
    chance = random.Random(seed)
    marker, seen = Marker(), seen_after(None, Marker())
    written: dict[str, list[Change]] = {"a": [], "b": [], "c": []}
    unseen: set[str] = set()
    stale = marker
    for step in range(200):
        agent = chance.choice("abc")
        change = Change(agent, len(written[agent]) + 1, f"{agent}{step}")
        written[agent].append(change)
        unseen.add(change.path)
        base = stale if chance.random() < 0.2 else marker
        kept = chance.choice([1, 5, 50])
        stale, marker = marker, with_changes(base, agent, written[agent][-kept:])
        if chance.random() < 0.3:
            news = news_of(seen, marker, "reader")
            seen = seen_after(seen, marker)
            unseen = set() if news.is_gap else unseen - set(news.paths)
    for agent, own in written.items():  # each writer sees that its changes are missing
        marker = with_changes(marker, agent, own)
    news = news_of(seen, marker, "reader")
    assert news.is_gap or unseen <= set(news.paths)
