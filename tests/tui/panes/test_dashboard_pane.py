import pytest
from msgspec.structs import replace

from s3d.shared.mounting import MountStatus
from tests.tui.conftest import loaded, screen


async def test_it_shows_whether_all_is_well(opened):
    async with opened() as pilot:
        shown = screen(pilot.app)
        for text in ("29.6 MiB/s", "7.1 GiB of 10 GiB", "p50 3.0 ms", "4xx 2", "412 of 664",
                     "http://127.0.0.1:33333", "55 of 60 files would be deleted",
                     "AccessDenied (HTTP 403)", "stopped: 55 of 60",
                     "up to date, 18,204 files",
                     "oldest 6 min", "arrival", "850 ms", "9.2 s",
                     "saved 81,204 requests, 88 GiB, worth 7.95"):  # fmt: skip
            assert text in shown


async def test_a_box_has_whole_words(opened):
    async with opened(size=(120, 30)) as pilot:
        assert "saved 81,204 requests, 88 GiB of downloads, worth 7.95 " in screen(pilot.app)
    async with opened(size=(60, 20)) as pilot:
        shown = screen(pilot.app)
        assert "saved" not in shown
        assert "55 of 60 files would be deleted   5" in shown, "what needs attention has its place"
        assert "…" not in shown


@pytest.mark.finding("tui-20")
async def test_enter_leads_to_the_row_where_it_is_mended(opened):
    async with opened() as pilot:
        assert "$ s3d queue retry 8f10" in screen(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert "[3 Transfers" in screen(pilot.app)
        assert pilot.app.pane.table.current.id == "8f10"
        await pilot.press("1", "down")
        await pilot.pause()
        assert "$ s3d sync plan notes" in screen(pilot.app)
        await pilot.press("enter")
        await pilot.pause()
        assert "[5 Sync" in screen(pilot.app)
        assert pilot.app.pane.table.current.id == "notes"


@pytest.mark.finding("tui-39")
async def test_the_chart_shows_the_whole_time_that_it_names(opened):
    async with opened() as pilot:
        pilot.app.workers.cancel_group(pilot.app, "feed")
        await pilot.pause()
        state = pilot.app.state
        state.samples = replace(state.samples, down=[7.0 * 2**20, *[0.0] * 299])
        pilot.app.pane.draw()
        await pilot.pause()
        assert "█▁▁▁" in screen(pilot.app), "the peak of five minutes ago"
        assert "peak 7 MiB/s in 5 min" in screen(pilot.app)
        state.samples = replace(state.samples, down=[2.0**20] * 12)
        pilot.app.pane.draw()
        await pilot.pause()
        assert "peak 1 MiB/s in 12 s" in screen(pilot.app)


async def test_mounts_are_below_the_sync_folders(opened):
    async with opened() as pilot:
        state = pilot.app.state
        mounts = [MountStatus("/home/me/S3", pending=2)]
        state.status = replace(state.status, mounts=mounts)
        pilot.app.pane.draw()
        await pilot.pause()
        assert "mount  /home/me/S3  all buckets, 2 pending" in screen(pilot.app)


async def test_before_an_answer_nothing_is_made_up(opened):
    async with opened() as pilot:
        pilot.app.workers.cancel_group(pilot.app, "feed")  # or it answers in between
        await pilot.pause()
        state = pilot.app.state
        state.status, state.transfers, state.folders = None, [], []
        pilot.app.pane.draw()
        await pilot.pause()
        assert "Nothing needs attention." in screen(pilot.app)
        assert "No sync folders yet: press 5, then n" in screen(pilot.app)


async def test_what_was_not_measured_is_a_dash(opened):
    async with opened() as pilot:
        pilot.app.workers.cancel_group(pilot.app, "feed")
        await pilot.pause()
        state = pilot.app.state
        state.samples = replace(state.samples, p50=0.0, p99=0.0)
        state.status = replace(state.status, cache=replace(state.cache, hits=0, misses=0))
        pilot.app.pane.draw()
        await pilot.pause()
        assert "p50 -  p99 -" in screen(pilot.app)
        assert "from the cache: no reads yet" in screen(pilot.app)


async def test_keys_pause_all_and_copy_the_endpoint(opened):
    async with opened() as pilot:
        await pilot.press("P")
        await loaded(pilot, "act")
        assert [path for _, path, _ in pilot.app.agent.calls] == ["/v1/queue:pause"]
        assert "$ s3d queue pause" in screen(pilot.app)
        await pilot.press("y")
        assert pilot.app.clipboard == "http://127.0.0.1:33333"


@pytest.mark.parametrize(
    ("width", "text"),
    [(160, " Updated just now   remote reachable   $ s3d queue retry 8f10"),
     (60, " remote reachable   $ s3d queue retry 8f10"), (40, " $ s3d queue retry 8f10")],
)  # fmt: skip
async def test_the_command_that_mends_a_problem_is_never_cut(opened, width, text):
    async with opened(size=(width, 30)) as pilot:
        assert pilot.app.pane.status() == text
