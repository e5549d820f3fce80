"""service: events reach a real webhook, in order, again after failures and after a restart."""

from __future__ import annotations

import asyncio
import json

import pytest

from s3d.shared.config.notification_settings import NotificationTargetConfig
from tests.agent.stores.notifications.receiver import kind_of, receiving, reserved, url_of

ALL = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put")


def hook(url: str) -> NotificationTargetConfig:
    return NotificationTargetConfig(name="hook", url=url)


async def test_what_happens_to_an_object_is_reported_in_order(opened, receiver):
    async with opened(hook(receiver.url)) as world:
        await world.notify(*ALL)
        s3 = world.s3
        await s3("PutObject", Bucket="bucket", Key="a b", Body=b"123")
        await s3(
            "CopyObject",
            Bucket="bucket",
            Key="a b",
            CopySource="bucket/a%20b",
            MetadataDirective="REPLACE",
        )
        tags = {"TagSet": [{"Key": "k", "Value": "v"}]}
        await s3("PutObjectTagging", Bucket="bucket", Key="a b", Tagging=tags)
        await s3("DeleteObjectTagging", Bucket="bucket", Key="a b")
        await s3("PutObjectAcl", Bucket="bucket", Key="a b", ACL="public-read")
        await s3("DeleteObject", Bucket="bucket", Key="a b")
        await s3("DeleteObject", Bucket="bucket", Key="a b")  # there is nothing any more
        await receiver.until(lambda receiver: len(receiver.bodies) == 7)
        (status,) = await world.notifications.status()
    assert receiver.events[0] == ("s3:TestEvent", "")
    assert receiver.events[1:] == [
        ("ObjectCreated:Put", "a+b"),
        ("ObjectCreated:Copy", "a+b"),
        ("ObjectTagging:Put", "a+b"),
        ("ObjectTagging:Delete", "a+b"),
        ("ObjectAcl:Put", "a+b"),
        ("ObjectRemoved:Delete", "a+b"),
    ]
    records = [json.loads(body)["Records"][0] for body in receiver.bodies[1:]]
    sequencers = [record["s3"]["object"]["sequencer"] for record in records]
    assert sequencers == sorted(set(sequencers))
    assert records[0]["s3"]["object"]["size"] == 3
    assert status.error == ""


@pytest.mark.rule("EVENT-4")
async def test_a_target_that_is_away_costs_no_request_and_loses_no_event(opened):
    place = reserved()
    async with opened(hook(url_of(place))) as world:
        await world.notify("s3:ObjectCreated:*")
        for number in range(5):
            await world.s3("PutObject", Bucket="bucket", Key="k", Body=b"%d" % number)
        async with asyncio.timeout(10):
            while not (status := (await world.notifications.status())[0]).error:
                pass
        assert status.waiting == 6
    # The process ends; the events are delivered by the next one.
    async with receiving(place) as receiver, opened(hook(receiver.url)) as world:
        await receiver.until(lambda receiver: len(receiver.bodies) == 6)
    assert [json.loads(body)["Records"][0]["s3"]["object"]["size"] for body in receiver.bodies[1:]]
    etags = [json.loads(body)["Records"][0]["s3"]["object"]["eTag"] for body in receiver.bodies[1:]]
    assert len(set(etags)) == 5


@pytest.mark.rule("EVENT-4")
async def test_a_refused_event_holds_back_its_own_key_only(opened, receiver):
    refusals = []

    def refuse(message):
        name, key = kind_of(message)
        if key == "bad" and not refusals:
            refusals.append(name)
            return 422
        return 200

    receiver.refuse = refuse
    async with opened(hook(receiver.url)) as world:
        await world.notify("s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete")
        await world.s3("PutObject", Bucket="bucket", Key="bad", Body=b"1")
        await world.s3("DeleteObject", Bucket="bucket", Key="bad")
        await world.s3("PutObject", Bucket="bucket", Key="good", Body=b"1")
        await receiver.until(lambda receiver: len(receiver.bodies) == 4)
    assert refusals == ["ObjectCreated:Put"]
    assert [name for name, key in receiver.events if key == "bad"] == [
        "ObjectCreated:Put",
        "ObjectRemoved:Delete",
    ]
    assert receiver.events.index(("ObjectCreated:Put", "good")) < receiver.events.index(
        ("ObjectCreated:Put", "bad")
    )


@pytest.mark.rule("EVENT-6")
async def test_events_of_a_target_that_was_taken_out_are_shown(opened, receiver):
    with reserved() as gone:
        async with opened(hook(url_of(gone))) as world:
            await world.notify("s3:ObjectCreated:*")
    other = NotificationTargetConfig(name="other", url=receiver.url)
    async with opened(other) as world:
        rows = {row.name: row for row in await world.notifications.status()}
    assert rows["hook"].waiting == 1
    assert "not in the configuration" in rows["hook"].error
    assert rows["other"].error == ""
