import os

import pytest

from s3d.agent.sync import user_actions
from s3d.agent.sync.mass_deletion import ApprovalNeeded
from tests.agent.sync.test_folder import keys, until_open


async def test_now_takes_what_was_written_just_now(running, root, objects):
    async with running() as folder:
        await until_open(folder)
        (root / "a").write_text("x")
        report = await user_actions.sync_now(folder)
        assert (report.uploaded, await keys(objects)) == (1, ["a"])
        status = folder.status()
        assert (status.files, status.size, status.state) == (1, 1, "idle")
        assert (await user_actions.sync_now(folder)).uploaded == 0


async def test_a_paused_folder_plans_and_does_nothing(running, root, objects):
    async with running() as folder:
        await until_open(folder)
        await user_actions.pause(folder)
        (root / "a").write_text("x")
        assert [(step.path, str(step.action)) for step in await user_actions.plan(folder)] == [
            ("a", "upload")
        ]
        assert folder.status().state == "paused"
        assert await keys(objects) == []


async def test_a_doubtful_pass_is_approved_or_restored(running, root, objects):
    async with running() as folder:
        await until_open(folder)
        for name in "abc":
            (root / name).write_text(name)
        await user_actions.sync_now(folder)
        for name in "abc":
            (root / name).unlink()
        with pytest.raises(ApprovalNeeded, match="all 3 files"):
            await user_actions.sync_now(folder)
        assert folder.status().question == "deletions"
        assert await user_actions.restore(folder) == 3
        await user_actions.sync_now(folder)
        assert sorted(os.listdir(root)) == [".s3d", "a", "b", "c"]
        for name in "abc":
            (root / name).unlink()
        with pytest.raises(ApprovalNeeded):
            await user_actions.sync_now(folder)
        user_actions.approve(folder)
        await user_actions.sync_now(folder)
        assert await keys(objects) == []
