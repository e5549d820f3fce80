import asyncio

import pytest

from s3d.shared.syncing import FilterRow
from s3d.tui.screens.folder_form_screen import FolderFormScreen, preview_rows
from s3d.tui.themes import UNICODE
from tests.tui.conftest import loaded, screen, style_of


async def write(pilot, field, text):
    """In place of what is there."""
    entry = pilot.app.screen.query_one(f"#folder-{field}")
    entry.value = text
    pilot.app.screen._validate_in_worker()
    await loaded(pilot, "check")


async def form_closed(pilot):
    """Wait until the form is gone, which it is once the agent has saved the folder."""
    async with asyncio.timeout(10):
        while len(pilot.app.screen_stack) > 1:
            await pilot.pause()


def changes(agent):
    """The requests, without the checks that the form may send at any time."""
    return [call for call in agent.calls if call[1] != "/v1/sync:check"]


async def test_each_field_is_judged_while_it_is_written(opened):
    async with opened("5") as pilot:
        await pilot.press("n")
        await loaded(pilot, "check")
        assert "✗" not in screen(pilot.app)
        await write(pilot, "path", "~/x")
        assert "✓ writable, 5 files" in screen(pilot.app)
        await write(pilot, "bucket", "pix")
        await write(pilot, "prefix", "photos/2025/")
        assert "✗ overlaps folder photos" in screen(pilot.app)
        await pilot.press("ctrl+s")
        await loaded(pilot, "check", "save")
        assert "Fix the marked fields first" in screen(pilot.app)
        assert [method for method, path, _ in pilot.app.agent.calls if method == "PUT"] == []


async def test_the_filter_shows_the_rule_for_each_path(opened):
    async with opened("5") as pilot:
        await pilot.press("n")
        await write(pilot, "filter", "* !*.tmp")
        shown = screen(pilot.app)
        assert "2 included, 1 excluded" in shown
        assert "✓ ideas.md" in shown
        assert "term 2  !*.tmp" in shown


ROWS = [
    FilterRow("ideas.md", included=True),
    FilterRow("node_modules/left/index.js", included=False, term=2, rule="!node_modules/*"),
    FilterRow("film.mov", included=False, rule="larger than 1 GiB"),
]


@pytest.mark.finding("tui-33")
@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, ["✓ ideas.md", "─ node_modules/left/index.js term 2  !node_modules/*",
              "─ film.mov                   larger than 1 GiB"]),
        (36, ["✓ ideas.md", "─ node_modules/left/index.js term 2",
              "─ film.mov         larger than 1 GiB"]),
        (24, ["✓ ideas.md", "─ node_mo…ndex.js term 2", "─ film.mov   larger than 1 GiB"]),
    ],
)  # fmt: skip
def test_a_row_of_the_preview_fits(width, expected):
    assert preview_rows(ROWS, width, UNICODE) == expected


async def test_the_label_of_the_field_with_the_focus_is_bold(opened):
    async with opened("5") as pilot:
        await pilot.press("n", "tab", "tab")
        assert style_of(pilot.app, "Prefix").bold
        assert not style_of(pilot.app, "Local folder").bold


async def test_a_good_one_is_saved(opened):
    async with opened("5") as pilot:
        await pilot.press("n")
        for field, text in (("path", "~/new"), ("bucket", "pix"), ("prefix", "n/")):
            await write(pilot, field, text)
        await pilot.press("ctrl+o", "ctrl+s")
        await form_closed(pilot)
        method, path, body = changes(pilot.app.agent)[-1]
        assert (method, path) == ("PUT", "/v1/sync/new")
        assert (body.path, body.bucket, body.prefix, body.mode) == ("~/new", "pix", "n/", "backup")
        assert "new saved" in screen(pilot.app)
        assert "$ s3d sync add" in screen(pilot.app)


async def test_a_folder_is_edited_with_what_it_has(opened):
    async with opened("5") as pilot:
        pilot.app.pane.query_one("#sync-folders").go("proj")
        await pilot.press("e")
        await loaded(pilot, "fill", "check")
        form = pilot.app.screen
        assert isinstance(form, FolderFormScreen)
        assert form.values["filter"] == "* !*.tmp"
        assert form.values["mode"] == "backup"
        await pilot.press("ctrl+s")
        await form_closed(pilot)
        assert changes(pilot.app.agent)[-1][:2] == ("PUT", "/v1/sync/proj")


async def test_a_dry_run_changes_nothing(opened):
    async with opened("5") as pilot:
        pilot.app.pane.query_one("#sync-folders").go("proj")
        await pilot.press("e")
        await loaded(pilot, "fill", "check")
        await pilot.press("ctrl+t")
        await loaded(pilot, "plan")
        assert "ideas.md" in screen(pilot.app)
        paths = [path for _, path, _ in pilot.app.agent.calls if "check" not in path]
        assert paths == ["/v1/sync:validate?name=proj"]
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_it_fits(opened, size):
    async with opened("5", size=size) as pilot:
        await pilot.press("n")
        await loaded(pilot, "check")
        for label in ("Name", "Local folder", "Bucket", "Filter"):
            assert label in screen(pilot.app)


async def test_a_new_one_does_not_take_the_place_of_another(opened):
    async with opened("5") as pilot:
        await pilot.press("n")
        for field, text in (("path", "~/photos"), ("bucket", "pix"), ("prefix", "n/")):
            await write(pilot, field, text)
        await pilot.press("ctrl+s")
        await loaded(pilot, "save")
        assert "a folder photos already exists" in screen(pilot.app)
        assert not [each for each in pilot.app.agent.calls if each[0] == "PUT"]


@pytest.mark.finding("tui-7")
async def test_defaults_are_values_and_examples_are_not(opened):
    async with opened("5") as pilot:
        await pilot.press("n")
        await loaded(pilot, "check")
        form = pilot.app.screen
        assert [each.placeholder for each in form.query("Input")] == [""] * 8
        assert (form.values["mode"], form.values["interval"]) == ("two-way", "30s")
        await pilot.press(*"~/my/notes")
        assert (form.values["name"], form.values["prefix"]) == ("notes", "notes/")
        await pilot.press("tab", "tab", "delete", "shift+tab", "shift+tab", *"x")
        assert (form.values["path"], form.values["prefix"]) == ("x", "")
        await loaded(pilot, "check")
        assert "empty: the whole bucket" in screen(pilot.app)


@pytest.mark.finding("tui-35")
async def test_what_was_not_typed_is_wrong_only_when_it_is_saved(opened):
    async with opened("5") as pilot:
        await pilot.press("n")
        await loaded(pilot, "check")
        assert "✗" not in screen(pilot.app)
        await pilot.press("ctrl+s")
        await loaded(pilot, "check", "save")
        assert "✗ no such folder" in screen(pilot.app)


@pytest.mark.finding("tui-14")
async def test_the_mode_is_chosen_from_all_that_there_are(opened):
    async with opened("5") as pilot:
        await pilot.press("n", *["tab"] * 3, "b")
        await loaded(pilot, "check")
        assert pilot.app.screen.values["mode"] == "backup"
        assert "two-way  [backup]  mirror" in screen(pilot.app)


async def test_it_is_saved_from_the_dry_run(opened):
    async with opened("5") as pilot:
        await pilot.press("n")
        await write(pilot, "path", "~/new")
        await write(pilot, "bucket", "pix")
        await pilot.press("ctrl+t")
        await loaded(pilot, "plan")
        assert "ctrl+s saves the folder" in screen(pilot.app)
        await pilot.press("ctrl+s")
        await form_closed(pilot)
        method, path, body = changes(pilot.app.agent)[-1]
        assert (method, path) == ("PUT", "/v1/sync/new")
        assert (body.path, body.prefix, body.interval) == ("~/new", "new/", "30s")
        assert len(pilot.app.screen_stack) == 1
