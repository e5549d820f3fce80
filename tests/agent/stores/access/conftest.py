"""An embedded store behind its access control, and callers of several kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from s3d.agent.core.access_keys import principal_of
from s3d.agent.core.owners import Owners
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody, RequestContext, S3Request, S3Response
from s3d.agent.s3.model import operations
from s3d.agent.s3.principal import ANONYMOUS, Principal
from s3d.agent.storage.blobs import Blobs
from s3d.agent.storage.index import Index
from s3d.agent.stores.access.authorization import Authorization
from s3d.agent.stores.access.layer import AccessLayer
from s3d.agent.stores.local.store import LocalStore
from s3d.shared.access_key import AccessKey
from s3d.shared.config.values import Secret

MAIN = principal_of(AccessKey("MAIN", Secret("s")))
ALT = principal_of(AccessKey("ALT", Secret("s"), name="alt", owner="alt"))
NARROW = principal_of(AccessKey("NARROW", Secret("s"), name="narrow", bucket="bucket"))
CALLERS = {"main": MAIN, "alt": ALT, "narrow": NARROW, "anonymous": ANONYMOUS}

Ask = Callable[..., Any]


class Store:
    """Calls of a store as several callers."""

    def __init__(self, layer: AccessLayer, index: Index) -> None:
        self.layer = layer
        self.index = index

    async def call(
        self, caller: Principal | None, operation: str, body: bytes = b"", **members: Any
    ) -> S3Response[Any]:
        """Raises S3Error."""
        return await self.layer.call(self.request(caller, operation, body, **members))

    def request(
        self, caller: Principal | None, operation: str, body: bytes = b"", **members: Any
    ) -> S3Request[Any]:
        op = operations()[operation]
        payload = BytesBody(body) if op.streaming_input else None
        return S3Request(op, members, payload, None, RequestContext("ID", caller))

    async def code(self, caller: Principal | None, operation: str, **members: Any) -> str:
        """ "ok", or the code of the error."""
        try:
            response = await self.call(caller, operation, **members)
        except S3Error as error:
            return error.code
        if response.body is not None:
            await response.body.aclose()
        return "ok"


def open_store(folder: Path) -> Store:
    index = Index.open(folder / "index.sqlite", ephemeral=True)
    owners = Owners(["alt"])
    local = LocalStore(index, Blobs(folder / "blobs", ephemeral=True), owners=owners)
    return Store(AccessLayer(local, Authorization(index, owners, clock=lambda: 1e9)), index)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """With the bucket "bucket" of MAIN, and in it the object "k"."""
    made = open_store(tmp_path)
    await made.call(MAIN, "CreateBucket", Bucket="bucket")
    await made.call(MAIN, "PutObject", b"data", Bucket="bucket", Key="k")
    yield made
    made.index.close()


@pytest.fixture
def reopened(store: Store, tmp_path: Path) -> Callable[[], Awaitable[Store]]:
    """Closes the store, and opens another one on its files."""

    async def reopen() -> Store:
        store.index.close()
        again = open_store(tmp_path)
        store.index = again.index  # the fixture closes it
        return again

    return reopen
