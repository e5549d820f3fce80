import pytest
from textual.widgets._footer import FooterKey

from s3d.shared.control import ObjectInfo
from s3d.tui.panes.object_offers import Situation, refusal
from s3d.tui.panes.object_selection import Target
from s3d.tui.places import HOME
from tests.tui.conftest import footers_are_made, go_to_row, screen

INFO = ObjectInfo("b", "a/k", 1, "", 0.0)
NOTHING = Situation(Target(HOME, ""), "", is_selected=False, shows_deleted=False)
BUCKET = Situation(Target(HOME, "b"), "", is_selected=False, shows_deleted=False)
UP = Situation(Target(("b", "a/"), "b"), "b", is_selected=False, shows_deleted=False)
PREFIX = UP._replace(target=Target(("b", ""), "b", "a/"), is_selected=True)
OBJECT = UP._replace(target=Target(("b", "a/"), "b", "a/k", INFO), is_selected=True)
ACTIONS = ("view", "download", "upload", "delete", "copy", "pin", "tags", "sizes", "restore")


@pytest.mark.finding("tui-5")
@pytest.mark.parametrize(
    ("now", "possible"),
    [
        (NOTHING, ()),
        (BUCKET, ("delete", "copy", "pin", "tags", "sizes")),
        (UP, ("upload", "copy", "sizes")),
        (PREFIX, ("download", "upload", "delete", "copy", "pin", "sizes")),
        (OBJECT, ("view", "download", "upload", "delete", "copy", "pin", "tags", "sizes")),
        (OBJECT._replace(shows_deleted=True), ACTIONS),
    ],
)  # fmt: skip
def test_what_is_possible(now, possible):
    assert tuple(each for each in ACTIONS if not refusal(each, now)) == possible


def test_an_action_that_needs_nothing_is_always_possible():
    assert refusal("sort", NOTHING) == ""


@pytest.mark.finding("tui-5")
async def test_the_footer_dims_what_is_not_possible_and_the_key_says_why(opened):
    async with opened("2") as pilot:
        assert await offered(pilot) == {"y", "D", "/", "?", "q"}
        await pilot.press("d")
        assert "Open a bucket, and choose objects" in " ".join(screen(pilot.app).split())
        await go_to_row(pilot, "pix", "../")
        assert await offered(pilot) == {"u", "y", "/", "?", "q"}
        await pilot.press("down", "down", "space", "up", "up")
        assert await offered(pilot) == {"d", "u", "D", "y", "/", "?", "q"}


async def offered(pilot):
    await footers_are_made(pilot)
    keys = pilot.app.screen.query(FooterKey)
    return {each.key_display for each in keys if not each.has_class("-disabled")}
