"""A fleet of twenty agents on one machine, which look for a changed document as often as usual."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agent_process import AgentProcess
from tests.gateway.test_fleet import Devices, document, drill, launch_fleet  # noqa: F401 - fixture
from tests.peers.servers import Peer


@pytest.mark.torture
def test_twenty_devices_take_a_change_within_a_minute_and_survive_a_broken_document(
    start_agent: Callable[..., AgentProcess],
    seaweedfs: Peer,
    remote: Any,
    document: str,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    agents = launch_fleet(start_agent, seaweedfs, document, tmp_path, count=20, module="s3d")
    drill(Devices(agents, remote, document), document)
