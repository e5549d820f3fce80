"""What the keys of Buckets ask the agent for."""

import pytest

from tests.tui.conftest import go_to_row, loaded, screen


async def test_buckets_are_made_and_removed(opened):
    async with opened("2") as pilot:
        await pilot.press("n", *"No", "enter")
        await pilot.pause()
        assert "3 to 63 of a-z" in screen(pilot.app)
        await pilot.press("backspace", "backspace", *"new-one", "enter")
        await loaded(pilot, "act")
        pilot.app.pane.query_one("#objects").go("logs")
        await pilot.press("D", "y")
        await loaded(pilot, "act")
        assert [(method, path) for method, path, _ in pilot.app.agent.calls] == [
            ("PUT", "/v1/buckets/new-one"), ("DELETE", "/v1/buckets/logs"),
        ]  # fmt: skip


async def test_a_new_prefix_is_entered(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "..")
        await pilot.press("n", *"x/y", "enter")
        await loaded(pilot, "listing")
        assert pilot.app.pane.table.listing.place == ("pix", "x/y/")


async def test_tags_are_edited(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "index.json")
        await pilot.press("t")
        await loaded(pilot, "tags")
        assert "album=2025" in screen(pilot.app)
        await pilot.press("end", "enter", *"[red]", "ctrl+s")
        await pilot.pause()
        assert "line 2 is not NAME=VALUE" in screen(pilot.app)
        await pilot.press(*"=x", "ctrl+s")
        await loaded(pilot, "act")
        ((method, path, body),) = pilot.app.agent.calls
        assert (method, path, body.set) == (
            "PATCH", "/v1/buckets/pix/tags?key=index.json", {"[red]": "x"},
        )  # fmt: skip
        assert "s3d set pix/index.json" in screen(pilot.app)
        assert pilot.app.agent.tags["[red]"] == "x"


async def test_something_is_copied_as_it_is(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "evil", "a\x1b]0;PWNED\x07.bin")
        await pilot.press("y", "u")
        await pilot.pause()
        assert pilot.app.clipboard == "s3://evil/a\x1b]0;PWNED\x07.bin"
        assert "copied: s3://evil/a␛]0;PWNED␇.bin" in screen(pilot.app)


async def test_a_link_is_made_for_a_time_and_a_method(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "index.json")
        await pilot.press("y", "p", "ctrl+o", "enter")
        await loaded(pilot, "link")
        ((_, path, body),) = pilot.app.agent.calls
        assert (path, body.method, body.expires) == (
            "/v1/buckets/pix/object:presign?key=index.json", "GET", 86_400,
        )  # fmt: skip
        assert "X-Amz-Expires=86400" in pilot.app.clipboard


@pytest.mark.parametrize(("key", "verb"), [("p", "pin"), ("f", "prefetch"), ("E", "evict")])
async def test_the_cache_is_steered(opened, key, verb):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "photos/")
        await pilot.press(key)
        await loaded(pilot, "act")
        ((_, path, body),) = pilot.app.agent.calls
        assert (path, body.bucket, body.prefix) == (f"/v1/cache:{verb}", "pix", "photos/")


async def test_read_only_nothing_is_asked_nor_begun(opened):
    async with opened("2", is_readonly=True) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        for key in ("u", "D", "m", "n", "t", "p", "f", "E"):
            await pilot.press(key)
            await loaded(pilot, "act", "tags")
            assert len(pilot.app.screen_stack) == 1, key
            assert "The app is read-only" in screen(pilot.app), key
        assert pilot.app.agent.calls == []


async def test_what_waits_for_the_remote_is_not_evicted(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "photos/IMG_0006.jpg", "photos/")
        await pilot.press("E")
        await pilot.pause()
        assert "IMG_0006.jpg has a pending" in screen(pilot.app)
        assert pilot.app.agent.calls == []


@pytest.mark.finding("tui-29")
async def test_read_only_a_download_is_reading_and_the_rest_is_not_offered(opened):
    async with opened("2", is_readonly=True) as pilot:
        await go_to_row(pilot, "pix", "index.json")
        offered = {key for key, active in pilot.app.screen.active_bindings.items()
                   if active.enabled}  # fmt: skip
        assert {"d", "v", "y"} <= offered
        assert offered.isdisjoint({"u", "D", "m", "n", "t", "p", "f", "E"})
        await pilot.press("d", "enter")
        await loaded(pilot, "act")
        ((method, path, _),) = pilot.app.agent.calls
        assert (method, path) == ("POST", "/v1/transfers")
