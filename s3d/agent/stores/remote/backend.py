"""A remote as the gateway uses it, whatever service it is.

To add a kind of remote, implement RemoteBackend beside s3_backend.py and choose it in
open_backend(). The layers above use this interface alone. Three places know that the remote is an
S3 service: app/gateway.py, which constructs the credentials, the TLS settings and the fingerprint;
owner.py, which finds the account by ListBuckets; and parse_remote (shared/config/validators.py),
which accepts aws and http(s) URLs only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from s3d.agent.core.store import Answer, ObjectStore
from s3d.agent.s3.messages import S3Request
from s3d.agent.stores.remote.capabilities import Capabilities
from s3d.agent.stores.remote.client_span import ClientSpans
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings
from s3d.agent.stores.remote.remote_fingerprint import RemoteFingerprint
from s3d.agent.stores.remote.remote_health import Health
from s3d.agent.stores.remote.s3_backend import Observe, S3Backend
from s3d.agent.stores.remote.traffic_limit import TrafficLimit


class BackendCapabilities(Protocol):
    """What is known of the remote's behaviour; it is learnt from responses and from probes."""

    @property
    def known(self) -> Mapping[str, Capabilities]:
        """Bucket -> what was probed in it, or in a bucket of the same state of versioning."""

    @property
    def limitations(self) -> list[str]:
        """What the remote does not support, for the status."""

    def known_of(self, bucket: str) -> Capabilities | None:
        """None: not known yet."""

    def listing_order(self, bucket: str) -> str:
        """The order in which keys are listed: s3/listing.py."""

    async def learn(self, bucket: str) -> None:
        """Return when the capabilities of a bucket are known, or cannot be found out now."""


class RemoteBackend(Protocol):
    """An ObjectStore at a remote service, with its state."""

    @property
    def url(self) -> str:
        """As it is configured; for people."""

    @property
    def health(self) -> Health:
        """How the remote has been lately."""

    @property
    def capabilities(self) -> BackendCapabilities: ...

    @property
    def traffic(self) -> TrafficLimit:
        """Limits all traffic with the remote."""

    @property
    def without_probes(self) -> ObjectStore:
        """The remote for bulk copies, which leave conditions to it and start no probe."""

    def call(self, request: S3Request[Any]) -> Answer:
        """Carry out a request. Raises S3Error; its failure is a Refused or an Unreachable."""

    async def check_answering(self, seconds: float, since: float) -> None:
        """Return when the remote answers within so many seconds, or has answered anything since
        that moment of time.monotonic().

        Raises S3Error ServiceUnavailable, and fails further requests at once for a while.
        """

    async def check_key(self, bucket: str, key: str) -> None:
        """Raises S3Error InvalidURI for a key that the remote would store under another one."""

    async def learn_key(self, bucket: str, key: str) -> None:
        """Return once it is known whether the remote stores this key under another one: requests
        for the key are answered accordingly from then on.

        Raises S3Error InvalidURI when the remote cannot be probed for it; errors of the probe.
        """

    def detect_loops(self, top: ObjectStore) -> ObjectStore:
        """The top of the stack, refusing requests that this agent itself has sent."""

    async def run(self) -> None:
        """The background work of the backend, until cancelled."""

    async def close(self) -> None:
        """Close all connections."""


@dataclass(frozen=True, slots=True)
class BackendFiles:
    """Where a backend keeps what it learns. endpoint: names the remote in files that several
    remotes share."""

    endpoint: str
    capabilities: Path
    fingerprint: RemoteFingerprint | None = None


def open_backend(
    settings: Settings,
    credentials: CredentialProvider,
    files: BackendFiles,
    *,
    may_probe: bool,
    observe: Observe = lambda store: store,
    spans: ClientSpans | None = None,
) -> RemoteBackend:
    """The backend of settings.url; every URL is that of an S3 service today.

    may_probe: small objects may be written to find out what the remote does. observe: wraps the
    store that sends all requests. spans: of its requests; None records nothing. Raises UsageError
    for a URL that cannot be used. Nothing is sent
    yet.
    """
    return S3Backend(
        settings,
        credentials,
        endpoint=files.endpoint,
        capabilities_file=files.capabilities,
        fingerprint=files.fingerprint,
        may_probe=may_probe,
        observe=observe,
        spans=spans,
    )
