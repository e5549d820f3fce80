from s3d.tui.state import LogLine
from tests.tui.conftest import screen


async def test_lines_are_shown_by_level_and_the_end_is_followed(opened):
    async with opened("6") as pilot:
        state, pane = pilot.app.state, pilot.app.pane
        state.log.clear()
        for number in range(100):
            level = "error" if number % 10 == 0 else "info"
            state.log.append(LogLine(0.0, level, "s3d.agent.x", f"line {number} \x1b[31m[b]"))
        pane.draw()
        await pilot.pause()
        assert "line 99 ␛[31m[b]" in screen(pilot.app)
        await pilot.press("L", "L")
        await pilot.pause()
        assert "line 90" in screen(pilot.app)
        assert "line 99" not in screen(pilot.app)
        await pilot.press("f", "g")
        pane.draw()
        await pilot.pause()
        assert "line 0" in screen(pilot.app)
