import pytest

from s3d.tui.app import S3dApp, sources
from s3d.tui.demo import DemoAgent
from s3d.tui.key_bindings import all_keys, groups_of, ids_of, keys_of, sign
from s3d.tui.preferences import Preferences
from tests.tui.conftest import loaded, screen


def test_keys_are_named_as_they_are_on_the_keyboard():
    assert [sign(key) for key in ("question_mark", "slash", "a", "ctrl+p")] == [
        "?", "/", "a", "ctrl+p",
    ]  # fmt: skip


def test_all_of_them_are_listed_once():
    lines = list(all_keys(sources()))
    for wanted in ("Everywhere", "Lists", "Buckets", "Logs"):
        assert wanted in lines
    assert any("buckets.download" in line for line in lines)
    ids = [line.split()[-1] for line in lines if "." in line.split()[-1]]
    assert len(ids) == len(set(ids))


def test_no_key_of_a_part_does_two_things():
    for title, bindings in sources():
        keys = [key for binding in bindings for key in binding.key.split(",")]
        assert len(keys) == len(set(keys)), title


async def test_a_person_has_other_keys(opened):
    preferences = Preferences(keys={"transfers.pause_all": "ctrl+y", "quit": "f10"})
    async with opened("3", preferences=preferences) as pilot:
        await pilot.press("P")
        await loaded(pilot, "act")
        assert pilot.app.agent.calls == []
        await pilot.press("ctrl+y")
        await loaded(pilot, "act")
        assert [path for _, path, _ in pilot.app.agent.calls] == ["/v1/queue:pause"]
        assert "f10 Quit" in screen(pilot.app)


async def test_keys_that_make_no_sense_are_told(opened):
    preferences = Preferences(keys={"nonsense": "x", "cache.pin": "z", "cache.evict": "z"})
    async with opened(preferences=preferences) as pilot:
        shown = screen(pilot.app)
        assert "there is no action nonsense" in shown
        assert "z is bound to two actions" in shown


def test_names_are_those_of_the_bindings():
    assert "buckets.delete" in ids_of(sources())
    assert S3dApp(DemoAgent()) is not None


async def test_help_has_what_is_not_possible_now_as_well(opened):
    async with opened("2") as pilot:  # the cursor is on a bucket
        lines = keys_of(pilot.app.screen)
        (download,) = [each for each in lines if "Download" in getattr(each, "text", each)]
        assert next(iter(download)).style.dim
        (delete,) = [each for each in lines if "Delete" in getattr(each, "text", each)]
        assert isinstance(delete, str)


async def test_help_is_grouped_with_the_nearest_keys_first(opened):
    async with opened("2") as pilot:
        titles = [title for title, _ in groups_of(pilot.app.screen)]
        assert titles == ["Buckets", "Lists", "Everywhere"]
        lines = [line if isinstance(line, str) else line.text for line in keys_of(pilot.app.screen)]
        assert lines[0] == "Buckets"
        assert lines.index("Lists") < lines.index("  down j             Down")
        assert "  D delete           Delete" in lines
        await pilot.press("V")
        pilot.app.prompts.confirm("Sure?", lambda: None)
        await pilot.pause()
        assert groups_of(pilot.app.screen)[0][0] == "This window"


@pytest.mark.parametrize("tab", "23456")
async def test_help_has_no_key_that_scrolls_tables_sideways(opened, tab):
    async with opened(tab) as pilot:
        lines = [line if isinstance(line, str) else line.text for line in keys_of(pilot.app.screen)]
        assert not [line for line in lines if line.endswith((" Left", " Right"))]
