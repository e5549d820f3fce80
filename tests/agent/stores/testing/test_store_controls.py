"""The clock, the reset and the snapshots of a store, on a real index."""

import pytest

from s3d.agent.core.clock import MovableClock
from s3d.agent.storage.index import Index
from s3d.agent.storage.records import BucketRecord
from s3d.agent.stores.testing.store_controls import StoreControls
from s3d.shared.testing import FaultSpec

DAY = 86_400.0


class Opened:
    """The controls of an index file, and what they have called."""

    def __init__(self, path):
        self.index = Index.open(path, ephemeral=True)
        self.clock = MovableClock(self._real)
        self.real = 1_000_000.0
        self.passes = 0.0
        """Seconds that pass with each look at the machine's clock."""
        self.rounds = self.replaced = 0
        self.controls = StoreControls(
            self.index, self.clock, apply_lifecycle=self._apply, on_replaced=self._replaced
        )

    async def _apply(self):
        self.rounds += 1
        return 3

    def _real(self):
        self.real += self.passes
        return self.real

    def _replaced(self):
        self.replaced += 1


@pytest.fixture
async def opened(tmp_path):
    opened = Opened(tmp_path / "index.sqlite")
    yield opened
    opened.index.close()


async def test_the_clock_is_durable_and_expires_at_once(opened, tmp_path):
    controls = opened.controls
    state = await controls.advance_clock(3 * DAY)
    assert (state.now, state.offset, state.removed) == (1_000_000.0 + 3 * DAY, 3 * DAY, 3)
    assert opened.rounds == 1
    assert opened.clock.now() == state.now
    again = Opened(tmp_path / "index.sqlite")
    assert again.controls.clock().offset == 3 * DAY
    again.index.close()
    assert (await controls.set_clock(500_000.0)).offset == -500_000.0
    assert controls.warnings() == ["the clock of the store is 5 d behind: s3d clock reset"]
    with pytest.raises(ValueError, match="1970"):
        await controls.set_clock(-1.0)
    assert (await controls.reset_clock()).offset == 0.0
    assert controls.warnings() == []


@pytest.mark.finding("user-7")
async def test_the_clock_is_ahead_by_exactly_what_it_was_advanced(opened):
    opened.passes = 0.001
    await opened.controls.advance_clock(DAY)
    assert (await opened.controls.advance_clock(DAY)).offset == 2 * DAY
    assert opened.controls.warnings() == ["the clock of the store is 2 d ahead: s3d clock reset"]


async def test_a_reset_ends_everything_but_snapshots(opened):
    controls = opened.controls
    await opened.index.write(lambda tx: tx.put_bucket(BucketRecord("b", 1.0)))
    await controls.save_snapshot("base")
    await controls.advance_clock(DAY)
    controls.faults.add(FaultSpec(close=True))
    assert controls.warnings()[-1] == "requests fail on demand, faults: 1: s3d fault ls"
    assert await controls.reset() == (1, 0)
    assert controls.clock().offset == 0.0
    assert not controls.faults
    assert opened.replaced == 1
    assert [each.name for each in await controls.list_snapshots()] == ["base"]
    assert (await controls.restore_snapshot("base")).buckets == 1
    assert opened.replaced == 2
    assert opened.index.read_inline(lambda reader: reader.bucket("b")) is not None
    assert await controls.restore_snapshot("none") is None
    assert await controls.drop_snapshot("base")
    assert not await controls.drop_snapshot("base")
