import pytest

from tests.tui.conftest import loaded, screen


async def test_it_shows_how_full_and_what_is_whole(opened):
    async with opened("4") as pilot:
        shown = screen(pilot.app)
        for text in (
            "7.1 GiB of 10 GiB",
            "hits: 86%",
            "pix/photos/2024/ (312 objects)",
            "◐ partial 62%",
            "prefetch 30%",
            "4,812 objects",
        ):
            assert text in shown


@pytest.mark.parametrize(
    ("keys", "wanted"), [(["p"], "/v1/cache:pin"), (["E", "y"], "/v1/cache:evict")]
)
async def test_keys_ask_the_agent(opened, keys, wanted):
    async with opened("4") as pilot:
        pilot.app.pane.query_one("#entries").go("pix/photos/2025/IMG_0003.jpg")
        await pilot.press(*keys)
        await loaded(pilot, "act")
        ((_, path, place),) = pilot.app.agent.calls
        assert (path, place.bucket, place.key) == (wanted, "pix", "photos/2025/IMG_0003.jpg")


async def test_ascii_signs_are_ascii(opened):
    from s3d.tui.themes import ASCII

    async with opened("4", glyphs=ASCII) as pilot:
        lines = screen(pilot.app).splitlines()
        assert any("#" * 10 in line and "." * 5 in line for line in lines)


async def test_what_is_pinned_is_unpinned_and_a_prefix_too(opened):
    async with opened("4") as pilot:
        await pilot.press("g", "p")
        await loaded(pilot, "act")
        ((_, path, place),) = pilot.app.agent.calls
        assert (path, place.bucket, place.prefix) == ("/v1/cache:unpin", "pix", "photos/2024/")


async def test_what_waits_for_the_remote_is_not_evicted(opened):
    async with opened("4") as pilot:
        pilot.app.pane.query_one("#entries").go("backup/proj/video.mov")
        await pilot.press("E")
        await pilot.pause()
        assert pilot.app.agent.calls == []
        assert "Can't evict a pending write" in screen(pilot.app)


async def test_a_prefetch_is_begun_and_cancelled(opened):
    async with opened("4") as pilot:
        pilot.app.pane.query_one("#entries").go("logs/2026/11/21.gz")
        await pilot.press("f", *["backspace"] * 5, "enter")
        await loaded(pilot, "act")
        pilot.app.pane.query_one("#entries").go("f1")
        await pilot.press("x")
        await loaded(pilot, "act")
        asked = [(path, getattr(body, "prefix", "")) for _, path, body in pilot.app.agent.calls]
        assert asked == [("/v1/cache:prefetch", "2026/11/"), ("/v1/transfers/f1:cancel", "")]


async def test_limits_are_asked_for_and_checked(opened):
    async with opened("4") as pilot:
        await pilot.press("L", *["backspace"] * 9, *"20Gib!", "enter")
        await pilot.pause()
        assert "not a size" in screen(pilot.app)
        await pilot.press("backspace", "enter")
        await loaded(pilot, "act")
        ((method, path, body),) = pilot.app.agent.calls
        assert (method, path, body.max_size) == ("PATCH", "/v1/cache", 20 << 30)


async def test_it_is_filtered_sorted_and_leads_to_the_object(opened):
    async with opened("4") as pilot:
        table = pilot.app.pane.query_one("#entries")
        await pilot.press("slash", *"IMG", "enter")
        await pilot.pause()
        assert [row.id for row in table.rows] == [
            "pix/photos/2025/IMG_0001.jpg", "pix/photos/2025/IMG_0003.jpg",
        ]  # fmt: skip
        await pilot.press("o", "s", "enter")
        await loaded(pilot, "listing")
        assert "[2 Buckets]" in screen(pilot.app)
        assert pilot.app.pane.table.listing.place == ("pix", "photos/2025/")
