"""delivery: order across pages, dropping by age and by number, with a target of the test."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from s3d.agent.core.clock import Clock
from s3d.agent.s3.event_message import Event
from s3d.agent.s3.event_names import CREATED_PUT
from s3d.agent.storage.event_rows import EventRow, add_event, waiting_events
from s3d.agent.storage.index import Index
from s3d.agent.stores.notifications import delivery as module
from s3d.agent.stores.notifications.delivery import RETENTION, Delivery, NotDelivered


@dataclass
class Target:
    """Takes what it is sent, but for the keys in refused."""

    name: str = "hook"
    refused: set[str] = field(default_factory=set)
    is_away: bool = False
    sent: list[str] = field(default_factory=list)
    attempts: int = 0

    async def send(self, row: EventRow) -> None:
        self.attempts += 1
        if self.is_away:
            raise NotDelivered("connection refused", is_unreachable=True)
        if row.event.key in self.refused:
            raise NotDelivered("HTTP 400")
        self.sent.append(f"{row.event.key}{row.event.size}")


@pytest.fixture
async def index(tmp_path):
    index = Index.open(tmp_path / "index.sqlite", ephemeral=True)
    yield index
    index.close()


@pytest.fixture
def target() -> Target:
    return Target()


@pytest.fixture
def time() -> list[float]:
    return [1_000.0]


@pytest.fixture
def delivery(index, target, time) -> Delivery:
    return Delivery(index, target, Clock(now=lambda: time[0], steady=lambda: time[0]))


async def enter(index, *keys: str) -> None:
    def action(tx):
        for number, key in enumerate(keys):
            event = Event(CREATED_PUT, 1.0, "b", key=key, size=number)
            add_event(tx, "hook", 1_000.0, event)

    await index.write(action)


@pytest.mark.rule("EVENT-2")
async def test_a_key_keeps_its_order_across_pages(monkeypatch, index, target, delivery, time):
    monkeypatch.setattr(module, "_PAGE", 2)
    await enter(index, "a", "b", "a", "c", "a")
    target.refused = {"a"}
    await delivery.deliver()
    assert target.sent == ["b1", "c3"]
    assert target.attempts == 3, "the later events of the key are not tried"
    target.refused = set()
    time[0] += 1.0
    await delivery.deliver()
    assert target.sent[2:] == ["a0", "a2", "a4"]
    assert index.read_inline(waiting_events) == {}
    assert delivery.delivered == 5


@pytest.mark.rule("EVENT-4")
async def test_an_unreachable_target_is_left_alone_for_a_while(index, target, delivery, time):
    await enter(index, *(f"k{number}" for number in range(30)))
    target.is_away = True
    await delivery.deliver()
    tried = target.attempts
    assert tried <= module.CONCURRENCY
    await delivery.deliver()
    assert target.attempts == tried
    target.is_away = False
    time[0] += 1.0
    await delivery.deliver()
    assert len(target.sent) == 30
    assert delivery.last_error == ""


@pytest.mark.rule("EVENT-5")
async def test_an_event_that_is_refused_for_a_day_is_dropped(index, target, delivery, time):
    await enter(index, "bad", "bad")
    target.refused = {"bad"}
    await delivery.deliver()
    assert delivery.dropped == 0
    time[0] += RETENTION
    await delivery.deliver()
    assert delivery.dropped == 2
    assert index.read_inline(waiting_events) == {}
    assert delivery.last_error == ""
