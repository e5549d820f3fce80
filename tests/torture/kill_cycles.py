"""One home and one bucket, whose agent is killed under load again and again, and what must hold."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from random import Random
from typing import Any

from tests.gateway.conftest import Gateway
from tests.gateway.network import Network
from tests.torture.conftest import Campaign
from tests.write_load import Memory, settle


class KillCycles:
    """settings: of every agent."""

    def __init__(
        self, gateway: Gateway, network: Network, remote: Any, bucket: str, *, writers: int,
        **settings: str,
    ) -> None:  # fmt: skip
        self.gateway, self.network, self.remote = gateway, network, remote
        self.bucket, self.settings = bucket, settings
        self.memories = [Memory() for _ in range(writers)]

    def verify(self) -> None:
        """With the remote at hand, everything that was acknowledged is here and there."""
        self.network.come_back()
        agent = self.gateway.start(**self.settings)
        with closing(agent.s3()) as client:
            settle(client, self.bucket, self.memories)
        self.gateway.drain(patience=180.0)
        self.gateway.check_no_conflicts()
        # A late request may replace these yet: they are put right when none can arrive any more
        # (ORD-3), as tests/agent/stores/write_queue/push/test_late_pushes.py shows.
        later = {each.key for each in self.gateway.queue.transfers() if each.state == "verifying"}
        settle(self.remote, self.bucket, self.memories, unsettled=later)
        agent.kill()

    def play(self, run: Campaign, round_of: Callable[[int, Random], None]) -> None:
        """Every round of a campaign, each with a look at everything; until one is bad."""
        for number, chance in run.rounds():
            try:
                with self.gateway.explain_failures(self.network):
                    round_of(number, chance)
                    self.verify()
                self.network.take_seen()
            except AssertionError as error:
                run.failed(number, str(error))
                return
            run.passed(number)
