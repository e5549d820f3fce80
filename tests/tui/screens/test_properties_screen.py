import pytest

from s3d.tui.document_editor import check_json
from tests.tui.conftest import loaded, screen


async def look(pilot):
    pilot.app.pane.query_one("#objects").go("pix")
    await pilot.press("P")
    await loaded(pilot, "properties")


async def test_all_are_shown_with_what_they_hold(opened):
    async with opened("2") as pilot:
        await look(pilot)
        shown = screen(pilot.app)
        for text in (
            "Properties of pix",
            "versioning",
            "Enabled",
            "AccessDenied",
            "none",
            "1 rule",
        ):
            assert text in shown
        await pilot.press("G")
        await pilot.pause()
        assert '"AllowedMethods"' in screen(pilot.app)


async def test_versioning_is_a_choice(opened):
    async with opened("2") as pilot:
        await look(pilot)
        await pilot.press("e", "s", "enter")
        await loaded(pilot, "act", "properties")
        ((method, path, body),) = pilot.app.agent.calls
        assert (method, path) == ("PUT", "/v1/buckets/pix/properties/versioning")
        assert body.document == '{"Status": "Suspended"}'
        assert "$ s3d versioning pix off" in screen(pilot.app)


async def test_a_property_that_was_never_set_begins_with_an_example(opened):
    async with opened("2") as pilot:
        await look(pilot)
        await pilot.press("down", "down", "e")
        await pilot.pause()
        assert '"Expiration"' in screen(pilot.app)
        await pilot.press("ctrl+end", "x", "ctrl+s")
        await pilot.pause()
        assert "not JSON" in screen(pilot.app)
        await pilot.press("backspace", "ctrl+s")
        await loaded(pilot, "act", "properties")
        ((_, path, _),) = pilot.app.agent.calls
        assert path == "/v1/buckets/pix/properties/lifecycle"


async def test_one_is_removed_after_a_yes(opened):
    async with opened("2") as pilot:
        await look(pilot)
        await pilot.press("D")
        assert "versioning cannot be removed" in screen(pilot.app)
        await pilot.press("G", "D", "y")
        await loaded(pilot, "act", "properties")
        ((method, path, _),) = pilot.app.agent.calls
        assert (method, path) == ("DELETE", "/v1/buckets/pix/properties/cors")


async def test_an_editor_needs_a_terminal(opened, monkeypatch):
    monkeypatch.setenv("VISUAL", "true")
    async with opened("2") as pilot:
        await look(pilot)
        await pilot.press("E")
        await pilot.pause()
        assert "cannot start an editor" in screen(pilot.app)


@pytest.mark.parametrize(("text", "is_good"), [("{}", True), ("{", False), ("", False)])
def test_a_document_is_json(text, is_good):
    assert (check_json(text) == "") == is_good
