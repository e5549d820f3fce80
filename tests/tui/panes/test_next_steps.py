import msgspec
import pytest

from s3d.shared.control import StoreStatus
from s3d.tui.demo import DemoAgent
from tests.tui.conftest import screen


class New(DemoAgent):
    """An agent that has just been installed, with the embedded store."""

    buckets = 0

    def __init__(self):
        super().__init__()
        self.transfers, self.folders = [], []

    def _status(self):
        store = StoreStatus(self.buckets, 0, 0, "/s", 60 << 30)
        return msgspec.structs.replace(
            super()._status(), remote=None, queue=None, cache=None, store=store, sync=[]
        )


async def test_a_new_user_sees_what_to_do_and_the_variables(opened):
    async with opened("1", New()) as pilot:
        shown = screen(pilot.app)
        for text in ("What next", "press 2, then n", "s3d mb photos", "s3d env", "press 5, then n"):
            assert text in shown


@pytest.mark.parametrize("agent", [DemoAgent, type("Used", (New,), {"buckets": 1})])
async def test_it_is_gone_once_there_is_something(opened, agent):
    async with opened("1", agent()) as pilot:
        assert "What next" not in screen(pilot.app)
