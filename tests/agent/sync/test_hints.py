"""What agents lose that list once an hour, and otherwise look at what markers and events name.

Ten thousand histories, and the protections that are taken away: tests/torture/test_histories.py.
"""

import pytest

from tests.agent.sync.hinted_world import HintedWorld
from tests.agent.sync.histories import RareFaults, history


@pytest.mark.finding("S1")
@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_and_each_hint_reaches_its_device(tmp_path, seed):
    history(seed, type("World", (HintedWorld,), {"folder": tmp_path}), RareFaults)
