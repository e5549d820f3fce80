"""Sync histories in the model: two devices, people and a third writer, kills and power cuts.

A history that is bad is told by its own seed: history(seed, faults=PowerFaults) runs it again.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.agent.sync.histories import PowerFaults, history
from tests.torture.conftest import Campaign


@pytest.mark.torture
@pytest.mark.finding("S1")
def test_nothing_is_lost_in_ten_thousand_histories(
    campaign: Callable[[str, int], Campaign],
) -> None:
    found = campaign("histories", 10_000)
    for number, chance in found.rounds():
        seed = chance.randrange(1 << 60)
        try:
            history(seed, faults=PowerFaults)
        except (AssertionError, KeyError) as error:
            found.failed(number, f"history {seed}: {error}")
        else:
            found.passed(number)
