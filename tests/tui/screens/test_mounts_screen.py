import msgspec
import pytest

from s3d.shared.mounting import MountSpec, MountStatus, UnmountRequest
from s3d.tui.demo import DemoAgent
from s3d.tui.screens.mounts_screen import details
from tests.tui.conftest import loaded, screen


class Failed(DemoAgent):
    """Its second mount is not mounted."""

    def __init__(self):
        super().__init__()
        failed = MountStatus("/home/me/music", "pix", state="failed", reason="fuse3 is missing")
        self.mounts = [self.mounts[0], failed]


async def test_it_lists_the_mounts_and_unmounts_one(opened):
    async with opened() as pilot:
        await pilot.press("M")
        shown = screen(pilot.app)
        assert "/home/me/S3" in shown
        assert "all buckets" in shown
        assert "2 open, 1 pending" in shown
        await pilot.press("j")
        assert "pix/photos" in screen(pilot.app)
        await pilot.press("u")
        await loaded(pilot, "act")
        body = UnmountRequest("/home/me/photos")
        assert pilot.app.agent.calls == [("POST", "/v1/mounts:unmount", body)]
        await pilot.app.feed.poll()
        await pilot.press("g")
        pilot.app.screen._draw()
        assert [row.id for row in pilot.app.screen.query_one("#mounts").rows] == ["/home/me/S3"]
        await pilot.press("escape")
        assert "$ s3d umount /home/me/photos" in screen(pilot.app)


async def test_it_mounts_a_prefix(opened):
    async with opened() as pilot:
        await pilot.press("M", "n")
        await pilot.press(*"/mnt/a", "tab", *"pix/photos/")
        await pilot.press("enter")
        await loaded(pilot, "act")
        spec = MountSpec("/mnt/a", "pix", "photos/")
        assert pilot.app.agent.calls == [("POST", "/v1/mounts", spec)]


async def test_a_problem_of_a_mount_leads_to_its_row(opened):
    async with opened(agent=Failed()) as pilot:
        pilot.app.pane.table.go("dashboard 0")
        await pilot.press("enter")
        assert pilot.app.screen.query_one("#mounts").current.id == "/home/me/music"
        assert "failed: fuse3 is missing" in screen(pilot.app)


async def test_read_only_nothing_is_mounted_or_unmounted(opened):
    async with opened(is_readonly=True) as pilot:
        await pilot.press("M")
        assert "u unmount" not in screen(pilot.app)
        await pilot.press("u", "n")
        assert pilot.app.agent.calls == []


async def test_a_command_opens_it(opened):
    async with opened() as pilot:
        await pilot.press("colon", *"mount ls", "enter")
        assert pilot.app.screen.query_one("#mounts").current.id == "/home/me/S3"


@pytest.mark.parametrize(
    ("changes", "line"),
    [({}, "no open files, nothing pending"), ({"failed": 1}, "1 failed (s3d queue ls"),
     ({"from_file": True}, "mounted again at the next start"),
     ({"state": "failed", "reason": "a\x1bb"}, "failed: a␛b")],
)  # fmt: skip
def test_details_of_a_mount(changes, line):
    mount = msgspec.structs.replace(MountStatus("/m"), **changes)
    assert any(each.startswith(line) for each in details(mount))
