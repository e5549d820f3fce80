"""Which confirmation a deletion needs, and what is then sent."""

from tests.tui.conftest import go_to_row, loaded, screen


async def test_marked_objects_are_deleted_after_a_yes(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "index.json")
        await pilot.press("space", "space", "D")
        await pilot.pause()
        assert "Delete 2 objects, " in screen(pilot.app)
        await pilot.press("n")
        await pilot.pause()
        assert pilot.app.agent.calls == []
        await pilot.press("D", "y")
        await loaded(pilot, "act")
        ((method, path, request),) = pilot.app.agent.calls
        assert (method, path, request.kind) == ("POST", "/v1/transfers", "delete")
        assert request.keys == ["index.json", "readme.txt"]
        assert "$ s3d rm" in screen(pilot.app)
        pilot.app.pane.table.note_change("pix", "readme.txt")
        pilot.app.main.draw()
        await loaded(pilot, "refresh")
        assert "readme.txt" not in [row.id for row in pilot.app.pane.table.rows]


async def test_a_prefix_is_deleted_after_its_bucket_was_written(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "photos/")
        await pilot.press("D")
        await loaded(pilot, "count")
        assert "12 objects" in screen(pilot.app)
        await pilot.press(*"pax", "enter")
        await pilot.pause()
        assert pilot.app.agent.calls == []
        assert "pax is not pix" in screen(pilot.app)
        await pilot.press(*"pix", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = pilot.app.agent.calls
        assert (request.kind, request.prefixes) == ("delete", ["photos/"])
