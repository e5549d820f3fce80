import asyncio
import os
import threading
from dataclasses import replace

import pytest

from s3d.agent.core import metric_table
from s3d.agent.core.client import S3Client
from s3d.agent.core.store import Layer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.agent.sync import folder as folder_module
from s3d.agent.sync import user_actions
from s3d.agent.sync.decide import Action
from s3d.agent.sync.folder import SyncFolder
from s3d.agent.sync.interfaces import Unavailable
from s3d.agent.sync.pass_scope import Scope
from tests.agent.sync.conftest import BUCKET


async def keys(objects) -> list[str]:
    return [row.key async for row in objects.list(BUCKET)]


async def until_open(folder):
    async with asyncio.timeout(10):
        return await folder.opened()


async def until_stopped(folder):
    with folder.context.events.subscribe(("sync",)) as events:
        async with asyncio.timeout(10):
            while folder.status().state != "stopped":
                await events.take()


async def test_a_folder_is_made_and_marked(running, root):
    async with running() as folder:
        await until_open(folder)
        assert (root / ".s3d/marker").is_file()
        assert folder.status().state in ("starting", "syncing", "idle")


async def test_a_prefix_is_all_that_is_touched(running, root, objects):
    await objects.put(BUCKET, "other", BytesBody(b"1"))
    async with running(prefix="mine/") as folder:
        await until_open(folder)
        (root / "a").write_text("x")
        await user_actions.sync_now(folder)
        assert await keys(objects) == ["mine/a", "other"]
        assert not (root / "other").exists()


async def test_passes_and_what_they_change_are_counted(running, root, objects):
    async with running() as folder:
        counted = folder.context.registry.values
        await until_open(folder)
        (root / "up").write_text("x")
        await user_actions.sync_now(folder)
        await objects.put(BUCKET, "down", BytesBody(b"1"))
        await user_actions.sync_now(folder)
        (root / "up").unlink()
        await user_actions.sync_now(folder)
        name = folder.name
        assert counted(metric_table.SYNC_ACTIONS) == {
            (name, "delete-remote"): 1,
            (name, "download"): 1,
            (name, "upload"): 1,
        }
        assert counted(metric_table.SYNC_UPLOAD_DELAY) == {(name,): 1}
        assert counted(metric_table.SYNC_DOWNLOAD_DELAY) == {(name,): 1}
        done = counted(metric_table.SYNC_PASSES)
        assert done.keys() == {(name, "done")}
        assert done[name, "done"] >= 3
        await objects.delete(BUCKET, "down")
        await objects.delete_bucket(BUCKET)
        with pytest.raises(Unavailable):
            await user_actions.sync_now(folder)
        assert counted(metric_table.SYNC_PASSES)[name, "offline"] >= 1


async def test_a_bucket_that_is_gone_is_no_deletion(running, root, objects):
    async with running() as folder:
        await until_open(folder)
        (root / "a").write_text("x")
        await user_actions.sync_now(folder)
        await objects.delete(BUCKET, "a")
        await objects.delete_bucket(BUCKET)
        with pytest.raises(Unavailable, match="NoSuchBucket"):
            await user_actions.sync_now(folder)
        assert folder.status().state == "offline"
        assert (root / "a").exists()


BEYOND = 10**19
"""Nanoseconds after 1970: in the year 2286, and not in 64 bits."""


@pytest.mark.finding("F5")
async def test_a_file_of_another_age_blocks_only_itself(running, root, objects):
    async with running() as folder:
        await until_open(folder)
        (root / "good").write_text("x")
        (root / "odd").write_text("x")
        os.utime(root / "odd", ns=(BEYOND, BEYOND))
        if (root / "odd").stat().st_mtime_ns != BEYOND:
            pytest.skip("this file system has no such times")
        await user_actions.sync_now(folder)
        (trouble,) = folder.status().troubles
        assert (trouble.path, trouble.state) == ("odd", "blocked")
        assert "after 2262" in trouble.reason
        assert await keys(objects) == ["good"]
        os.utime(root / "odd")
        await user_actions.sync_now(folder)
        assert (await keys(objects), folder.status().trouble_count) == (["good", "odd"], 0)
        # One that was agreed on is not taken for deleted.
        os.utime(root / "odd", ns=(BEYOND, BEYOND))
        await user_actions.sync_now(folder)
        assert (await keys(objects), folder.status().trouble_count) == (["good", "odd"], 1)


@pytest.mark.finding("F5")
async def test_an_object_of_another_age_is_downloaded(running, root, objects):
    from s3d.agent.core.object_info import ObjectAttributes

    odd = ObjectAttributes(metadata={"mtime": "10000000000"})
    await objects.put(BUCKET, "odd", BytesBody(b"x"), odd)
    async with running() as folder:
        await until_open(folder)
        await user_actions.sync_now(folder)
        assert (root / "odd").read_text() == "x"
        assert (folder.status().state, folder.status().trouble_count) == ("idle", 0)


@pytest.mark.finding("F8")
async def test_a_file_becomes_a_folder_of_its_name_and_a_file_again(running, root, objects):
    async with running() as folder:
        await until_open(folder)
        (root / "p").write_text("file")
        (root / "q").write_text("other")
        await user_actions.sync_now(folder)
        (root / "p").unlink()
        (root / "p").mkdir()
        (root / "p/x").write_text("in it")
        await user_actions.sync_now(folder)
        assert (await keys(objects), folder.status().trouble_count) == (["p/x", "q"], 0)
        (root / "p/x").unlink()
        (root / "p").rmdir()
        (root / "p").write_text("file again")
        await user_actions.sync_now(folder)
        assert (await keys(objects), folder.status().trouble_count) == (["p", "q"], 0)


@pytest.mark.finding("F8")
async def test_a_file_becomes_a_folder_in_the_bucket_and_a_file_again(running, root, objects):
    await objects.put(BUCKET, "p", BytesBody(b"file"))
    await objects.put(BUCKET, "q", BytesBody(b"other"))
    async with running() as folder:
        await until_open(folder)
        await user_actions.sync_now(folder)
        for gone, new in (("p", "p/x"), ("p/x", "p")):
            await objects.delete(BUCKET, gone)
            await objects.put(BUCKET, new, BytesBody(b"new"))
            await user_actions.sync_now(folder)
            assert (root / new).read_text() == "new"
            assert folder.status().trouble_count == 0


@pytest.mark.finding("S13")
async def test_a_folder_that_has_just_come_is_no_trouble(running, root):
    async with running() as folder:
        here = await until_open(folder)
        await user_actions.sync_now(folder)
        await user_actions.pause(folder)
        (root / "new").mkdir()
        steps = await here.passes.plan(Scope(paths={"new"}))
        assert [step.action for step in steps if step.action is Action.BLOCK] == []


@pytest.mark.finding("D24")
async def test_a_link_is_left_out_and_no_failure(running, root):
    root.mkdir(parents=True)
    (root / "link").symlink_to("/etc/passwd")
    async with running() as folder:
        await until_open(folder)
        report = await user_actions.sync_now(folder)
        status = folder.status()
        assert (status.state, status.trouble_count, status.left_out) == ("idle", 0, 1)
        assert [(each.path, each.state) for each in status.troubles] == [("link", "left out")]
        assert report.troubles == 0


class Away(Layer):
    """Somebody else answers HEAD: 404, as from a network that knows no such page."""

    is_away = False

    async def call(self, request):
        if self.is_away and request.op.name == "HeadObject":
            raise S3Error("NoSuchKey", "Not found.")
        return await self.inner.call(request)


@pytest.mark.finding("F3")
@pytest.mark.rule("SYNC-2")
async def test_a_404_alone_deletes_no_file(context, root, objects):
    away = Away(objects.target)
    await objects.put(BUCKET, "a", BytesBody(b"1"))
    await objects.put(BUCKET, "b", BytesBody(b"1"))
    folder = SyncFolder(replace(context(), objects=S3Client(away, bypass_cache=True)))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(folder.run())
        await until_open(folder)
        await user_actions.sync_now(folder)
        away.is_away = True
        outcome = await folder.make_pass(Scope(touched={"a"}))
        assert [done.action for done in outcome.done] == [Action.WAIT]
        assert (root / "a").read_text() == "1"
        away.is_away = False
        await objects.delete(BUCKET, "a")
        await folder.make_pass(Scope(touched={"a"}))
        assert not (root / "a").exists()
        task.cancel()
    folder.close()


async def test_limits_leave_the_rest_in_the_bucket(running, root, objects):
    for number in range(3):
        await objects.put(BUCKET, f"{number}", BytesBody(b"12345"))
    async with running(max_files=2) as folder:
        await until_open(folder)
        await user_actions.sync_now(folder)
        assert len(list(root.glob("?"))) == 2
        assert [trouble.state for trouble in folder.status().troubles] == ["skipped"]


async def test_metadata_tags_and_modes_stay(running, root, objects):
    from s3d.agent.core.object_info import ObjectAttributes

    await objects.put(BUCKET, "a.txt", BytesBody(b"1"), ObjectAttributes(tags={"k": "v"}))
    async with running(keep_mode=True) as folder:
        await until_open(folder)
        await user_actions.sync_now(folder)
        (root / "a.txt").write_text("22")
        (root / "a.txt").chmod(0o750)
        await user_actions.sync_now(folder)
    info = await objects.head(BUCKET, "a.txt")
    assert await objects.tags(BUCKET, "a.txt") == {"k": "v"}
    assert info.content_type == "text/plain"
    assert info.metadata["mode"] == "100750"


async def test_a_remote_without_conditions_is_refused_both_ways(context):
    for mode, unsafe, refused in (("two-way", False, True), ("two-way", True, False),
                                  ("backup", False, False)):  # fmt: skip
        folder = SyncFolder(replace(context(mode=mode, unsafe=unsafe), level=lambda: "C"))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(folder.run())
            await until_open(folder)
            if refused:
                with pytest.raises(Unavailable, match="conditional writes"):
                    await user_actions.sync_now(folder)
            else:
                await user_actions.sync_now(folder)
            task.cancel()
        folder.close()


async def test_a_root_that_is_not_the_one_stops_the_folder_until_it_is_taken(
    running, root, objects
):
    async with running() as folder:
        await until_open(folder)
        (root / "a").write_text("x")
        await user_actions.sync_now(folder)
    root.rename(root.with_name("aside"))
    root.mkdir()
    async with running() as folder:
        await until_stopped(folder)
        assert folder.status().question == "root"
        assert await keys(objects) == ["a"]
        user_actions.approve(folder)
        async with asyncio.timeout(10):
            await until_open(folder)
        await user_actions.sync_now(folder)
        assert (root / "a").read_text() == "x"


async def test_a_folder_that_is_removed_while_it_opens_waits_for_the_thread(context, monkeypatch):
    """The thread uses the baseline, which the removal closes next: SQLite may crash the agent."""
    steps, entered, leave = [], threading.Event(), threading.Event()
    open_root = folder_module._open_root

    def slow(*args, **named):
        entered.set()
        leave.wait(10)
        opened = open_root(*args, **named)
        steps.append("opened")
        return opened

    monkeypatch.setattr(folder_module, "_open_root", slow)
    folder = SyncFolder(context())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(folder.run())
        await asyncio.to_thread(entered.wait, 10)
        running.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        if running.done():
            steps.append("removed")
        leave.set()
        await asyncio.wait([running])
        steps.append("removed")
    folder.close()
    assert steps == ["opened", "removed"]
