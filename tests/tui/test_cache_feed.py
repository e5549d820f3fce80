import pytest

from s3d.shared.caching import CacheEntry, CacheList
from s3d.tui.app_state import State
from s3d.tui.cache_feed import CacheFeed
from s3d.tui.demo import DemoAgent


class Paged(DemoAgent):
    """Five entries in pages of two, and of those the ones that match."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def _get(self, place, words):
        if place != "/v1/cache/entries":
            return super()._get(place, words)
        self.asked.append(words)
        names = [name for name in "abcde" if words.get("contains", "") in f"b/{name}"]
        start = int(words.get("cursor", 0))
        page = [CacheEntry("b", name, 1, 1, "e", 1.0) for name in names[start : start + 2]]
        return CacheList(page, str(start + 2) if len(names) > start + 2 else "")


@pytest.fixture
def feed():
    return CacheFeed(Paged(), State(), lambda: None)


def names(feed):
    return "".join(each.key for each in feed._state.entries)


@pytest.mark.finding("tui-4")
async def test_the_end_of_the_list_is_reached(feed):
    await feed.poll()
    assert (names(feed), feed.is_complete) == ("ab", False)
    await feed.poll()
    assert names(feed) == "ab", "more only when it is needed"
    feed.need_more()
    await feed.poll()
    feed.need_more()
    await feed.poll()
    assert (names(feed), feed.is_complete) == ("abcde", True)
    feed.need_more()
    for _ in range(3):
        await feed.poll()
    assert names(feed) == "abcde"
    assert [words.get("cursor", "") for words in feed._agent.asked[-3:]] == ["2", "4", ""]


@pytest.mark.finding("tui-4")
async def test_the_agent_filters(feed):
    await feed.poll()
    feed.set_filter("e")
    assert not feed.is_complete
    await feed.poll()
    assert (names(feed), feed.is_complete) == ("e", True)
    feed.set_filter("")
    await feed.poll()
    assert names(feed) == "ab"
