"""Event notifications of a running agent: declared in its file, and delivered after a kill -9."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.agent.stores.notifications.receiver import receiving, reserved, url_of
from tests.agent_process import AgentProcess

ARN = "arn:s3d:webhook:::hook"


def configuration(arn: str) -> dict[str, object]:
    return {"TopicConfigurations": [{"TopicArn": arn, "Events": ["s3:ObjectCreated:*"]}]}


def write_config(home: Path, url: str) -> None:
    (home / "config").mkdir(parents=True, mode=0o700, exist_ok=True)
    (home / "config/config.toml").write_text(
        f'[[notification_target]]\nname = "hook"\nurl = "{url}"\n'
    )


@pytest.mark.rule("EVENT-1")
@pytest.mark.rule("EVENT-2")
@pytest.mark.rule("EVENT-3")
async def test_events_survive_a_kill(
    start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    place = reserved()
    write_config(home, url_of(place))
    agent = await asyncio.to_thread(start_agent, home=home)

    def use() -> None:
        s3 = agent.s3()
        s3.create_bucket(Bucket="events")
        with pytest.raises(ClientError, match="Unable to validate the following destination"):
            s3.put_bucket_notification_configuration(
                Bucket="events", NotificationConfiguration=configuration(f"{ARN}s")
            )
        s3.put_bucket_notification_configuration(
            Bucket="events", NotificationConfiguration=configuration(ARN)
        )
        for number in range(3):
            s3.put_object(Bucket="events", Key="k", Body=b"x" * number)

    await asyncio.to_thread(use)
    await asyncio.to_thread(agent.kill)
    async with receiving(place) as receiver:
        await asyncio.to_thread(start_agent, home=home)
        await receiver.until(lambda receiver: len(receiver.bodies) >= 4)
    # Events of different keys come in any order (EVENT-2), and the test message has none.
    assert sorted(receiver.events) == [*[("ObjectCreated:Put", "k")] * 3, ("s3:TestEvent", "")]
    sequencers = [
        record["s3"]["object"]["sequencer"]
        for body in receiver.bodies
        for record in json.loads(body).get("Records", ())
    ]
    assert sequencers == sorted(set(sequencers))
