"""What the keys of Buckets transfer."""

import pytest

from s3d.shared.transfers import TransferRequest
from s3d.tui.panes.object_transfers import MAX_KEYS, split_request
from tests.tui.conftest import go_to_row, loaded, paste, screen


async def test_what_is_marked_is_downloaded_with_a_word_on_how_much(opened, tmp_path):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "index.json")
        await pilot.press("space", "space", "d")
        await pilot.pause()
        assert "2 objects, 2.1 KiB" in screen(pilot.app)
        await pilot.press("ctrl+u")
        await paste(pilot, str(tmp_path))
        await pilot.press("enter")
        await loaded(pilot, "act")
        ((_, path, request),) = pilot.app.agent.calls
        assert (path, request.kind, request.keys) == (
            "/v1/transfers", "download", ["index.json", "readme.txt"],
        )  # fmt: skip
        assert (request.to_path, request.existing, request.base) == (str(tmp_path), "skip", "")
        assert "$ s3d cp --skip-existing s3://pix/index.json" in screen(pilot.app)
        assert not pilot.app.pane.query_one("#objects").marks.ids
        await pilot.press("3")
        await pilot.pause()
        assert "index.json" in screen(pilot.app)


async def test_a_prefix_keeps_its_name_below_the_folder(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "photos/")
        await pilot.press("d", "tab", "ctrl+o", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = pilot.app.agent.calls
        assert (request.prefixes, request.base, request.existing) == (["photos/"], "", "replace")


async def test_a_folder_that_cannot_be_is_told_while_it_is_typed(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "index.json")
        await pilot.press("d", *["backspace"] * 11, *"here", "enter")
        await pilot.pause()
        assert "write an absolute path" in screen(pilot.app)
        assert pilot.app.agent.calls == []
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


async def test_a_file_is_uploaded_to_the_level_that_is_seen(opened, tmp_path):
    (tmp_path / "cat.jpg").write_bytes(b"x")
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "..", "photos/")
        await pilot.press("u", "backspace", "backspace")
        await paste(pilot, f"{tmp_path}/")
        await pilot.press(*"ca")
        await loaded(pilot, "default")  # the suggestion
        await pilot.press("right", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = pilot.app.agent.calls
        assert (request.kind, request.paths) == ("upload", [f"{tmp_path}/cat.jpg"])
        assert (request.bucket, request.to_prefix, request.existing) == (
            "pix", "photos/", "replace",
        )  # fmt: skip


async def test_without_a_bucket_nothing_is_uploaded(opened):
    async with opened("2") as pilot:
        await pilot.press("u")
        await pilot.pause()
        assert "Open a bucket first" in screen(pilot.app)


async def test_one_is_renamed(opened):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "index.json")
        await pilot.press("m", "r", *["backspace"] * 4, *"html", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = pilot.app.agent.calls
        assert (request.kind, request.keys, request.as_key) == (
            "move", ["index.json"], "index.html",
        )  # fmt: skip
        assert "$ s3d mv s3://pix/index.json s3://pix/index.html" in screen(pilot.app)


@pytest.mark.parametrize(("key", "kind"), [("c", "copy"), ("m", "move")])
async def test_a_prefix_is_copied_or_moved(opened, key, kind):
    async with opened("2") as pilot:
        await go_to_row(pilot, "pix", "photos/")
        await pilot.press("m", key, *["backspace"] * 10, *"s3://backup/p/", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = pilot.app.agent.calls
        assert (request.kind, request.prefixes, request.to_bucket, request.to_prefix) == (
            kind, ["photos/"], "backup", "p/",
        )  # fmt: skip


def test_many_keys_go_in_several_requests():
    keys = [str(n) for n in range(2 * MAX_KEYS + 1)]
    parts = split_request(TransferRequest("delete", "b", keys, ["p/"]))
    assert [key for part in parts for key in part.keys] == keys
    assert max(len(part.keys) for part in parts) == MAX_KEYS
    assert [part.prefixes for part in parts] == [["p/"], [], []]
