import pytest

from s3d.tui.demo import HOSTILE, MANY
from tests.tui.conftest import loaded, screen


def table(pilot):
    return pilot.app.pane.query_one("#objects")


async def enter(pilot, *names):
    for name in names:
        table(pilot).go(name)
        await pilot.press("enter")
        await loaded(pilot, "listing")


async def test_levels_are_entered_and_left(opened):
    async with opened("2") as pilot:
        await enter(pilot, "pix", "photos/")
        assert "pix/photos/: 13 rows" in screen(pilot.app)
        assert "IMG_0001.jpg" in screen(pilot.app)
        await pilot.press("h")
        await loaded(pilot, "listing")
        assert "readme.txt" in screen(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert "all buckets" in screen(pilot.app)
        assert table(pilot).current.id == "pix"


async def test_very_many_keys_are_all_there(opened):
    async with opened("2") as pilot:
        await enter(pilot, "big")
        assert f"{MANY + 1:,} rows" in screen(pilot.app)
        await pilot.press("G")
        await pilot.pause()
        assert f"key-{MANY - 1:06}" in screen(pilot.app)
        await pilot.press("slash", *"09999")
        await pilot.pause()
        assert "filter: 09999" in screen(pilot.app)
        assert all("09999" in row.id for row in table(pilot).rows)
        await pilot.press("escape")
        await pilot.pause()
        assert len(table(pilot).rows) == MANY + 1


async def test_hostile_keys_are_text(opened):
    async with opened("2") as pilot:
        await enter(pilot, "evil")
        for key in sorted(HOSTILE):
            table(pilot).go(key)
            await loaded(pilot, "inspect")
            for press in ("v", "escape", "space", "D", "n"):
                await pilot.press(press)
                await loaded(pilot, "preview")
                shown = screen(pilot.app)
                assert not any(
                    ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in shown.replace("\n", "")
                )
        assert "[red]x[/red].txt" in screen(pilot.app)
        assert pilot.app.agent.asked == []


async def test_an_object_is_told_about_and_viewed(opened):
    async with opened("2") as pilot:
        await enter(pilot, "pix")
        table(pilot).go("index.json")
        await loaded(pilot, "inspect")
        assert "album = 2025" in screen(pilot.app)
        await pilot.press("v")
        await loaded(pilot, "preview")
        assert '"name": "notes"' in screen(pilot.app)


async def test_marked_objects_are_deleted_after_a_yes(opened):
    async with opened("2") as pilot:
        await enter(pilot, "pix")
        table(pilot).go("index.json")
        await pilot.press("space", "space", "D")
        await pilot.pause()
        assert "Delete 2 objects, " in screen(pilot.app)
        await pilot.press("n")
        await pilot.pause()
        assert pilot.app.agent.asked == []
        await pilot.press("D", "y")
        await loaded(pilot, "delete", "listing")
        assert [method for method, _, _ in pilot.app.agent.asked] == ["DELETE", "DELETE"]
        await loaded(pilot, "listing")
        assert "readme.txt" not in screen(pilot.app)


@pytest.mark.parametrize(
    ("row", "wanted"), [("photos/", ("", "photos/")), ("readme.txt", ("readme.txt", ""))]
)
async def test_a_pin_is_of_an_object_or_a_prefix(opened, row, wanted):
    async with opened("2") as pilot:
        await enter(pilot, "pix")
        table(pilot).go(row)
        await pilot.press("p")
        await loaded(pilot, "act")
        ((_, path, place),) = pilot.app.agent.asked
        assert (path, place.bucket, (place.key, place.prefix)) == ("/v1/cache:pin", "pix", wanted)


async def test_a_bucket_that_is_gone_is_told(opened):
    async with opened("2") as pilot:
        pilot.app.pane._enter("nothing", "")
        await loaded(pilot, "listing")
        assert "does not exist" in screen(pilot.app)
