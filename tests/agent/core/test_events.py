import asyncio
import logging
from collections.abc import Iterator

import pytest

from s3d.agent.core.events import (
    RING,
    SUBSCRIBERS,
    UNREAD,
    Events,
    LogEvents,
    Subscription,
    TooManySubscribers,
)


@pytest.fixture
def events() -> Events:
    return Events(clock=lambda: 1000.0)


def kinds(taken) -> list[str]:
    return [event.kind for event in taken]


async def test_a_subscriber_takes_what_was_emitted_in_order(events):
    with events.subscribe() as subscription:
        events.emit("store.changed", "b/1", operation="PutObject")
        events.emit("store.changed", "b/2")
        first, second = await subscription.take()
    assert (first.seq, first.boot, first.at) == (1, events.boot, 1000.0)
    assert (first.kind, first.subject) == ("store.changed", "b/1")
    assert first.data == {"operation": "PutObject"}
    assert (second.seq, second.subject) == (2, "b/2")


async def test_nothing_is_told_from_before_the_subscription(events):
    events.emit("old")
    with events.subscribe() as subscription:
        events.emit("new")
        assert kinds(await subscription.take()) == ["new"]


async def test_an_unread_event_gives_way_to_a_newer_one_of_its_kind_and_subject(events):
    with events.subscribe() as subscription:
        events.emit("progress", "a", done=1)
        events.emit("progress", "b", done=1)
        events.emit("progress", "a", done=2)
        taken = await subscription.take()
    assert [(event.subject, event.data["done"]) for event in taken] == [("b", 1), ("a", 2)]


async def test_too_much_unread_becomes_one_resync(events):
    with events.subscribe() as subscription:
        for number in range(UNREAD + 1):
            events.emit("store.changed", str(number))
        events.emit("store.changed", "after")
        taken = await subscription.take()
    assert kinds(taken) == ["resync", "store.changed"]
    assert taken[0].seq == UNREAD + 1


async def test_take_waits_for_news(events):
    with events.subscribe() as subscription:
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(subscription.take())
            await asyncio.sleep(0)
            assert not taking.done()
            events.emit("news")
        assert kinds(taking.result()) == ["news"]


@pytest.mark.parametrize(
    ("topics", "told"),
    [
        ([], ["queue.pushed", "log.warning", "log.error"]),
        (["queue"], ["queue.pushed"]),
        (["log.error"], ["log.error"]),
        (["que"], []),
        (["queue", "log"], ["queue.pushed", "log.warning", "log.error"]),
    ],
)
async def test_topics_are_kinds_or_their_first_words(events, topics, told):
    with events.subscribe(topics) as subscription:
        for kind in ("queue.pushed", "log.warning", "log.error"):
            events.emit(kind)
        events.close()
        assert kinds(await subscription.take()) == told


async def test_a_reader_that_comes_back_gets_what_it_missed(events):
    for number in range(5):
        events.emit("n", str(number))
    with events.subscribe(since=3, boot=events.boot) as subscription:
        events.emit("n", "live")
        taken = await subscription.take()
    assert [event.subject for event in taken] == ["3", "4", "live"]


async def test_a_reader_that_missed_nothing_is_told_nothing(events):
    events.emit("n")
    with events.subscribe(since=1, boot=events.boot) as subscription:
        events.emit("next")
        assert kinds(await subscription.take()) == ["next"]


@pytest.mark.parametrize(("since", "boot"), [(0, "another"), (0, ""), (99, None), (0, None)])
async def test_what_cannot_be_told_again_is_one_resync(events, since, boot):
    """Another run of the agent, a number from the future, or more than the ring holds."""
    for _ in range(RING + 1 if since == 0 else 1):
        events.emit("n")
    boot = events.boot if boot is None else boot
    with events.subscribe(["topic"], since=since, boot=boot) as subscription:
        assert kinds(await subscription.take()) == ["resync"]


async def test_the_ring_is_told_from_its_oldest_event(events):
    for number in range(RING + 1):
        events.emit("n", str(number))
    with events.subscribe(since=1, boot=events.boot) as subscription:
        taken = await subscription.take()
    assert len(taken) == RING
    assert taken[0].seq == 2


def test_there_is_a_highest_number_of_subscribers(events):
    subscriptions = [events.subscribe() for _ in range(SUBSCRIBERS)]
    for subscription in subscriptions:
        subscription.__enter__()
    with pytest.raises(TooManySubscribers), events.subscribe():
        pass
    subscriptions.pop().__exit__(None, None, None)
    with events.subscribe():
        pass
    for subscription in subscriptions:
        subscription.__exit__(None, None, None)


async def test_close_ends_every_subscription_also_later_ones(events):
    with events.subscribe() as subscription:
        events.emit("last")
        events.close()
        assert kinds(await subscription.take()) == ["last"]
        assert await subscription.take() == []
        assert subscription.closed
    with events.subscribe() as late:
        assert await late.take() == []


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.events")
    logger.propagate = False
    yield logger
    logger.handlers.clear()


async def told_by_a_thread(events, log, *lines) -> Subscription:
    log.addHandler(LogEvents(events, asyncio.get_running_loop()))
    with events.subscribe() as subscription:
        for level, message in lines:
            await asyncio.to_thread(log.log, level, message)
        await asyncio.sleep(0)
        events.close()
        return await subscription.take()


async def test_warnings_and_errors_of_the_log_are_events(events, log):
    lines = [(logging.INFO, "no"), (logging.WARNING, "disk nearly full"), (logging.ERROR, "lost")]
    taken = await told_by_a_thread(events, log, *lines)
    assert [(event.kind, event.subject, event.data["message"]) for event in taken] == [
        ("log.warning", "tests.events", "disk nearly full"),
        ("log.error", "tests.events", "lost"),
    ]


async def test_a_log_event_shows_no_signature(events, log):
    (event,) = await told_by_a_thread(events, log, (logging.WARNING, "/b?X-Amz-Signature=abc123"))
    assert "abc123" not in event.data["message"]
