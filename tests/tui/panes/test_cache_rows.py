import pytest
from msgspec.structs import replace

from s3d.shared.caching import CachePlace
from s3d.tui import demo_values as values
from s3d.tui.app_state import State
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from s3d.tui.panes.cache_rows import cache_rows, freed_size, gauge_lines, hit_share
from s3d.tui.themes import UNICODE


def state():
    agent, state = DemoAgent(), State()
    state.status, state.transfers, state.entries = (
        agent._status(),
        agent.transfers,
        values.entries(),
    )
    return state


def test_entries_come_last_in_their_order():
    rows = {
        order: [each.row for each in cache_rows(state(), order, now=NOW, glyphs=UNICODE)]
        for order in ("name", "size", "checked")
    }
    assert {len(each) for each in rows.values()} == {len(rows["name"])}
    entries = len(state().entries)
    names = [row.id for row in rows["name"]][-entries:]
    assert names == sorted(names)
    largest = max(state().entries, key=lambda entry: entry.held)
    assert rows["size"][-entries].id == f"{largest.bucket}/{largest.key}"


def test_what_is_freed_is_below_the_places():
    entries = state().entries
    one = entries[0]
    assert freed_size(entries, [CachePlace(one.bucket, one.key)]) == one.held
    assert freed_size(entries, [CachePlace(one.bucket)]) == sum(
        each.held for each in entries if each.bucket == one.bucket
    )
    assert freed_size(entries, []) == 0


def test_the_gauge_says_how_full_it_is():
    cache = state().cache
    lines = [line.plain for line in gauge_lines(cache, state(), 100, UNICODE)]
    assert "7.1 GiB of 10 GiB 71%" in lines[0]
    assert "never evicted" in lines[1]
    assert f"hits: {hit_share(cache)} " in lines[2]
    assert "evicted 312 objects" in lines[2]


@pytest.mark.finding("tui-40")
def test_a_share_of_no_reads_is_none():
    assert hit_share(replace(state().cache, hits=0, misses=0)) == "no reads yet"
    assert hit_share(replace(state().cache, hits=0, misses=5)) == "0%"
    assert hit_share(replace(state().cache, hits=3, misses=1)) == "75%"


@pytest.mark.finding("tui-28")
def test_a_pending_write_has_the_word_of_its_state():
    rows = {each.row.id: each.row for each in cache_rows(state(), "name", now=NOW, glyphs=UNICODE)}
    assert rows["write 8f10"].cells[4] == "✗ failed"
    assert rows["write 8f10"].style == "bad"
    assert rows["write 8f24"].cells[4] == "↑ paused"
    assert rows["write 8f26"].cells[4] == "↑ pending"


def test_a_prefetch_is_not_said_to_be_checked():
    """The time that it takes is no age of a check; Transfers has it."""
    rows = {each.row.id: each.row for each in cache_rows(state(), "name", now=NOW, glyphs=UNICODE)}
    (prefetch,) = [each for each in state().transfers if each.kind == "prefetch"]
    assert prefetch.remaining
    assert rows[prefetch.id].cells[3] == "-"
