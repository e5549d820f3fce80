"""kill -9 under write load: what was acknowledged is there, whole, and nothing else is."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing

import pytest
from botocore.exceptions import BotoCoreError

from tests.agent_process import AgentProcess
from tests.write_load import SIZES, Load, Memory, settle

BUCKET = "crash"
WRITERS = 4
MORE_SIZES = (*SIZES, 65_536, 1_500_000)
"""On both sides of the largest object that is kept in the index, and of several blocks."""


def campaign(start_agent: Callable[..., AgentProcess], cycles: int) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    memories = [Memory() for _ in range(WRITERS)]
    agent = start_agent("--bucket", BUCKET)
    for cycle in range(cycles):
        with closing(agent.s3()) as client:
            load = Load(
                client, BUCKET, memories, seed + 1_000 * cycle, sizes=MORE_SIZES, two_parts=0.25
            )
            load.start()
            load.wait_for(rng.randrange(1, 150))
            assert load.ended == []
            agent.kill()
            load.join()
        # No connection, no answer, or half of one; but never an answer that says no.
        assert all(isinstance(error, BotoCoreError) for error in load.ended)
        agent = start_agent()
        with closing(agent.s3()) as client:
            settle(client, BUCKET, memories, ignored=())
    assert agent.stop() == 0


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_or_torn(start_agent):
    campaign(start_agent, cycles=3)


@pytest.mark.torture
def test_no_acknowledged_write_is_lost_in_100_crashes(start_agent):
    campaign(start_agent, cycles=100)
