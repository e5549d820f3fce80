import pytest
from textual.app import App

from s3d.tui.demo_values import HOSTILE
from s3d.tui.panes.bucket_tree import MAX_PREFIXES, BucketTree
from tests.tui.conftest import go_to_row, screen


class Shown(App[None]):
    chosen = None

    def compose(self):
        yield BucketTree("tree")

    def on_bucket_tree_chosen(self, event):
        self.chosen = event.place


@pytest.fixture
async def pilot():
    async with Shown().run_test(size=(60, 30)) as pilot:
        yield pilot


async def test_it_knows_what_was_listed(pilot):
    tree = pilot.app.query_one(BucketTree)
    tree.show_buckets(["a", "b"])
    tree.show_prefixes(("b", ""), ["p/", "q/"])
    tree.show_prefixes(("b", "q/"), ["q/r/"])
    tree.show_prefixes(("nowhere", ""), ["x/"])
    await pilot.pause()
    for text in ("a", "b", "p/", "q/", "r/"):
        assert text in screen(pilot.app)
    tree.go(("b", "q/r/"))
    tree.focus()
    await pilot.press("enter")
    await pilot.pause()
    assert pilot.app.chosen == ("b", "q/r/")


async def test_hostile_names_are_text(pilot):
    tree = pilot.app.query_one(BucketTree)
    tree.show_buckets(HOSTILE[:-1])
    await pilot.pause()
    shown = screen(pilot.app)
    assert "[@click=app.quit]q[/]" in shown
    assert "␛]0;PWNED␇" in shown


async def test_very_many_prefixes_are_cut(pilot):
    tree = pilot.app.query_one(BucketTree)
    tree.show_buckets(["a"])
    tree.show_prefixes(("a", ""), [f"{n}/" for n in range(MAX_PREFIXES + 100)])
    assert len(tree.root.children[0].children) == MAX_PREFIXES


@pytest.mark.finding("tui-33")
@pytest.mark.parametrize("size", [(100, 30), (160, 48)])
async def test_a_tree_that_fits_has_no_scrollbar(opened, size):
    async with opened("2", size=size) as pilot:
        await go_to_row(pilot, "pix", "photos/")
        await pilot.press("T")
        tree = pilot.app.pane.query_one("#tree")
        assert tree.display
        assert tree.virtual_size.height <= tree.size.height
        assert not tree.show_vertical_scrollbar
        assert not tree.show_horizontal_scrollbar
