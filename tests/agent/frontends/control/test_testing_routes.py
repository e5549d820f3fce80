"""The routes refuse what is wrong; tests/cli has them with a real agent behind."""

import pytest

from s3d.agent.frontends.control.problems import ControlError
from s3d.agent.frontends.control.testing_routes import StoreControlRoutes
from s3d.shared import control
from s3d.shared.testing import ClockChange


class Call:
    """A request with a body or a segment."""

    def __init__(self, body=None, **segments):
        self._body = body
        self._segments = segments

    async def body(self, kind):
        assert isinstance(self._body, kind)
        return self._body

    def segment(self, name):
        return self._segments[name]


async def test_without_a_store_for_tests_every_route_is_refused():
    routes = StoreControlRoutes(None).routes()
    assert len({(route.method, route.path) for route in routes}) == len(routes) == 13
    for route in routes:
        with pytest.raises(ControlError) as caught:
            await route.handler(Call(ClockChange(), name="n", id="1"))
        assert (caught.value.status, caught.value.problem.code) == (409, control.NO_TEST_STORE)


@pytest.mark.parametrize("change", [ClockChange(), ClockChange(at=1.0, reset=True)])
async def test_a_clock_is_moved_in_one_way(change):
    with pytest.raises(ControlError, match="give one of"):
        await StoreControlRoutes(object()).move_clock(Call(change))


@pytest.mark.parametrize("number", ["x", "-1", "²"])
async def test_a_fault_has_a_number(number):
    class Controls:
        faults = None

    with pytest.raises(ControlError, match="there is no fault"):
        await StoreControlRoutes(Controls()).remove_fault(Call(id=number))
