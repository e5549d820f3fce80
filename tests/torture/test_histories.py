"""Sync histories in the model: two devices, people and a third writer, kills and power cuts.

A history that is bad is told by its own seed: history(seed, faults=PowerFaults) runs it again. With
hints, agents list once an hour, and otherwise look at what markers and events name, which are lost,
late, repeated and wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from s3d.agent.sync.retries import Retries
from tests.agent.sync.hinted_world import HintedDevice, HintedWorld, QuickFile
from tests.agent.sync.histories import PowerFaults, RareFaults, history
from tests.torture.conftest import Campaign

WITHIN = 4_000
"""Histories with hints in which a missing protection has to show."""


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


@pytest.mark.torture
@pytest.mark.finding("S1")
def test_nothing_is_lost_by_hints_in_ten_thousand_histories(
    campaign: Callable[[str, int], Campaign], tmp_path: Path
) -> None:
    found = campaign("hints", 10_000)
    world = _hinted(tmp_path)
    for number, chance in found.rounds():
        seed = chance.randrange(1 << 60)
        try:
            history(seed, world, RareFaults)
        except (AssertionError, KeyError) as error:
            found.failed(number, f"history {seed}: {error}")
        else:
            found.passed(number)


class Silent(QuickFile):
    """A start announces nothing of what a killed agent has left."""

    def open(self, places):
        super().open(places)
        return []


class LooksHereOnly(Retries):
    """A path whose request has failed is looked at again in the folder only."""

    def retry(self, path, *, there):
        super().retry(path, there=False)


class LeavesBlocked(Retries):
    """A path that is blocked waits for the next listing."""

    def blocked(self, path):
        self.synced(path)


class IgnoresGaps(HintedDevice):
    """A gap in the marker asks for no listing."""

    def read_marker(self, version):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.schedule, "look_at_bucket", lambda: None)
            super().read_marker(version)


MUTANTS = (
    {"unannounced_type": Silent},
    {"retries_type": LooksHereOnly},
    {"retries_type": LeavesBlocked},
    {"device_type": IgnoresGaps},
)


@pytest.mark.torture
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: next(iter(mutant.values())).__name__)
def test_without_a_protection_hints_are_lost(mutant: dict[str, type], tmp_path: Path) -> None:
    world = _hinted(tmp_path, **mutant)
    assert any(_loses_hints(seed, world) for seed in range(WITHIN))


def _loses_hints(seed: int, world: type[HintedWorld]) -> bool:
    try:
        history(seed, world, RareFaults)
    except AssertionError as error:
        return "no hint" in str(error) or "by hints" in str(error)
    return False


def _hinted(folder: Path, **mutant: type) -> type[HintedWorld]:
    return type("World", (HintedWorld,), {"folder": folder, **mutant})
