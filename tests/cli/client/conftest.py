"""An agent with a write queue that pushes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from s3d.cli.client.queue_client import QueueClient
from tests.agent_process import AgentProcess


@pytest.fixture
def queueing(start_agent: Callable[..., AgentProcess]) -> AgentProcess:
    """Its remote is away, and its queue is paused."""
    agent = start_agent(
        env={
            "S3D_REMOTE": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secretsecret",
            "S3D_FLUSH_TIMEOUT": "0",
        }
    )
    QueueClient(agent.client).pause()
    return agent
