"""Routes of the access keys of the agent's clients."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from s3d.agent.frontends.control.control_call import Call, Route, answer
from s3d.agent.frontends.control.problems import ControlError
from s3d.shared import control
from s3d.shared.access_key_changes import KeyList, KeyRequest, NewKey, RotateRequest
from s3d.shared.errors import NotFoundError


class Manager(Protocol):
    """The keys, durable and in use. Raises S3dError; NotFoundError for an unknown name."""

    async def list_keys(self) -> KeyList: ...

    async def create(self, request: KeyRequest) -> NewKey: ...

    async def rotate(self, name: str, request: RotateRequest) -> NewKey: ...

    async def revoke(self, name: str) -> KeyList: ...


class AccessKeyRoutes:
    """List, create, rotate and revoke keys.

    Only the answers to create and rotate have a secret, and only the new one.
    """

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/access-keys", self.list),
            Route("POST", "/v1/access-keys", self.create),
            Route("POST", "/v1/access-keys/{name}:rotate", self.rotate),
            Route("POST", "/v1/access-keys/{name}:revoke", self.revoke),
        ]

    async def list(self, call: Call) -> web.Response:
        return answer(await self._manager.list_keys())

    async def create(self, call: Call) -> web.Response:
        return answer(await self._manager.create(await call.body(KeyRequest)), 201)

    async def rotate(self, call: Call) -> web.Response:
        request = await call.body(RotateRequest)
        try:
            return answer(await self._manager.rotate(call.segment("name"), request), 201)
        except NotFoundError as error:
            raise _no_such_key(error) from error

    async def revoke(self, call: Call) -> web.Response:
        try:
            return answer(await self._manager.revoke(call.segment("name")))
        except NotFoundError as error:
            raise _no_such_key(error) from error


def _no_such_key(error: NotFoundError) -> ControlError:
    return ControlError(404, control.NO_SUCH_ACCESS_KEY, str(error), error.remedy)
