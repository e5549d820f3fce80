from tests.tui.conftest import go_to_row, loaded, screen


async def two(pilot, folder):
    """The demonstration's photos beside a local folder."""
    await go_to_row(pilot, "pix", "photos/IMG_0001.jpg", "photos/")
    second = pilot.app.pane.query_one("#second")
    second.folder.folder = folder
    await pilot.press("w")
    await loaded(pilot, "folder")
    return second


async def test_marked_objects_and_files_go_to_the_other_pane_by_one_key(opened, tmp_path):
    (tmp_path / "cat.jpg").write_text("meow")
    async with opened("2") as pilot:
        second = await two(pilot, tmp_path)
        await pilot.press("space", "space", "c")
        await loaded(pilot, "act")
        await pilot.press("tab")
        assert second.shown.has_focus
        second.folder.go("cat.jpg")
        await pilot.press("M")
        await loaded(pilot, "act")
        down, up = (request for _, _, request in pilot.app.agent.calls)
        assert (down.kind, down.to_path) == ("download", str(tmp_path))
        assert down.keys == ["photos/IMG_0001.jpg", "photos/IMG_0002.jpg"]
        assert (up.kind, up.bucket, up.to_prefix) == ("upload", "pix", "photos/")
        assert (up.paths, up.delete_source) == ([str(tmp_path / "cat.jpg")], True)
        assert not pilot.app.pane.table.marks.ids


async def test_two_buckets(opened, tmp_path):
    async with opened("2") as pilot:
        second = await two(pilot, tmp_path)
        await pilot.press("tab", "W")
        await loaded(pilot, "listing")
        assert second.objects.has_focus
        assert second.objects.listing.place == ("pix", "photos/")
        await pilot.press("j", "c")
        assert "Both panes show the same place" in " ".join(screen(pilot.app).split())
        await pilot.press("h", "h")
        await loaded(pilot, "listing")
        assert pilot.app.pane.table.listing.place == ("pix", "photos/"), "the first one stays"
        second.objects.go("logs")
        await pilot.press("enter")
        await loaded(pilot, "listing")
        await pilot.press("shift+tab", "c")
        await loaded(pilot, "act")
        ((_, _, request),) = pilot.app.agent.calls
        assert (request.kind, request.to_bucket) == ("copy", "logs")


async def test_without_a_second_pane_the_keys_say_so(opened, tmp_path):
    async with opened("2") as pilot:
        await pilot.press("c")
        assert "Open a second pane first" in " ".join(screen(pilot.app).split())
        second = await two(pilot, tmp_path)
        await pilot.press("tab", "w")
        assert not second.display
        assert pilot.app.focused is pilot.app.pane.table
