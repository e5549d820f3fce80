from s3d.tui.screens.main_screen import PANES


async def test_every_pane_takes_the_keys_when_it_is_shown(opened):
    async with opened() as pilot:
        for number, kind in enumerate(PANES.values(), 1):
            await pilot.press(str(number))
            await pilot.pause()
            pane = pilot.app.pane
            assert isinstance(pane, kind)
            assert pilot.app.focused is pane.query_one(pane.FOCUS)
            assert (pane.host, pane.state) == (pilot.app, pilot.app.state)
