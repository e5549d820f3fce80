import asyncio

import pytest

from s3d.tui.demo import DemoAgent
from s3d.tui.field_completion import BucketSuggester, PathSuggester, PlaceSuggester, PrefixSuggester
from s3d.tui.screens.form_screen import Field

NAMES = ["pix", "backup", "pixels"]


@pytest.mark.parametrize(("typed", "wanted"), [("no", "notes/"), ("a", "a.txt"), ("x", None)])
async def test_a_path_is_completed(tmp_path, typed, wanted):
    (tmp_path / "notes").mkdir()
    (tmp_path / "a.txt").touch()
    found = await PathSuggester().get_suggestion(f"{tmp_path}/{typed}")
    assert found == (f"{tmp_path}/{wanted}" if wanted else None)
    assert await PathSuggester().get_suggestion(f"{tmp_path}/none/x") is None
    assert await PathSuggester().get_suggestion(f"{tmp_path}/") is None


@pytest.mark.parametrize(("typed", "wanted"), [("pi", "pix"), ("pix", "pixels"), ("z", None)])
async def test_a_bucket_is_completed(typed, wanted):
    assert await BucketSuggester(lambda: NAMES).get_suggestion(typed) == wanted


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("b", "backup/"), ("s3://b", "s3://backup/"), ("pix/p", "pix/photos/"), ("pix/", None),
     ("s3://pix/n", "s3://pix/notes/"), ("nothing/x", None), ("", None)],
)  # fmt: skip
async def test_a_place_is_completed_level_by_level(typed, wanted):
    assert await PlaceSuggester(DemoAgent(), lambda: NAMES).get_suggestion(typed) == wanted


async def test_only_the_latest_text_asks_the_agent():
    asked = []

    class Counting(DemoAgent):
        def _page(self, bucket, words):
            asked.append(words["prefix"])
            return super()._page(bucket, words)

    suggester = PrefixSuggester(Counting(), lambda: "pix")
    async with asyncio.TaskGroup() as group:
        for text in ("p", "ph", "pho"):
            group.create_task(suggester.get_suggestion(text))
    assert asked == ["pho"]
    assert await PrefixSuggester(Counting(), lambda: "").get_suggestion("p") is None


async def test_the_right_arrow_accepts_what_is_suggested(opened):
    async with opened() as pilot:
        found = []
        field = Field("bucket", "Bucket", completion=BucketSuggester(lambda: NAMES))
        pilot.app.prompts.fill_in("A form", [field], found.append)
        await pilot.pause()
        await pilot.press("b")
        entry = pilot.app.screen.query_one("#bucket")
        async with asyncio.timeout(30):
            while entry._suggestion != "backup":
                await pilot.pause()
        await pilot.press("right", "enter")
        await pilot.pause()
        assert found == [{"bucket": "backup"}]
