import re
import time

from s3d.tui.demo_values import MANY, NOW
from tests.tui.conftest import go_to_row, loaded, screen


def table(pilot):
    return pilot.app.pane.query_one("#objects")


async def enter(pilot, *names):
    for name in names:
        table(pilot).go(name)
        await pilot.press("enter")
        await loaded(pilot, "listing")


async def test_very_many_keys_are_all_there_and_keys_are_quick_while_they_come(opened):
    """CPU, so that a busy machine is no excuse: 0.1 s a key on one that is free."""
    async with opened("2") as pilot:
        table(pilot).go("big")
        await pilot.press("enter")
        while pilot.app.pane.table.listing.total < 2_000:
            await pilot.pause()
        spent = []
        for key in ("G", "g", "pagedown", "down", "k"):
            began = time.process_time()
            await pilot.press(key)
            spent.append(time.process_time() - began)
        await loaded(pilot, "listing")
        assert pilot.app.pane.table.listing.total == MANY
        assert sorted(spent)[2] < 0.2
        assert f"big/: {MANY:,} rows" in screen(pilot.app)
        await pilot.press("G")
        await pilot.pause()
        assert f"key-{MANY - 1:06}" in screen(pilot.app)
        await pilot.press("slash", *"09999")
        await pilot.pause()
        assert "filter: 09999" in screen(pilot.app)
        found = [row.id for row in table(pilot).rows][1:]
        assert found == [f"key-{n:06}" for n in range(MANY) if "09999" in f"key-{n:06}"]
        await pilot.press("escape")
        await pilot.pause()
        assert len(table(pilot).rows) == MANY + 1


async def test_rows_are_sorted_by_menu_and_by_title(opened):
    async with opened("2") as pilot:
        await enter(pilot, "pix", "photos/")
        await pilot.press("o", "s")
        await pilot.pause()
        assert "Size ^" in screen(pilot.app)
        await pilot.press("o", "s")
        await pilot.pause()
        assert [row.id for row in table(pilot).rows][1].endswith("IMG_0012.jpg")
        line = next(n for n, text in enumerate(screen(pilot.app).splitlines()) if "Size v" in text)
        await pilot.click("#objects", offset=(6, 0))
        assert line
        assert pilot.app.pane.table.listing.order.field == "name"


async def test_what_comes_is_seen_and_nothing_jumps(opened):
    async with opened("2") as pilot:
        await enter(pilot, "pix")
        table(pilot).go("readme.txt")
        await pilot.press("space", "k")
        pilot.app.agent.deleted.add(("pix", "data.bin"))
        pilot.app.pane.table.note_change("pix", "data.bin")
        pilot.app.main.draw()
        await loaded(pilot, "refresh")
        assert "data.bin" not in [row.id for row in table(pilot).rows]
        assert table(pilot).current.id == "readme.txt"
        assert table(pilot).chosen() == ["readme.txt"]
        pilot.app.pane.table.note_change("other", "x")
        assert not pilot.app.pane.table.is_outdated


async def test_the_ages_of_objects_grow_while_they_are_shown(opened):
    async with opened("2", size=(160, 30)) as pilot:
        passed = 0.0
        pilot.app.clock = lambda: NOW + passed
        await go_to_row(pilot, "pix", "readme.txt")

        def row():
            return next(line for line in screen(pilot.app).splitlines() if "> readme.txt" in line)

        assert " 1000 d" not in row()
        passed = 1000 * 86_400.0
        pilot.app.main.draw()
        await pilot.pause()
        assert re.search(r" 10\d\d d", row())
