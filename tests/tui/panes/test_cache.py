import pytest

from tests.tui.conftest import loaded, screen


async def test_it_shows_how_full_and_what_is_whole(opened):
    async with opened("4") as pilot:
        shown = screen(pilot.app)
        for text in ("7.1 GiB of 10 GiB", "hits 86%", "pinned: pix/photos/2024/", "◐ 62%"):
            assert text in shown


@pytest.mark.parametrize(("key", "wanted"), [("p", "/v1/cache:pin"), ("E", "/v1/cache:evict")])
async def test_keys_ask_the_agent(opened, key, wanted):
    async with opened("4") as pilot:
        pilot.app.pane.query_one("#entries").go("pix/photos/2025/IMG_0003.jpg")
        await pilot.press(key)
        await loaded(pilot, "act")
        ((_, path, place),) = pilot.app.agent.asked
        assert (path, place.bucket, place.key) == (wanted, "pix", "photos/2025/IMG_0003.jpg")


async def test_ascii_signs_are_ascii(opened):
    from s3d.tui.draw import ASCII

    async with opened("4", glyphs=ASCII) as pilot:
        lines = screen(pilot.app).splitlines()
        assert any("#" * 10 in line and "." * 5 in line for line in lines)
