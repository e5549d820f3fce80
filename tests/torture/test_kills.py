"""kill -9 under load, while the remote commits some requests late: after the agent that sent them.

What was acknowledged is there at once after the restart, and at the remote once the queue is empty;
nothing else is, no write is torn, and no older write replaces a newer one.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import closing
from random import Random
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from s3d.shared.errors import NotRunningError
from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.gateway.test_crash import steps
from tests.peers.proxy import Drop, Fault
from tests.torture.conftest import Campaign
from tests.torture.kill_cycles import KillCycles
from tests.write_load import Load

WRITERS = 4
DRAIN_EACH = 4
"""Cycles: between them the queue grows over several crashes."""
LATE = Fault(late=1.5)
"""The remote has the whole request, and carries it out so many seconds later."""
WEATHER = {LATE: 0.1, Fault(drop=Drop.AFTER): 0.05}


class Cycles(KillCycles):
    """Each cycle begins with a start and ends with a kill."""

    def crash(self, chance: Random) -> None:
        self.network.come_back()
        self.network.do(lambda proxy: setattr(proxy, "chaos", WEATHER))
        point = chance.choice(steps()) if chance.random() < 0.5 else ""
        try:
            agent = self.gateway.start(**({"S3D_FAILPOINT": f"{point}:kill"} if point else {}))
        except NotRunningError:  # it has reached the step before it could tell its endpoint
            return
        with closing(agent.s3()) as client:
            load = Load(client, self.bucket, self.memories, chance.randrange(1 << 30))
            load.start()
            try:
                load.wait_for(chance.randrange(1, 60))
                if chance.random() < 0.3:
                    self.network.go_away()
                load.wait_for(chance.randrange(60, 120))
                agent.kill()
            finally:
                agent.kill()
                load.join()
        assert agent.wait() == -signal.SIGKILL
        # No connection, no answer, or half of one; but never an answer that says no.
        assert all(isinstance(error, BotoCoreError) for error in load.ended), load.ended


@pytest.mark.torture
def test_500_crashes_with_late_commits(
    campaign: Callable[[str, int], Campaign],
    gateway: Gateway,
    network: Network,
    remote: Any,
    new_bucket: str,
) -> None:
    """A round is four crashes and one look at everything."""
    run = campaign("kills", 125)
    cycles = Cycles(gateway, network, remote, new_bucket, writers=WRITERS)

    def crashes(_: int, chance: Random) -> None:
        for _ in range(DRAIN_EACH):
            cycles.crash(chance)

    cycles.play(run, crashes)
