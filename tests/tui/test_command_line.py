import os

import pytest

from s3d.tui.command_line import USAGES, CommandRefused, copy_request, parse
from tests.tui.conftest import loaded, screen


def test_words_are_those_of_a_shell():
    assert parse("pin 'a b/c d'") == ("pin", ["a b/c d"], False)
    assert parse("s3d cache evict b/k") == ("cache evict", ["b/k"], False)
    assert parse("cache") == ("cache", [], False)
    assert parse("rm -r b/p/") == ("rm", ["b/p/"], True)
    assert parse("ls") == ("ls", [], False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fly", "there is no command fly"), ("", "there is no command"),
        ("pin", "write it as: pin BUCKET/PREFIX"), ("ls a b", "write it as: ls"),
        ("pin -r b", "write it as: pin"), ("pin 'b", "No closing quotation"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text, why):
    with pytest.raises(CommandRefused, match=why):
        parse(text)


def test_every_usage_begins_with_its_verb():
    assert all(usage.startswith(verb) for verb, usage in USAGES.items())


def test_copies_in_every_direction(tmp_path):
    up = copy_request("cp", "/tmp/a.txt", "s3://b/p/", is_recursive=False)
    assert (up.kind, up.bucket, up.paths, up.to_prefix) == ("upload", "b", ["/tmp/a.txt"], "p/")
    named = copy_request("mv", "~/a.txt", "s3://b/p/z", is_recursive=False)
    assert (named.as_key, named.to_prefix, named.delete_source) == ("p/z", "", True)
    assert named.paths == [os.path.expanduser("~/a.txt")]
    folder = copy_request("cp", str(tmp_path), "s3://b/site", is_recursive=True)
    assert (folder.base, folder.to_prefix) == (f"{tmp_path.name}/", "site/")
    down = copy_request("cp", "s3://b/p/d", "/tmp/x", is_recursive=True)
    assert (down.kind, down.prefixes, down.to_path) == ("download", ["p/d/"], "/tmp/x")
    one = copy_request("mv", "s3://b/p/k", f"{tmp_path}/new", is_recursive=False)
    assert (one.to_path, one.as_key, one.delete_source) == (str(tmp_path), "new", True)
    across = copy_request("mv", "s3://b/p/k", "s3://c/q/", is_recursive=False)
    assert (across.kind, across.keys, across.base) == ("move", ["p/k"], "p/")
    assert (across.to_bucket, across.to_prefix, across.as_key) == ("c", "q/", "")


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [("a", "b", "SOURCE or TARGET"), ("s3://b/p/", "x", "is a prefix: add -r"),
     ("/", "s3://b/", "is a folder: add -r")],
)  # fmt: skip
def test_copies_that_mean_nothing_are_refused(source, target, why):
    with pytest.raises(CommandRefused, match=why):
        copy_request("cp", source, target, is_recursive=False)


@pytest.mark.parametrize(
    ("typed", "method", "path"),
    [
        ("mb new-one", "PUT", "/v1/buckets/new-one"), ("pin pix/photos/", "POST", "/v1/cache:pin"),
        ("queue pause", "POST", "/v1/queue:pause"), ("queue retry", "POST", "/v1/queue:retry"),
        ("cp /tmp/x s3://pix/", "POST", "/v1/transfers"),
        ("cache evict pix/index.json", "POST", "/v1/cache:evict"),
    ],
)  # fmt: skip
async def test_a_command_asks_the_agent(opened, typed, method, path):
    async with opened("1") as pilot:
        await pilot.press("colon", *typed, "enter")
        await loaded(pilot, "act")
        assert [call[:2] for call in pilot.app.agent.calls] == [(method, path)]


async def test_what_destroys_is_confirmed(opened):
    async with opened("1") as pilot:
        await pilot.press("colon", *"rm -r pix/photos/", "enter")
        assert "Delete all below pix/photos/?" in screen(pilot.app)
        await pilot.press(*"pix", "enter")
        await loaded(pilot, "act")
        await pilot.press("colon", *"rb pix", "enter", "y")
        await loaded(pilot, "act")
        (_, _, request), (method, path, _) = pilot.app.agent.calls
        assert (request.kind, request.prefixes) == ("delete", ["photos/"])
        assert (method, path) == ("DELETE", "/v1/buckets/pix")


async def test_commands_lead_to_tabs_and_places(opened):
    async with opened("1") as pilot:
        await pilot.press("colon", *"sync", "enter")
        assert pilot.app.main.tab == "sync"
        await pilot.press("colon", *"ls pix/photos/", "enter")
        await loaded(pilot, "listing")
        assert pilot.app.pane.table.listing.place == ("pix", "photos/")
        await pilot.press("colon", *"fly", "enter")
        assert "there is no command fly" in screen(pilot.app)
        await pilot.press("colon", *"rm pix/photos/", "enter")
        assert "is a prefix:" in screen(pilot.app)
