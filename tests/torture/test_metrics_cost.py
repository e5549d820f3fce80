"""What the metrics cost: agents that count beside agents that do not, in alternated short rounds.

Two agents of each kind run for the whole test, since one process may be some percent faster than
another one of the same build: what two of a kind differ by is the noise of the measurement.
`S3D_TORTURE_ROUNDS=60 make torture-metrics_cost` measures for longer. It prints the figures.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import mean, quantiles

import pytest

from tests.agent_process import AgentProcess
from tests.gateway.test_costs import Wire, keys

pytestmark = pytest.mark.torture

ROUNDS = int(os.environ.get("S3D_TORTURE_ROUNDS", "30"))
REQUESTS = 300
"""Of each agent in a round."""
DATA = b"x" * 4_096
BUCKET = "cost"
SWITCH = {"on": "", "off": "off"}
MOST = 0.02
"""The share of the CPU that metrics may take."""


def cpu_time(agent: AgentProcess) -> float:
    """Seconds of all threads, to the nanosecond; proc(5) has clock ticks only."""
    tasks = Path(f"/proc/{agent.process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


class Measured:
    """One agent, and the CPU microseconds that a request took in each round."""

    def __init__(self, agent: AgentProcess) -> None:
        self.agent = agent
        self.wire = Wire(agent.endpoint, agent.key)
        self.costs: dict[str, list[float]] = {"PUT": [], "GET": []}

    def cost(self, method: str) -> float:
        """The lower quartile of the rounds: whatever else runs can only add to the CPU time."""
        return quantiles(self.costs[method], n=4)[0]

    def measure(self, method: str, number: int) -> None:
        paths = keys(BUCKET, f"round{number if method == 'PUT' else 0}", REQUESTS)
        before = cpu_time(self.agent)
        self.wire.ask(method, paths, DATA if method == "PUT" else b"")
        self.costs[method].append((cpu_time(self.agent) - before) / REQUESTS * 1e6)


@pytest.fixture
def agents(start_agent: Callable[..., AgentProcess], tmp_path: Path) -> dict[str, list[Measured]]:
    """Two that count and two that do not."""
    agents: dict[str, list[Measured]] = {"on": [], "off": []}
    for number in range(2):
        for name, switch in SWITCH.items():
            agent = start_agent(home=tmp_path / f"{name}{number}", env={"S3D_TELEMETRY": switch})
            agent.s3().create_bucket(Bucket=BUCKET)
            agents[name].append(Measured(agent))
    return agents


def test_metrics_cost_at_most_two_percent(
    agents: dict[str, list[Measured]], capsys: pytest.CaptureFixture[str]
) -> None:
    every = [each for pair in zip(*agents.values(), strict=True) for each in pair]
    with ExitStack() as leaving:
        for each in every:
            leaving.enter_context(closing(each.wire))
            each.measure("PUT", 0)
            each.measure("GET", 0)
            each.costs = {"PUT": [], "GET": []}
        for number in range(1, ROUNDS + 1):
            for method in ("PUT", "GET"):
                for each in every if number % 2 else reversed(every):
                    each.measure(method, number)
    for method in ("PUT", "GET"):
        cost = {name: [each.cost(method) for each in pair] for name, pair in agents.items()}
        on, off = mean(cost["on"]), mean(cost["off"])
        spread = max(abs(one - other) for one, other in cost.values())
        with capsys.disabled():
            print(
                f"\n{method} 4 KiB: {on:.1f} us with metrics, {off:.1f} us without "
                f"({on / off - 1:+.1%}); two of a kind differ by {spread / off:.1%}"
            )
        assert on - off <= MOST * off + spread
