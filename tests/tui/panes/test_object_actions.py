"""What the keys of Buckets ask the agent for."""

import pytest

from s3d.tui.panes.object_actions import _bucket_check, _cp, _key_check, _target_check
from tests.tui.conftest import loaded, screen


async def at(pilot, bucket, row, *prefixes):
    table = pilot.app.pane.query_one("#objects")
    for name in (bucket, *prefixes):
        table.go(name)
        await pilot.press("enter")
        await loaded(pilot, "listing", "inspect")
    table.go(row)
    await loaded(pilot, "inspect")


def asked(pilot):
    return [(method, path, body) for method, path, body in pilot.app.agent.asked]


async def test_what_is_marked_is_downloaded_with_a_word_on_how_much(opened, tmp_path):
    async with opened("2") as pilot:
        await at(pilot, "pix", "index.json")
        await pilot.press("space", "space", "d")
        await pilot.pause()
        assert "2 objects, 2 KiB" in screen(pilot.app)
        await pilot.press(*["backspace"] * 11, *str(tmp_path), "enter")
        await loaded(pilot, "act")
        ((_, path, request),) = asked(pilot)
        assert (path, request.kind, request.keys) == (
            "/v1/transfers", "download", ["index.json", "readme.txt"],
        )  # fmt: skip
        assert (request.to_path, request.existing, request.base) == (str(tmp_path), "skip", "")
        assert "$ s3d cp --skip-existing s3://pix/index.json" in screen(pilot.app)
        assert not pilot.app.pane.query_one("#objects").marks
        await pilot.press("3")
        await pilot.pause()
        assert "index.json" in screen(pilot.app)


async def test_a_prefix_keeps_its_name_below_the_folder(opened):
    async with opened("2") as pilot:
        await at(pilot, "pix", "photos/")
        await pilot.press("d", "tab", "ctrl+o", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = asked(pilot)
        assert (request.prefixes, request.base, request.existing) == (["photos/"], "", "replace")


async def test_a_folder_that_cannot_be_is_told_while_it_is_typed(opened):
    async with opened("2") as pilot:
        await at(pilot, "pix", "index.json")
        await pilot.press("d", *["backspace"] * 11, *"here", "enter")
        await pilot.pause()
        assert "write the whole path" in screen(pilot.app)
        assert asked(pilot) == []
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen_stack) == 1


async def test_a_file_is_uploaded_to_the_level_that_is_seen(opened, tmp_path):
    (tmp_path / "cat.jpg").write_bytes(b"x")
    async with opened("2") as pilot:
        await at(pilot, "pix", "..", "photos/")
        await pilot.press("u", "backspace", "backspace", *f"{tmp_path}/ca")
        await pilot.pause(0.2)
        await pilot.press("right", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = asked(pilot)
        assert (request.kind, request.paths) == ("upload", [f"{tmp_path}/cat.jpg"])
        assert (request.bucket, request.to_prefix, request.existing) == (
            "pix", "photos/", "replace",
        )  # fmt: skip


async def test_without_a_bucket_nothing_is_uploaded(opened):
    async with opened("2") as pilot:
        await pilot.press("u")
        await pilot.pause()
        assert "enter a bucket first" in screen(pilot.app)


async def test_one_is_renamed(opened):
    async with opened("2") as pilot:
        await at(pilot, "pix", "index.json")
        await pilot.press("m", "r", *["backspace"] * 4, *"html", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = asked(pilot)
        assert (request.kind, request.keys, request.as_key) == (
            "move", ["index.json"], "index.html",
        )  # fmt: skip
        assert "$ s3d mv s3://pix/index.json s3://pix/index.html" in screen(pilot.app)


@pytest.mark.parametrize(("key", "kind"), [("c", "copy"), ("m", "move")])
async def test_a_prefix_is_copied_or_moved(opened, key, kind):
    async with opened("2") as pilot:
        await at(pilot, "pix", "photos/")
        await pilot.press("m", key, *["backspace"] * 10, *"s3://backup/p/", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = asked(pilot)
        assert (request.kind, request.prefixes, request.to_bucket, request.to_prefix) == (
            kind, ["photos/"], "backup", "p/",
        )  # fmt: skip


async def test_a_prefix_is_deleted_after_its_bucket_was_written(opened):
    async with opened("2") as pilot:
        await at(pilot, "pix", "photos/")
        await pilot.press("D")
        await loaded(pilot, "count")
        assert "12 objects" in screen(pilot.app)
        await pilot.press(*"pax", "enter")
        await pilot.pause()
        assert asked(pilot) == []
        await pilot.press("D")
        await loaded(pilot, "count")
        await pilot.press(*"pix", "enter")
        await loaded(pilot, "act")
        ((_, _, request),) = asked(pilot)
        assert (request.kind, request.prefixes) == ("delete", ["photos/"])


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
        assert [(method, path) for method, path, _ in asked(pilot)] == [
            ("PUT", "/v1/buckets/new-one"), ("DELETE", "/v1/buckets/logs"),
        ]  # fmt: skip


async def test_a_new_prefix_is_entered(opened):
    async with opened("2") as pilot:
        await at(pilot, "pix", "..")
        await pilot.press("n", *"x/y", "enter")
        await loaded(pilot, "listing")
        assert pilot.app.pane.place == ("pix", "x/y/")


async def test_tags_are_edited(opened):
    async with opened("2") as pilot:
        await at(pilot, "pix", "index.json")
        await pilot.press("t")
        await loaded(pilot, "tags")
        assert "album=2025" in screen(pilot.app)
        await pilot.press("end", "enter", *"[red]", "ctrl+s")
        await pilot.pause()
        assert "line 2 is not NAME=VALUE" in screen(pilot.app)
        await pilot.press(*"=x", "ctrl+s")
        await loaded(pilot, "act")
        ((method, path, body),) = asked(pilot)
        assert (method, path, body.set) == (
            "PATCH", "/v1/buckets/pix/tags?key=index.json", {"[red]": "x"},
        )  # fmt: skip
        assert "s3d set pix/index.json" in screen(pilot.app)
        assert pilot.app.agent.tags["[red]"] == "x"


async def test_something_is_copied_as_it_is(opened):
    async with opened("2") as pilot:
        await at(pilot, "evil", "a\x1b]0;PWNED\x07.bin")
        await pilot.press("y", "u")
        await pilot.pause()
        assert pilot.app.clipboard == "s3://evil/a\x1b]0;PWNED\x07.bin"
        assert "copied: s3://evil/a␛]0;PWNED␇.bin" in screen(pilot.app)


async def test_a_link_is_made_for_a_time_and_a_method(opened):
    async with opened("2") as pilot:
        await at(pilot, "pix", "index.json")
        await pilot.press("y", "p", "ctrl+o", "enter")
        await loaded(pilot, "link")
        ((_, path, body),) = asked(pilot)
        assert (path, body.method, body.expires) == (
            "/v1/buckets/pix/object:presign?key=index.json", "GET", 86_400,
        )  # fmt: skip
        assert "X-Amz-Expires=86400" in pilot.app.clipboard


@pytest.mark.parametrize(("key", "verb"), [("p", "pin"), ("f", "prefetch"), ("E", "evict")])
async def test_the_cache_is_steered(opened, key, verb):
    async with opened("2") as pilot:
        await at(pilot, "pix", "photos/")
        await pilot.press(key)
        await loaded(pilot, "act")
        ((_, path, body),) = asked(pilot)
        assert (path, body.bucket, body.prefix) == (f"/v1/cache:{verb}", "pix", "photos/")


async def test_read_only_nothing_is_asked_nor_begun(opened):
    async with opened("2", is_readonly=True) as pilot:
        await at(pilot, "pix", "index.json")
        for key in ("d", "u", "D", "m", "n", "t", "p", "f", "E"):
            await pilot.press(key)
            await loaded(pilot, "act", "tags")
            assert len(pilot.app.screen_stack) == 1, key
            assert "this is read only" in screen(pilot.app), key
        assert asked(pilot) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("abc", ""), ("a", "3 to 63"), ("Abc", "3 to 63"), ("a_b", "3 to 63"), ("äbc", "3 to 63")],
)
def test_a_bucket_has_a_legal_name(text, wanted):
    assert wanted in _bucket_check(text)


def test_a_key_is_another_and_not_too_long():
    check = _key_check("a")
    assert check("b") == ""
    assert "already" in check("a")
    assert "needed" in check("")
    assert "1,024" in check("ü" * 600)


def test_a_target_is_a_place():
    check = _target_check("s3://bucket/p/")
    assert check("s3://other/") == check("s3://bucket/q/") == ""
    assert "where it is" in check("s3://bucket/p/")
    assert "ends with /" in check("s3://bucket/q")
    assert "bucket" in check("/tmp")


def test_a_long_command_is_cut():
    said = _cp([f"s3://b/{n}" for n in range(9)], "/tmp", "replace")
    assert said == "s3d cp s3://b/0 s3://b/1 s3://b/2 ... /tmp"


async def test_what_waits_for_the_remote_is_not_evicted(opened):
    async with opened("2") as pilot:
        await at(pilot, "pix", "photos/IMG_0006.jpg", "photos/")
        await pilot.press("E")
        await pilot.pause()
        assert "IMG_0006.jpg waits" in screen(pilot.app)
        assert asked(pilot) == []
