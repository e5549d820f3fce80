import time

import pytest
from textual.app import App

from s3d.tui.table import Column, Row, Table


class Shown(App[None]):
    """A table and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    def compose(self):
        yield Table([Column("Name"), Column("Size", 6, right=True)], empty="Nothing.", id="t")

    def on_mount(self):
        self.query_one(Table).focus()

    def on_table_opened(self, event):
        self.opened.append(event.row)


def rows(count, start=0):
    return [Row(f"r{n}", (f"name {n}", str(n))) for n in range(start, start + count)]


@pytest.fixture
async def pilot():
    async with Shown().run_test(size=(40, 12)) as pilot:
        yield pilot


def lines(table):
    return ["".join(segment.text for segment in table.render_line(y)) for y in range(12)]


async def test_an_empty_table_says_so(pilot):
    table = pilot.app.query_one(Table)
    assert "Nothing." in lines(table)[2]
    await pilot.press("down", "enter", "space", "end")
    assert (table.current, table.chosen(), pilot.app.opened) == (None, [], [])


async def test_the_cursor_goes_where_the_keys_say(pilot):
    table = pilot.app.query_one(Table)
    table.show(rows(100))
    for keys, wanted in ((["down", "j"], "r2"), (["k"], "r1"), (["end"], "r99"), (["g"], "r0"),
                         (["pagedown"], "r10"), (["up", "up"], "r8"), (["G"], "r99")):  # fmt: skip
        await pilot.press(*keys)
        assert table.current.id == wanted
    await pilot.pause()
    assert any("name 99" in line for line in lines(table))
    await pilot.press("enter")
    await pilot.pause()
    assert pilot.app.opened == ["r99"]


async def test_the_cursor_stays_on_its_row_when_others_come_and_go(pilot):
    table = pilot.app.query_one(Table)
    table.show(rows(10, 5))
    table.go("r7")
    table.show(rows(20))
    assert table.current.id == "r7"
    table.show([row for row in rows(20) if row.id != "r7"])
    assert table.current is not None


async def test_marks_stay_with_their_rows(pilot):
    table = pilot.app.query_one(Table)
    table.show(rows(5))
    await pilot.press("space", "space")
    assert table.chosen() == ["r0", "r1"]
    table.show(rows(4, 1))
    assert table.chosen() == ["r1"]


async def test_what_rows_hold_is_shown_as_it_is(pilot):
    table = pilot.app.query_one(Table)
    table.show([Row("x", ("[red]x[/red]\x1b[31m", "[/]"))])
    await pilot.pause()
    assert "[red]x[/red]␛[31m" in lines(table)[1]


async def test_a_click_moves_the_cursor(pilot):
    table = pilot.app.query_one(Table)
    table.show(rows(5))
    await pilot.click(Table, offset=(3, 4))
    assert table.current.id == "r3"


async def test_a_hundred_thousand_rows_cost_little(pilot):
    table = pilot.app.query_one(Table)
    many = rows(100_000)
    began = time.process_time()
    table.show(many)
    for key in ("end", "home", "pagedown", "down"):
        await pilot.press(key)
    lines(table)
    assert time.process_time() - began < 1.0
