import pytest

from s3d.tui.app import S3dApp
from s3d.tui.demo import DemoAgent
from s3d.tui.themes import CYCLE, DEFAULT, THEMES


@pytest.mark.parametrize("theme", CYCLE)
async def test_each_can_be_chosen(theme, opened):
    async with opened("3") as pilot:
        pilot.app.theme = theme
        await pilot.pause()
        assert "backup/proj/video.mov" in pilot.app.export_screenshot().replace("&#160;", " ")


def test_ours_have_names_of_their_own():
    assert len({theme.name for theme in THEMES}) == len(THEMES)
    assert DEFAULT in CYCLE


async def test_f2_goes_through_them(opened):
    async with opened() as pilot:
        for theme in (*CYCLE[1:], CYCLE[0]):
            await pilot.press("f2")
            assert pilot.app.theme == pilot.app.preferences.theme == theme


def test_an_unknown_one_of_the_file_is_no_harm():
    from s3d.tui.preferences import Preferences

    assert S3dApp(DemoAgent(), preferences=Preferences("nonsense"))
