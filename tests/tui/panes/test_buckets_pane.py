import msgspec
import pytest

from s3d.shared.control import Problem
from s3d.tui.agent_client import RequestRefused
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import HOSTILE
from tests.tui.conftest import go_to_row, loaded, screen


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
        assert "pix/photos/: 12 rows" in screen(pilot.app)
        assert "IMG_0001.jpg" in screen(pilot.app)
        await pilot.press("h")
        await loaded(pilot, "listing")
        assert "readme.txt" in screen(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert "all buckets" in screen(pilot.app)
        assert table(pilot).current.id == "pix"


async def test_hostile_keys_are_text(opened):
    async with opened("2") as pilot:
        await enter(pilot, "evil")
        for key in sorted(HOSTILE):
            table(pilot).go(key)
            await loaded(pilot, "inspect")
            for keys in (("v",), ("escape", "space", "D"), ("n",)):
                await pilot.press(*keys)
                await loaded(pilot, "preview")
                shown = screen(pilot.app)
                assert not any(
                    ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in shown.replace("\n", "")
                )
        assert "[red]x[/red].txt" in screen(pilot.app)
        assert pilot.app.agent.calls == []


async def test_an_object_is_told_about_and_viewed(opened):
    async with opened("2") as pilot:
        await enter(pilot, "pix")
        table(pilot).go("index.json")
        await loaded(pilot, "inspect")
        assert "album = 2025" in screen(pilot.app)
        await pilot.press("v")
        await loaded(pilot, "preview")
        assert '"name": "notes"' in screen(pilot.app)


@pytest.mark.parametrize(
    ("row", "wanted"), [("photos/", ("", "photos/")), ("readme.txt", ("readme.txt", ""))]
)
async def test_a_pin_is_of_an_object_or_a_prefix(opened, row, wanted):
    async with opened("2") as pilot:
        await enter(pilot, "pix")
        table(pilot).go(row)
        await pilot.press("p")
        await loaded(pilot, "act")
        ((_, path, place),) = pilot.app.agent.calls
        assert (path, place.bucket, (place.key, place.prefix)) == ("/v1/cache:pin", "pix", wanted)


async def test_a_bucket_that_is_gone_is_told(opened):
    async with opened("2") as pilot:
        pilot.app.pane.navigation.open_place(("nothing", ""))
        await loaded(pilot, "listing")
        assert "does not exist" in screen(pilot.app)


async def test_the_tree_goes_along_and_leads(opened):
    async with opened("2", size=(160, 48)) as pilot:
        await enter(pilot, "pix")
        tree = pilot.app.pane.query_one("#tree")
        assert not tree.display, "it is shown on demand"
        await pilot.press("T")
        assert tree.cursor_node.data == ("pix", "")
        tree.focus()
        await pilot.press("down", "enter")
        await loaded(pilot, "listing")
        assert pilot.app.pane.table.listing.place == ("pix", "notes/")
        assert pilot.app.focused is table(pilot)


async def test_how_keys_are_with_queue_and_cache_is_seen(opened):
    async with opened("2", size=(160, 48)) as pilot:
        await enter(pilot, "pix", "photos/")
        shown = screen(pilot.app)
        for text in ("● cached", "◐ partial", "P pinned", "↑ pending", "✗ failed"):
            assert text in shown
    async with opened("2") as pilot:
        await enter(pilot, "pix", "photos/")
        row = next(r for r in screen(pilot.app).splitlines() if "IMG_0003" in r)
        assert "◐" in row


async def test_a_filter_that_is_no_regex_is_told_and_search_goes_below(opened):
    async with opened("2") as pilot:
        await enter(pilot, "pix")
        await pilot.press("slash", *"~(")
        await pilot.pause()
        assert "Invalid regular expression" in screen(pilot.app)
        await pilot.press("backspace", "backspace", *"zzz")
        await pilot.pause()
        assert "No match for zzz" in screen(pilot.app)
        await pilot.press("enter")
        await loaded(pilot, "listing")
        assert pilot.app.pane.table.listing.deep
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.pane.table.listing.filter.text == ""


async def test_an_error_that_has_no_room_is_marked_as_cut(opened):
    async with opened("2", size=(60, 20)) as pilot:
        await enter(pilot, "pix")
        await pilot.press("slash", *"~(")
        await pilot.pause()
        line = next(row for row in screen(pilot.app).splitlines() if "Invalid regular" in row)
        assert line.rstrip().endswith("…")


async def test_marks_survive_a_filter_and_are_counted(opened):
    async with opened("2") as pilot:
        await enter(pilot, "pix", "photos/")
        await pilot.press("down", "space", "space", "slash", *"0009", "enter")
        await pilot.press("g", "down", "space")
        await pilot.pause()
        assert "3 marked, 3 KiB" in screen(pilot.app)
        await pilot.press("escape")
        assert len(table(pilot).marks.ids) == 3
        await pilot.press("escape")
        assert not table(pilot).marks.ids


@pytest.mark.finding("tui-8")
async def test_a_filter_puts_the_cursor_on_the_first_match_and_arrows_move_it(opened):
    async with opened("2") as pilot:
        await enter(pilot, "pix", "photos/")
        await pilot.press("slash", *"img_000", "down", "down", "up")
        assert pilot.app.focused.value == "img_000"
        assert table(pilot).current.id == "photos/IMG_0002.jpg"
        await pilot.press("enter")
        await pilot.press("enter")
        await loaded(pilot, "preview")
        assert len(pilot.app.screen_stack) == 2, "the match is viewed, not the level above"


@pytest.mark.finding("tui-8")
@pytest.mark.parametrize(
    ("typed", "row"),
    [(["8"], "photos/IMG_0008.jpg"), (["z"], "photos/IMG_0005.jpg"),
     (["8", "z"], "photos/IMG_0005.jpg"), (["8", "z", "backspace"], "photos/IMG_0008.jpg")],
)  # fmt: skip
async def test_without_the_filter_the_cursor_is_on_its_match_or_where_it_was(opened, typed, row):
    async with opened("2") as pilot:
        await enter(pilot, "pix", "photos/")
        table(pilot).go("photos/IMG_0005.jpg")
        await pilot.press("slash", *typed, "escape")
        assert table(pilot).listing.filter.text == ""
        assert table(pilot).current.id == row


@pytest.mark.finding("tui-8")
async def test_a_bucket_is_found_and_entered_with_its_filter(opened):
    async with opened("2") as pilot:
        await pilot.press("slash", *"pi", "enter", "enter")
        await loaded(pilot, "listing")
        assert table(pilot).listing.place == ("pix", "")


@pytest.mark.finding("tui-10")
async def test_keys_act_on_the_tree_while_it_has_the_focus(opened):
    async with opened("2", size=(160, 48)) as pilot:
        await enter(pilot, "pix")
        await pilot.press("T")
        tree = pilot.app.pane.query_one("#tree")
        tree.focus()
        await pilot.press("j")
        assert tree.place == ("pix", "notes/")
        await pilot.press("p")
        await loaded(pilot, "act")
        ((_, path, place),) = pilot.app.agent.calls
        assert (path, place.bucket, place.prefix) == ("/v1/cache:pin", "pix", "notes/")
        await pilot.press("k", "D")
        assert "Remove the bucket pix?" in screen(pilot.app)


@pytest.mark.finding("tui-11")
async def test_the_inspector_follows_the_cursor_everywhere(opened):
    async with opened("2", size=(160, 48)) as pilot:
        details = pilot.app.pane.query_one("#inspector")
        looked = []
        look = details.look
        details.look = lambda *what: (looked.append(what[:2]), look(*what))
        table(pilot).go("pix")
        await enter(pilot, "pix", "photos/")
        await pilot.press("slash", *"0003")
        assert looked[-1] == ("pix", "photos/IMG_0003.jpg")
        await pilot.press("escape", "home")
        assert looked[-1] == ("pix", "")
        await pilot.press("h", "h")
        await loaded(pilot, "listing")
        assert looked[-1] == ("pix", "")


@pytest.mark.finding("tui-31")
@pytest.mark.parametrize(("size", "other"), [((80, 24), (120, 30)), ((120, 30), (80, 24))])
async def test_the_inspector_stays_as_it_was_chosen(opened, size, other):
    async with opened("2", size=size) as pilot:
        inspector = pilot.app.pane.query_one("#inspector")
        await pilot.press("i")
        is_shown = inspector.display
        assert is_shown is (size[0] < 96)
        await pilot.resize_terminal(*other)
        assert inspector.display is is_shown


@pytest.mark.parametrize("key", ["left_square_bracket", "right_square_bracket"])
async def test_a_key_that_turns_the_inspector_shows_it_first(opened, key):
    async with opened("2", size=(60, 20)) as pilot:
        assert "Info 1/4" not in screen(pilot.app)
        await pilot.press(key)
        assert "Info 1/4" in screen(pilot.app)
        await pilot.press("right_square_bracket")
        assert "Meta 2/4" in screen(pilot.app)


@pytest.mark.finding("tui-32")
async def test_a_filter_does_not_shift_the_columns(opened):
    async with opened("2", size=(80, 24)) as pilot:
        await enter(pilot, "pix")
        before = table(pilot).outer_size.width
        await pilot.press("slash", "i")
        assert table(pilot).outer_size.width == before


@pytest.mark.finding("tui-12")
async def test_columns_follow_the_room_beside_the_inspector(opened):
    async with opened("2", size=(80, 24)) as pilot:
        await enter(pilot, "pix")
        await pilot.press("i")
        assert "readme.txt" in screen(pilot.app)


@pytest.mark.finding("tui-24")
async def test_a_sentence_is_wrapped_not_cut(opened):
    async with opened("2", size=(60, 20)) as pilot:
        await enter(pilot, "pix", "photos/")
        await pilot.press("slash", *"a-name-that-is-nowhere")
        shown = " ".join(screen(pilot.app).split())
        assert "No match for a-name-that-is-nowhere in 12 keys; enter: search all." in shown


@pytest.mark.finding("tui-3")
@pytest.mark.parametrize(
    "text",
    [
        "s3://pix/photos/IMG_0003.jpg", "arn:aws:s3:::pix/photos/IMG_0003.jpg",
        "http://127.0.0.1:33333/pix/photos/IMG_0003.jpg", "/pix/photos/IMG_0003",
    ],
)  # fmt: skip
async def test_a_place_that_names_an_object_puts_the_cursor_on_it(opened, text):
    async with opened("2") as pilot:
        pilot.app.pane.navigation.go_to(text)
        await loaded(pilot, "listing")
        assert table(pilot).listing.place == ("pix", "photos/")
        assert table(pilot).current.id == "photos/IMG_0003.jpg"


async def test_the_inspector_has_tabs_and_is_asked_for_when_it_is_narrow(opened):
    async with opened("2", size=(80, 24)) as pilot:
        await enter(pilot, "pix")
        table(pilot).go("index.json")
        await pilot.press("i")
        await loaded(pilot, "inspect")
        assert "album = 2025" in screen(pilot.app)
        for wanted in ("mtime = 1795759880.5", "t edits them", "delete marker"):
            await pilot.press("right_square_bracket")
            await loaded(pilot, "inspect")
            assert wanted in screen(pilot.app)


@pytest.mark.finding("tui-18")
async def test_a_listing_that_failed_is_read_again_when_the_remote_is_back(opened):
    async with opened("2") as pilot:
        app = pilot.app
        await go_to_row(pilot, "pix", "index.json")
        app.workers.cancel_group(app, "feed")
        await pilot.pause()
        status = app.state.status
        away = msgspec.structs.replace(status.remote, ok=False, error="connection refused")
        app.state.status = msgspec.structs.replace(status, remote=away)
        app.pane.table.listing.error = "ServiceUnavailable"
        app.pane.draw()
        assert app.pane.table.listing.error
        app.state.status = status
        app.pane.draw()
        await loaded(pilot, "listing", "inspect")
        assert not app.pane.table.listing.error


@pytest.mark.finding("tui-18")
async def test_details_that_failed_are_read_again_when_the_remote_is_back(opened):
    class Unreachable(DemoAgent):
        is_away = True

        def _get(self, place, words):
            if self.is_away and place == "/v1/status" and "bucket" in words:
                raise RequestRefused(Problem("ServiceUnavailable", "connection refused"))
            return super()._get(place, words)

    agent = Unreachable()
    async with opened("2", agent) as pilot:
        app = pilot.app
        app.workers.cancel_group(app, "feed")
        await pilot.press("down")
        await loaded(pilot, "inspect")
        assert "connection refused" in screen(app)
        status = app.state.status
        away = msgspec.structs.replace(status.remote, ok=False, error="connection refused")
        app.state.status = msgspec.structs.replace(status, remote=away)
        app.pane.draw()
        agent.is_away, app.state.status = False, status
        app.pane.draw()
        await loaded(pilot, "inspect")
        assert "connection refused" not in screen(app)
        assert "versioning never enabled" in screen(app)


@pytest.mark.finding("tui-25")
async def test_a_large_level_that_has_changed_says_so(opened, monkeypatch):
    monkeypatch.setattr("s3d.tui.panes.listing_table.MAX_REFRESHED", 1)
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "index.json")
        assert "has changed since" not in pilot.app.pane.status()
        pilot.app.pane.table.note_change("pix", "new.txt")
        assert "has changed since it was read   ctrl+r reloads" in pilot.app.pane.status()
