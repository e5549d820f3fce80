"""RemoteStore: any S3 service as the end of the way down.

A request that came over the wire and was not changed is forwarded as it is, whatever it asks for.
What the agent made or edited goes one of two ways: object reads, writes, deletes, parts and
listings as one signed request, the rest through aioboto3.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from s3d.agent.core.store import Answer
from s3d.agent.s3.messages import S3Request
from s3d.agent.stores.remote import direct_call, listings
from s3d.agent.stores.remote.boto_call import BotoCaller
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.forward import forward
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.loop_detection import ViaTracker
from s3d.agent.stores.remote.remote_connection import Connection, Health
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint

logger = logging.getLogger(__name__)


class RemoteStore:
    """An ObjectStore that asks the remote. Nothing is opened before the first call.

    A forwarded answer is returned with its wire, errors included (direct_call.settled turns it into
    members); everything else raises S3Error.
    The cause of an S3Error is a failures.Refused or a failures.Unreachable. close() when done.
    """

    def __init__(
        self,
        settings: Settings,
        keys: CredentialProvider,
        *,
        agent: str = "",
        signature: RemoteFingerprint | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """agent: our id among the hops of a request; "" for a random one. signature: the headers by
        which the remote identifies itself, which are learnt where None. Raises UsageError."""
        self.via = ViaTracker(agent or uuid.uuid4().hex)
        """Told by a LoopDetection of what came in."""
        self._connection = Connection(settings, keys, signature=signature, clock=clock)
        self._invoker = BotoCaller(self._connection, self.via)

    @property
    def agent(self) -> str:
        """Our id among the hops."""
        return self.via.agent

    @property
    def url(self) -> str:
        """As configured."""
        return self._connection.url

    @property
    def health(self) -> Health:
        """How the remote has been lately."""
        return self._connection.health

    def call(self, request: S3Request[Any]) -> Answer:
        if logger.isEnabledFor(logging.DEBUG):
            context = request.context
            logger.debug(
                "request to the remote op=%s bucket=%s key=%s id=%s parent=%s",
                request.op.name, request.bucket, request.key, context.request_id, context.parent,
            )  # fmt: skip
        if request.wire is not None:
            return forward(self._connection, request, self.agent)
        if request.op.name in direct_call.OPERATIONS:
            return direct_call.ask(self._connection, request, self.via.header)
        if request.op.name in listings.OPERATIONS:
            return listings.ask(self._connection, request, self.via.header)
        return self._invoker.ask(request)

    async def close(self) -> None:
        """Close all connections; a call after that opens new ones."""
        await self._invoker.close()
        await self._connection.close()
