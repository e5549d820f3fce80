"""Routes of a store made for tests; in any other store each call is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from s3d.agent.core.request_ring import RequestFilter
from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.shared import control
from s3d.shared.access_key import check_name
from s3d.shared.testing import (
    ClockChange,
    FaultList,
    FaultSpec,
    RequestList,
    ResetResult,
    SnapshotInfo,
    SnapshotList,
)

if TYPE_CHECKING:
    from s3d.agent.storage.snapshots import Snapshot
    from s3d.agent.stores.testing.store_controls import StoreControls

_QUERY = frozenset({"operation", "bucket", "key", "status", "since", "limit", "wait"})


class StoreControlRoutes:
    """The clock, the reset, snapshots, faults and recorded requests."""

    def __init__(self, controls: StoreControls | None) -> None:
        """controls: None: the store was not made for tests."""
        self._of_store = controls

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/test/clock", self.clock),
            Route("POST", "/v1/test/clock", self.move_clock),
            Route("POST", "/v1/test/reset", self.reset),
            Route("GET", "/v1/test/snapshots", self.list_snapshots),
            Route("PUT", "/v1/test/snapshots/{name}", self.save_snapshot),
            Route("POST", "/v1/test/snapshots/{name}:restore", self.restore_snapshot),
            Route("DELETE", "/v1/test/snapshots/{name}", self.drop_snapshot),
            Route("GET", "/v1/test/faults", self.list_faults),
            Route("POST", "/v1/test/faults", self.add_fault),
            Route("DELETE", "/v1/test/faults", self.clear_faults),
            Route("DELETE", "/v1/test/faults/{id}", self.remove_fault),
            Route("GET", "/v1/test/requests", self.requests, _QUERY),
            Route("DELETE", "/v1/test/requests", self.clear_requests),
        ]

    async def clock(self, call: Call) -> web.Response:
        return answer(self._controls.clock())

    async def move_clock(self, call: Call) -> web.Response:
        controls, change = self._controls, await call.body(ClockChange)
        if sum((change.at is not None, change.advance is not None, change.reset)) != 1:
            raise _bad_usage(ValueError("give one of at, advance and reset"))
        try:
            if change.at is not None:
                return answer(await controls.set_clock(change.at))
            if change.advance is not None:
                return answer(await controls.advance_clock(change.advance))
        except ValueError as error:
            raise _bad_usage(error) from error
        return answer(await controls.reset_clock())

    async def reset(self, call: Call) -> web.Response:
        removed = await self._controls.reset()
        return answer(ResetResult(removed.buckets, removed.objects))

    async def list_snapshots(self, call: Call) -> web.Response:
        return answer(SnapshotList([_info(each) for each in await self._controls.list_snapshots()]))

    async def save_snapshot(self, call: Call) -> web.Response:
        controls, name = self._controls, call.segment("name")
        check_name("snapshot", name)
        return answer(_info(await controls.save_snapshot(name)), 201)

    async def restore_snapshot(self, call: Call) -> web.Response:
        name = call.segment("name")
        snapshot = await self._controls.restore_snapshot(name)
        if snapshot is None:
            raise _no_such_snapshot(name)
        return answer(_info(snapshot))

    async def drop_snapshot(self, call: Call) -> web.Response:
        name = call.segment("name")
        if not await self._controls.drop_snapshot(name):
            raise _no_such_snapshot(name)
        return web.Response(status=204)

    async def list_faults(self, call: Call) -> web.Response:
        return answer(FaultList(list(self._controls.faults)))

    async def add_fault(self, call: Call) -> web.Response:
        faults, spec = self._controls.faults, await call.body(FaultSpec)
        try:
            return answer(faults.add(spec), 201)
        except ValueError as error:
            raise _bad_usage(error) from error

    async def clear_faults(self, call: Call) -> web.Response:
        self._controls.faults.clear()
        return web.Response(status=204)

    async def remove_fault(self, call: Call) -> web.Response:
        faults, number = self._controls.faults, call.segment("id")
        if not number.isascii() or not number.isdigit() or not faults.remove(int(number)):
            hint = "list the faults with: s3d fault ls"
            raise ControlError(404, control.NO_SUCH_FAULT, f"there is no fault {number}", hint)
        return web.Response(status=204)

    async def requests(self, call: Call) -> web.Response:
        """The first recorded requests after since; with wait, once there is one."""
        ring = self._controls.requests
        words = ("operation", "bucket", "key", "status")
        criteria = RequestFilter(**{word: call.query.get(word, "") for word in words})
        try:
            criteria.check()
        except ValueError as error:
            raise _bad_usage(error) from error
        since = call.sequence("since", "the sequence number of a request")
        limit = call.page_limit
        if call.wait:
            await call.wait_for(lambda: ring.wait_for(criteria, since))
        return answer(RequestList(ring.select(criteria, since, limit), ring.last))

    async def clear_requests(self, call: Call) -> web.Response:
        self._controls.requests.clear()
        return web.Response(status=204)

    @property
    def _controls(self) -> StoreControls:
        if self._of_store is None:
            raise ControlError(
                409,
                control.NO_TEST_STORE,
                "the store was not made for tests",
                "such a store is made by: s3d run --test, in a folder of its own or --ephemeral",
            )
        return self._of_store


def _info(snapshot: Snapshot) -> SnapshotInfo:
    return SnapshotInfo(*snapshot)


def _no_such_snapshot(name: str) -> ControlError:
    hint = "list the snapshots with: s3d snapshot ls"
    return ControlError(404, control.NO_SUCH_SNAPSHOT, f"there is no snapshot {name}", hint)


def _bad_usage(error: ValueError) -> ControlError:
    return ControlError(400, control.BAD_USAGE, str(error))
