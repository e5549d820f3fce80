"""What agents lose that list once an hour, and otherwise look at what markers and events name.

Ten thousand histories, and the protections that are taken away: tests/torture/test_histories.py.
"""

import pytest

from tests.agent.sync.hinted_world import HintedWorld
from tests.agent.sync.histories import RareFaults, history

COPY_WITHOUT_A_RESULT = (584041171739696641, 1022595498905025722, 399036204860295106)
"""A file is written while it is deleted: it is kept as a conflict copy, and the step repeated, or
its next request fails."""


@pytest.mark.finding("S1")
@pytest.mark.parametrize("seed", [*range(20), *COPY_WITHOUT_A_RESULT])
def test_nothing_is_lost_and_each_hint_reaches_its_device(tmp_path, seed):
    history(seed, type("World", (HintedWorld,), {"folder": tmp_path}), RareFaults)
