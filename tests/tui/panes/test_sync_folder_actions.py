import pytest

from tests.tui.conftest import loaded


@pytest.mark.parametrize(
    ("folder", "keys", "wanted"),
    [
        ("photos", ["p"], [("POST", "/v1/sync/photos:pause")]),
        ("photos", ["s"], [("POST", "/v1/sync/photos:now")]),
        ("photos", ["a"], []),
        ("notes", ["a", "y"], [("POST", "/v1/sync/notes:approve")]),
        ("notes", ["a", "n"], []),
        pytest.param(
            "notes", ["u", "y"], [("POST", "/v1/sync/notes:restore")],
            marks=pytest.mark.finding("tui-22"),
        ),
        pytest.param("notes", ["u", "n"], [], marks=pytest.mark.finding("tui-22")),
        pytest.param("photos", ["tab", "down", "z"], [], marks=pytest.mark.finding("tui-22")),
        ("photos", ["tab", "z"], [("POST", "/v1/sync/photos:undo")]),
        ("photos", ["c"], []),
        ("notes", ["c", "r"], [("POST", "/v1/sync/notes:resolve")]),
        ("photos", ["t"], [("POST", "/v1/sync/photos:plan")]),
        ("photos", ["D", "y"], [("DELETE", "/v1/sync/photos")]),
        ("photos", ["D", "escape"], []),
    ],
)  # fmt: skip
async def test_keys_ask_the_agent(opened, folder, keys, wanted):
    async with opened("5") as pilot:
        pilot.app.pane.query_one("#sync-folders").go(folder)
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await loaded(pilot, "conflicts")
        await loaded(pilot, "act", "plan")
        assert [(method, path) for method, path, _ in pilot.app.agent.calls] == wanted
