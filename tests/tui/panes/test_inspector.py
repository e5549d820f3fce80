import pytest
from msgspec import structs

from s3d.shared.control import Event, ObjectStatus
from s3d.shared.transfers import RemoteStatus
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from s3d.tui.panes.inspector import Inspector
from s3d.tui.preferences import Preferences
from s3d.tui.preview.preview_box import PreviewBox
from tests.tui.conftest import go_to_row, loaded, screen

SIZE = (160, 48)


class Recording(DemoAgent):
    """It notes which ranges were read, and how often each status."""

    def __init__(self, **headers):
        super().__init__()
        self.ranges, self.statuses, self.headers = [], [], headers
        self.count = 1_204

    async def read_range(self, path, start, size):
        self.ranges.append((path, start, size))
        return await super().read_range(path, start, size)

    async def call(self, method, path, kind, body=None):
        answer = await super().call(method, path, kind, body)
        if path.startswith("/v1/status?"):
            self.statuses.append(path)
            if kind is ObjectStatus:
                return structs.replace(answer, headers=self.headers)
            return structs.replace(answer, objects=self.count)
        return answer


def inspector(pilot):
    return pilot.app.pane.query_one(Inspector)


async def settle(pilot):
    await loaded(pilot, "listing", "inspect")
    await loaded(pilot, "preview")


async def test_an_object_is_previewed_while_the_cursor_rests(opened):
    agent = Recording()
    async with opened("2", agent, SIZE) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        shown = screen(pilot.app)
        assert '"name": "notes",' in shown
        assert "JSON" in shown
        assert len(agent.ranges) == 1
        assert agent.ranges[0][1] == 0


@pytest.mark.finding("tui-11")
async def test_the_first_bucket_is_inspected_at_once(opened):
    async with opened("2", DemoAgent(), SIZE) as pilot:
        await settle(pilot)
        assert "1,204 objects" in screen(pilot.app)


@pytest.mark.finding("tui-11")
async def test_it_follows_the_cursor_through_a_filter(opened):
    async with opened("2", DemoAgent(), SIZE) as pilot:
        await go_to_row(pilot, "pix", "data.bin")
        await pilot.press("slash", *"readme")
        await settle(pilot)
        table = pilot.app.pane.table
        assert inspector(pilot)._target[1] == table.current_id
        await pilot.press("escape", "home", "end")
        await settle(pilot)
        assert inspector(pilot)._target[1] == table.current_id == "sizes.csv"
        assert "IMG_0001" in screen(pilot.app)


@pytest.mark.finding("tui-11")
async def test_the_numbers_of_a_bucket_follow_its_changes(opened, monkeypatch):
    monkeypatch.setattr("s3d.tui.panes.inspector.COUNT_DELAY", 0.0)
    agent = Recording()
    async with opened("2", agent, SIZE) as pilot:
        await settle(pilot)
        bucket = pilot.app.pane.table.current_id
        agent.count = 1_205
        pilot.app.main.update_listing(Event(1, "demo", NOW, "store.changed", f"{bucket}/new"))
        await loaded(pilot, "inspect-bucket")
        await loaded(pilot, "inspect")
        assert "1,205 objects" in screen(pilot.app)


async def test_a_prefix_says_how_its_size_is_found(opened):
    async with opened("2", DemoAgent(), SIZE) as pilot:
        await go_to_row(pilot, "pix", "notes/")
        assert "S shows the size" in screen(pilot.app)


@pytest.mark.finding("tui-23")
async def test_a_long_key_leaves_room(opened):
    async with opened("2", DemoAgent(), (100, 30)) as pilot:
        await go_to_row(pilot, "evil", "n" * 900)
        shown = screen(pilot.app)
        assert "7,300 B" in shown
        assert "The quick brown" in shown


async def test_a_key_reads_what_is_not_read_at_rest(opened):
    agent = Recording()
    async with opened("2", agent, SIZE, preferences=Preferences(preview="key")) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        assert agent.ranges == []
        assert "+ shows a preview: it reads at most 64 KiB" in screen(pilot.app)
        await pilot.press("plus")
        await settle(pilot)
        assert '"name": "notes",' in screen(pilot.app)


async def test_without_a_cache_a_billed_remote_is_not_read_at_rest(opened):
    class Uncached(Recording):
        def _status(self):
            remote = RemoteStatus("aws", True, last_success=NOW)
            return structs.replace(super()._status(), cache=None, remote=remote)

    agent = Uncached()
    async with opened("2", agent, SIZE) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        assert agent.ranges == []


async def test_it_can_be_off(opened):
    agent = Recording()
    async with opened("2", agent, SIZE, preferences=Preferences(preview="off")) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        assert agent.ranges == []
        assert "+ shows" not in screen(pilot.app)


async def test_what_only_the_client_can_decrypt_is_not_read(opened):
    agent = Recording(**{"x-amz-server-side-encryption-customer-algorithm": "AES256"})
    async with opened("2", agent, SIZE) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        await pilot.press("plus")
        await settle(pilot)
        assert agent.ranges == []
        assert "encrypted with a customer's key" in screen(pilot.app).replace("\n", "")


async def test_a_hidden_inspector_reads_nothing_until_it_is_shown(opened):
    agent = Recording()
    async with opened("2", agent, (80, 24)) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        assert agent.ranges == agent.statuses == []
        await pilot.press("i")
        await settle(pilot)
        assert '"name"' in screen(pilot.app)


async def test_a_moved_cursor_forgets_the_preview(opened):
    async with opened("2", DemoAgent(), SIZE) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        await pilot.press("up")
        preview = pilot.app.pane.query_one(PreviewBox).preview
        assert preview is None or preview.target.key == "data.bin"
        await settle(pilot)
        assert "00000000  00 01" in screen(pilot.app)


async def test_tab_goes_into_it_and_escape_out_of_it(opened):
    async with opened("2", DemoAgent(), SIZE) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        lines = pilot.app.pane.query_one(PreviewBox).lines
        await pilot.press("tab")
        assert lines.has_focus
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.pane.table.has_focus


@pytest.mark.finding("tui-42")
async def test_a_click_on_other_tab_shows_the_next_section(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "index.json")
        inspector = pilot.app.pane.query_one("#inspector")
        hint = "[ ] other tab"
        y = inspector.region.bottom - 1
        x = screen(pilot.app).splitlines()[y].index(hint)
        await pilot.click(offset=(x + 6, y))
        await loaded(pilot, "inspect")
        assert "Meta 2/4" in screen(pilot.app)
        await pilot.click(offset=(x, y))  # on the first of the two keys
        await loaded(pilot, "inspect")
        assert "Info 1/4" in screen(pilot.app)
        await pilot.click(offset=(inspector.region.x + 3, inspector.region.y + 2))
        await loaded(pilot, "inspect")
        assert "Info 1/4" in screen(pilot.app), "only the words are a button"
