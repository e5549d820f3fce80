"""RemoteStore: an S3 service as the store at the bottom of the gateway's stack.

One request takes these steps. All of them run on the event loop; -> marks what runs in a thread.

1. call() chooses the way. A request that arrived over the wire and was not changed is forwarded as
   it is, whatever operation it is (forward.py). Requests of the agent become one signed request
   (direct_call.py). Those of directory buckets go through aioboto3 (boto_call.py) -> imported, and
   its client made, in a thread at the first such request.
2. The request is put together as a RemoteRequest: method, path, query, end-to-end headers and body
   (remote_messages.py). The last bytes of a streamed body are held back until its checksum and
   signature are verified (request_body.py) -> chunks over 64 KiB are hashed in a thread.
3. RemoteConnection asks the HealthMonitor for a time limit; during an outage the request fails at
   once (remote_health.py).
4. RequestSigner (remote_connection.py) finds the endpoint and region of the bucket and signs with
   SigV4 -> credentials are read, and renewed, in a thread (credential_provider.py).
5. HttpClient sends it (http_client.py). An idempotent request without a response is sent once more
   on a new connection; every other loss is an Unreachable, and the layers above decide.
6. ResponseVerifier proves that the response is the remote's and not a proxy's, a portal's or
   another server's (response_verifier.py) -> a new fingerprint is written to its file in a thread.
7. An error response that names another region, a skewed clock or refused credentials corrects the
   signer, and the request starts again at step 3, at most MAX_CORRECTIONS times.
8. The response is translated: verbatim for a forwarded request, otherwise into members, or into an
   S3Error whose failure is a Refused or an Unreachable (error_mapping.py).

The layers that S3Backend puts on top (s3_backend.py) make up for what a service does not do.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from s3d.agent.core.failures import Reason, Unreachable
from s3d.agent.core.store import Answer
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.remote import direct_call
from s3d.agent.stores.remote.boto_call import BotoCaller
from s3d.agent.stores.remote.client_span import ClientSpans
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.forward import forward
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.loop_detection import ViaTracker
from s3d.agent.stores.remote.remote_connection import RemoteConnection
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.remote.remote_health import Health
from s3d.agent.stores.remote.remote_messages import RemoteRequest
from s3d.shared.logs import subject_fields

logger = logging.getLogger(__name__)


class RemoteStore:
    """An ObjectStore whose objects are at the remote. Nothing is opened before the first call.

    A forwarded response is returned with its wire, errors included; direct_call.settled() turns it
    into members. Every other error response raises S3Error. close() when done.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: CredentialProvider,
        *,
        agent: str = "",
        fingerprint: RemoteFingerprint | None = None,
        clock: Callable[[], float] = time.time,
        spans: ClientSpans | None = None,
    ) -> None:
        """agent: our id among the hops of a request; "" for a random one. fingerprint: the headers
        by which the remote identifies itself; None: learn them. spans: None records nothing.
        Raises UsageError."""
        self.via = ViaTracker(agent or uuid.uuid4().hex)
        """Updated by a LoopDetection at the top of the stack."""
        self._connection = RemoteConnection(
            settings, credentials, fingerprint=fingerprint, clock=clock, spans=spans
        )
        self._boto = BotoCaller(self._connection, self.via)
        self._settings, self._credentials = settings, credentials

    @property
    def agent(self) -> str:
        """Our id among the hops."""
        return self.via.agent

    @property
    def url(self) -> str:
        """As it is configured."""
        return self._connection.url

    @property
    def health(self) -> Health:
        return self._connection.health

    def call(self, request: S3Request[Any]) -> Answer:
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("request to the remote", extra=subject_fields(request))
        if request.wire is not None:
            return forward(self._connection, request, self.agent)
        if direct_call.can_send(request):
            return direct_call.send(self._connection, request, self.via.header)
        return self._boto.send(request)

    async def check_answering(self, seconds: float, since: float) -> None:
        """See RemoteBackend. A failure begins an outage, in which no request waits for long.

        It has a connection of its own, since pooled ones may be dead without a sign, for example
        after the machine has slept. Every answer of the remote counts, a refusal as well.
        """
        monitor = self._connection.monitor
        connection = RemoteConnection(self._settings, self._credentials)
        request = RemoteRequest(operations()["ListBuckets"], "GET", raw_query="max-buckets=1")
        try:
            async with asyncio.timeout(seconds):
                response = await connection.send(request)
                await response.body.aclose()
        except (S3Error, TimeoutError) as error:
            cause = error.failure if isinstance(error, S3Error) else None
            if isinstance(error, TimeoutError):
                cause = Unreachable(Reason.TIMEOUT, f"no answer within {seconds:g} s", sent=True)
            if isinstance(cause, Unreachable) and not monitor.has_answered(since):
                raise monitor.failed(cause) from cause
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close all connections; a call after that opens new ones."""
        await self._boto.close()
        await self._connection.close()
