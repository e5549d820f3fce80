import time
from collections.abc import Sequence

import pytest
from textual.app import App
from textual.events import Key

from s3d.tui.columns import Column
from s3d.tui.table import LateTable, Row, Table


class Shown(App[None]):
    """A table and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.titled: list[int] = []

    def compose(self):
        columns = [Column("Name"), Column("Size", 6, right=True)]
        yield Table(columns, empty="Nothing.", marks=True, id="t")

    def on_mount(self):
        self.query_one(Table).focus()

    def on_table_header_clicked(self, event):
        self.titled.append(event.column)

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
    assert table.chosen() == ["r0", "r1"], "also those that are not shown now"
    await pilot.press("home", "asterisk")
    assert table.chosen() == ["r0", "r2", "r3", "r4"]
    await pilot.press("ctrl+a")
    assert sorted(table.chosen()) == ["r0", "r1", "r2", "r3", "r4"]
    table.unmark()
    table.marks.unmarkable = frozenset({"r2"})
    await pilot.press("home", "shift+down", "shift+down", "shift+down")
    assert table.chosen() == ["r1", "r3"]
    await pilot.press("shift+up")
    assert table.chosen() == ["r1", "r3", "r4"]


async def test_without_marks_and_opening_the_keys_are_free():
    class Bare(App[None]):
        BINDINGS = [("space", "mine", ""), ("l", "mine", "")]  # noqa: RUF012
        pressed = 0

        def compose(self):
            yield Table([Column("Name")], opens=False, id="t")

        def action_mine(self):
            self.pressed += 1

    async with Bare().run_test() as pilot:
        pilot.app.query_one(Table).focus()
        pilot.app.query_one(Table).show(rows(3))
        await pilot.press("space", "l")
        assert pilot.app.pressed == 2


async def test_a_title_is_clicked(pilot):
    table = pilot.app.query_one(Table)
    table.show(rows(3))
    await pilot.click(Table, offset=(4, 0))
    await pilot.click(Table, offset=(37, 0))
    await pilot.pause()
    assert pilot.app.titled == [0, 1]


async def test_the_cursor_stays_when_the_rows_are_changed_in_place(pilot):
    table, many = pilot.app.query_one(Table), rows(10)
    table.show(many)
    table.go("r5")
    many[:0] = rows(3, 100)
    table.show(many)
    assert table.current.id == "r5"


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


async def test_a_million_rows_scroll_as_thirty_do(pilot):
    """Rows are made when they come into view."""

    class Many(Sequence):
        made = 0

        def __len__(self):
            return 1_000_000

        def __getitem__(self, n):
            Many.made += 1
            return Row(str(n), (f"name {n}", str(n)))

    table = pilot.app.query_one(Table)
    began = time.process_time()
    table.show(Many(), str)
    for key in ("end", "pageup", "up", "home", "pagedown", "down"):
        await pilot.press(key)
    assert table.current.id == "11"
    assert Many.made < 2_000
    assert time.process_time() - began < 1.0


async def test_the_last_column_is_not_under_the_scrollbar(pilot):
    table = pilot.app.query_one(Table)
    table.show(rows(100))
    await pilot.pause()
    assert lines(table)[0].rstrip().endswith("Size")
    assert len(lines(table)[3]) == table.scrollable_content_region.width < 40


async def test_keys_wait_for_rows_that_are_read():
    class Reading(App):
        def compose(self):
            yield LateTable([Column("Name")])

    async with Reading().run_test() as pilot:
        table = pilot.app.query_one(LateTable)
        assert table.holds_key(Key("j", "j"))
        assert not table.holds_key(Key("q", "q")), "it has nothing to do with the rows"
        table.show_error(OSError("no answer"))
        assert not table.holds_key(Key("j", "j"))
        table.is_reading = True
        table.show([])
        assert not table.holds_key(Key("j", "j"))
