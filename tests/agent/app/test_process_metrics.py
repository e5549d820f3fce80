import asyncio
import os
import resource
import select

from s3d.agent.app import process_metrics
from s3d.agent.app.free_space import FreeSpace
from s3d.agent.app.process_metrics import (
    commit_histogram,
    measure_lag,
    open_files,
    report_process,
    resident_memory,
)
from s3d.agent.core import metric_table
from s3d.agent.core.telemetry import NoRegistry, Registry
from s3d.agent.storage.index import Index

STALL = 0.15


def test_what_the_system_knows_of_the_process(tmp_path):
    registry = Registry()
    disks = FreeSpace({"state": tmp_path, "store": tmp_path / "missing"})
    for thread in disks.measure():
        thread.join()
    report_process(registry, 123.0, disks)
    assert registry.total(metric_table.START_TIME) == 123
    assert registry.total(metric_table.BUILD_INFO) == 1
    assert registry.total(metric_table.CPU_TIME) > 0
    assert registry.total(metric_table.MAX_FILES) >= registry.total(metric_table.OPEN_FILES) > 2
    free = registry.values(metric_table.DISK_FREE)
    assert list(free) == [("state",)]
    stats = os.statvfs(tmp_path)
    assert abs(free["state",] - stats.f_bavail * stats.f_frsize) < 1 << 30


def test_an_unlimited_number_of_files_is_no_number(tmp_path, monkeypatch):
    infinite = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: infinite)
    registry = Registry()
    report_process(registry, 123.0, FreeSpace({}))
    assert registry.values(metric_table.MAX_FILES) == {}


def test_memory_and_files_follow_what_is_opened(tmp_path):
    before, files = resident_memory(), open_files()
    data = b"x" * (64 << 20)
    with (tmp_path / "f").open("wb"):
        assert open_files() == files + 1
    assert resident_memory() - before > len(data) / 2


async def test_a_stalled_loop_shows_as_lag(monkeypatch):
    monkeypatch.setattr(process_metrics, "LAG_INTERVAL", 0.05)
    registry = Registry()
    cell = registry.histogram(metric_table.LOOP_LAG)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(measure_lag(registry))
        await asyncio.sleep(0)  # its timer runs
        select.select([], [], [], 0.05 + STALL)
        for _ in iter(lambda: sum(cell.counts), 1):
            await asyncio.sleep(0)
        task.cancel()
    assert sum(cell.counts) == 1
    assert cell.sum >= STALL


async def test_commits_are_timed_by_database(tmp_path):
    registry = Registry()
    commits = commit_histogram(registry, "store")
    index = Index.open(tmp_path / "index.sqlite", commits=commits)
    try:
        for number in range(3):
            await index.write(lambda tx, number=number: tx.put_setting("b", "n", b"%d" % number))
    finally:
        index.close()
    assert registry.values(metric_table.SQLITE_COMMIT) == {("store",): 3}
    assert 0 < registry.histogram(metric_table.SQLITE_COMMIT, "store").sum < 30


def test_without_a_registry_no_commit_is_timed():
    assert commit_histogram(NoRegistry(), "store") is None
