from tests.tui.conftest import loaded, screen


async def test_settings_are_told_with_where_they_come_from(opened):
    async with opened() as pilot:
        await pilot.press("comma")
        await loaded(pilot, "settings")
        for text in ("secret_access_key", "********", "environment", "read_cache.max_size"):
            assert text in screen(pilot.app)
        assert "after restarting the agent" in screen(pilot.app)
        await pilot.press("G")
        await pilot.pause()
        assert "until the agent restarts" in screen(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1
