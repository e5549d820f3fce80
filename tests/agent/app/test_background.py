"""The tasks that a remote brings; those of the embedded store are in test_open_session.py."""

import asyncio
from types import SimpleNamespace

import pytest

from s3d.agent.app.background import background_tasks, context_of
from s3d.agent.app.process import Notifier
from s3d.agent.core.bandwidth import TrafficClass, traffic_class
from s3d.shared.filters.expression import Filter

REMOTE_TASKS = {"watchdog", "sync", "samples", "event loop lag", "free space", "telemetry",
             "transfers", "buckets", "migration", "probing", "account", "history",
             "receipts"}  # fmt: skip


class Part(SimpleNamespace):
    """Has any attribute that is asked for."""

    def __getattr__(self, name):
        return Part()

    def __call__(self, *args):
        return None


def session(**of_gateway):
    policy = Part(policy=None, filter=Filter.parse(""))
    absent = {"queue": None, "staging": None, "cache": None, "waiting": None}
    gateway = Part(**{"push_policy": policy, **absent, **of_gateway})
    return Part(stack=Part(embedded=None, gateway=gateway), fleet=None, change_sources=None)


def names_of(gateway):
    """Of the tasks of a real gateway. Imported by other tests."""
    tasks = background_tasks(
        Part(stack=Part(embedded=None, gateway=gateway), fleet=None, change_sources=None),
        Notifier(),
    )
    return set(tasks) - (REMOTE_TASKS - {"migration", "probing", "account"})


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ({}, set()),
        ({"queue": Part(), "staging": Part()}, {"pusher", "sweep"}),
        (
            {"queue": Part(), "staging": Part(), "push_policy": Part(policy=Part())},
            {"pusher", "sweep", "filter"},
        ),
        ({"cache": Part()}, {"cache", "pins", "numbers", "unused caches"}),
        ({"cache": Part(layer=None)}, set()),
        ({"waiting": Part()}, {"take over"}),
    ],
)
def test_each_part_of_a_gateway_brings_its_tasks(parts, names):
    assert set(background_tasks(session(**parts), Notifier())) == REMOTE_TASKS | names


def test_what_reports_changes_of_the_remote_is_a_task():
    tasks = background_tasks(
        Part(stack=Part(embedded=None, gateway=None), fleet=None, change_sources=Part()),
        Notifier(),
    )
    assert "remote changes" in tasks


async def test_the_traffic_of_a_task_counts_for_its_class():
    seen = []

    async def note():
        seen.append(traffic_class.get())

    parts = session(queue=Part(pusher=Part(run=note)), staging=Part())
    parts.folders = parts.transfers = Part(run=note)
    tasks = background_tasks(parts, Notifier())
    async with asyncio.TaskGroup() as group:
        for name in ("pusher", "sync", "transfers"):
            group.create_task(tasks[name](), context=context_of(name))
    assert seen == [TrafficClass.QUEUE, TrafficClass.SYNC, TrafficClass.TRANSFERS]
    assert traffic_class.get() is TrafficClass.CLIENTS
