"""The demonstration answers every route that the app asks, as the real agent does."""

import pytest

from s3d.shared.caching import CacheList, PinList
from s3d.shared.control import AgentStatus, BucketList, Hello, Listing, ObjectStatus
from s3d.shared.syncing import ConflictList, FolderList, HistoryList
from s3d.shared.transfers import TransferList
from s3d.tui.agent_client import RequestRefused
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import HOSTILE, MANY

ROUTES = [
    ("/v1/hello", Hello), ("/v1/status", AgentStatus), ("/v1/buckets", BucketList),
    ("/v1/status?bucket=pix&key=a", ObjectStatus), ("/v1/transfers?limit=500", TransferList),
    ("/v1/cache/entries?limit=9", CacheList), ("/v1/cache/pins", PinList),
    ("/v1/sync", FolderList), ("/v1/sync/notes/history?limit=9", HistoryList),
    ("/v1/sync/notes/conflicts", ConflictList),
]  # fmt: skip


@pytest.mark.parametrize(("path", "kind"), ROUTES)
async def test_it_answers_and_always_the_same(path, kind):
    agent = DemoAgent()
    assert await agent.call("GET", path, kind) == await DemoAgent().call("GET", path, kind)
    assert agent.calls == []


async def test_a_bucket_has_very_many_keys():
    agent, count, cursor = DemoAgent(), 0, ""
    while True:
        page = await agent.call("GET", f"/v1/buckets/big/objects?cursor={cursor}", Listing)
        count, cursor = count + len(page.objects), page.cursor
        if not cursor:
            break
    assert count == MANY


async def test_deletions_and_refusals():
    agent = DemoAgent()
    await agent.call("DELETE", "/v1/buckets/evil/object?key=%5B%2F%5D", object)
    page = await agent.call("GET", "/v1/buckets/evil/objects", Listing)
    assert len(page.objects) == len(HOSTILE) - 1
    with pytest.raises(RequestRefused):
        await agent.call("GET", "/v1/buckets/nothing/objects", Listing)
    with pytest.raises(RequestRefused):
        await agent.call("POST", "/v1/transfers/8f10:retry", object)


async def test_an_object_is_the_same_in_its_listing_its_details_and_its_versions():
    agent = DemoAgent()
    page = await agent.call("GET", "/v1/buckets/pix/objects?prefix=photos/", Listing)
    for info in page.objects:
        query = f"bucket=pix&key={info.key}"
        status = await agent.call("GET", f"/v1/status?{query}", ObjectStatus)
        found = await agent.call("GET", f"/v1/buckets/pix/versions?key={info.key}", Listing)
        for each in (status, found.objects[0]):
            assert (each.size, each.etag, each.last_modified) == (
                info.size, info.etag, info.last_modified,
            )  # fmt: skip
        state = page.key_states.get(info.key, "")
        assert (status.cache.held == info.size) is (state in ("cached", "pinned"))
        assert (status.state == "pushed") is (state not in ("pending", "failed"))
