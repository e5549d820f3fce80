import pytest
from textual.color import Color

from s3d.tui.app import S3dApp
from s3d.tui.demo import DemoAgent
from s3d.tui.themes import CYCLE, DEFAULT, PLAIN, THEMES
from tests.tui.conftest import loaded, segments, style_of


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


@pytest.mark.finding("tui-1")
@pytest.mark.parametrize("tab", ["1", "2", "5"])
async def test_without_colors_only_those_of_the_terminal_are_used(opened, tab):
    async with opened(tab, color=False) as pilot:
        if tab == "5":
            await pilot.press("n")
            await loaded(pilot, "check")
        styles = [each.style for each in segments(pilot.app) if each.style is not None]
        colors = [color for style in styles for color in (style.color, style.bgcolor) if color]
        assert colors
        assert all(color.is_default for color in colors)
        assert any(style.reverse for style in styles)
        await pilot.press("f2")
        assert pilot.app.theme == PLAIN


@pytest.mark.parametrize("theme", CYCLE)
async def test_what_destroys_is_red_and_the_tab_is_in_the_accent(opened, theme):
    async with opened("2") as pilot:
        pilot.app.theme = theme
        colors = pilot.app.get_css_variables()
        await pilot.pause()
        shown = style_of(pilot.app, "[2 Buckets]")
        assert shown.bold
        assert shown.color == Color.parse(colors["accent"]).rich_color
        pilot.app.prompts.confirm("Delete everything?", lambda: None)
        await pilot.pause()
        question = style_of(pilot.app, "Delete everything?")
        assert question.color == Color.parse(colors["error"]).rich_color
