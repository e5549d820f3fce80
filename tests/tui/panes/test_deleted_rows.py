"""The keys before a real agent: tests/tui/test_jobs.py."""

import pytest

from s3d.shared.control import Listing, ObjectInfo
from s3d.tui.demo import DemoAgent
from s3d.tui.panes import deleted_rows
from tests.tui.conftest import go_to_row, loaded, screen


class Versioned(DemoAgent):
    """A bucket with two deleted objects, one version a page."""

    def _of_bucket(self, bucket, what, words):
        if what != "versions" or "key" in words:
            return super()._of_bucket(bucket, what, words)
        rows = [
            ObjectInfo(bucket, key, 7, etag, 0.0, version_id=id, is_latest=not etag)
            for key in ("gone.txt", "old/a.txt")
            for id, etag in (("m", ""), ("v1", '"e"'))
        ]
        start = int(words["cursor"] or 0)
        more = str(start + 1) if start + 1 < len(rows) else ""
        return Listing(rows[start : start + 1], [], more)


@pytest.mark.finding("tui-30")
async def test_deleted_objects_are_shown_and_restored(opened):
    async with opened("2", Versioned()) as pilot:
        await go_to_row(pilot, "pix", "photos/")
        table = pilot.app.pane.table
        assert table.listing.first_with("gone.txt") == ""
        await pilot.press("full_stop")
        await loaded(pilot, "refresh")
        assert "with deleted objects" in screen(pilot.app)
        table.go("gone.txt")
        await pilot.press("r")
        await loaded(pilot, "act")
        table.go("old/")
        await pilot.press("r")
        await loaded(pilot, "act")
        assert [path for _, path, _ in pilot.app.agent.calls] == [
            "/v1/buckets/pix/object:restore?key=gone.txt&version=v1",
            "/v1/buckets/pix/object:restore?key=old%2Fa.txt&version=v1",
        ]
        await pilot.press("ctrl+a", "r")
        assert "Restore 2 objects in pix?" in screen(pilot.app)
        await pilot.press("n")
        table.go("index.json")
        await pilot.press("r")
        assert len(pilot.app.agent.calls) == 2
        await pilot.press("full_stop")
        await loaded(pilot, "refresh")
        assert table.listing.first_with("gone.txt") == ""


async def test_only_so_many_pages_are_read(opened, monkeypatch):
    monkeypatch.setattr(deleted_rows, "MAX_PAGES", 2)
    async with opened("2", Versioned()) as pilot:
        await go_to_row(pilot, "pix", "photos/")
        await pilot.press("full_stop")
        await loaded(pilot, "refresh")
        assert list(pilot.app.pane.table.deleted.versions) == ["gone.txt"]
