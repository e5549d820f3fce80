"""One signed request to the remote, and what follows from its outcome: for `s3d doctor`.

It goes the way of every other request of the gateway, so credentials, proxies, TLS and the
correction of the clock are those of the agent. Nothing is written.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from s3d.agent.app.start_checks import ca_bundle
from s3d.agent.core.client import S3Client
from s3d.agent.core.failures import FailureClass, Reason, Refused, Unreachable, classify
from s3d.agent.s3.errors import S3Error
from s3d.agent.stores.remote.addressing import AWS, Addressing
from s3d.agent.stores.remote.backend import BackendFiles, RemoteBackend, open_backend
from s3d.agent.stores.remote.credential_provider import CredentialProvider
from s3d.agent.stores.remote.http_transport import Settings, proxy_for
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError
from s3d.shared.findings import Finding, fail, ok, warn
from s3d.shared.masking import mask_credentials
from s3d.shared.text import count

MAX_CLOCK_OFFSET = 60.0
"""Seconds that the clocks may differ; S3 refuses requests from 900 on."""
TIME_LIMIT = 3.0
"""Seconds for the whole diagnosis."""

_NO_FILE = Path(os.devnull, "capabilities.json")
"""Cannot be read or written, so nothing is: there may be no folder for temporary files, as in a
container with a read-only root."""

_REMEDIES: Mapping[Reason, str] = {
    Reason.NAME: "check the name in S3D_REMOTE, and the DNS and network of this machine",
    Reason.CONNECT: "check host and port in S3D_REMOTE, that the service runs, and the firewall",
    Reason.TLS: "use the name that its certificate has; for a private CA set AWS_CA_BUNDLE",
    Reason.TIMEOUT: "the host drops or ignores packets: check host and port, firewall and VPN",
    Reason.LOST: "check that S3D_REMOTE is the URL of an S3 service, with https:// where it is TLS",
    Reason.UNPROVEN: "log in to the network's portal, or check the proxy and S3D_REMOTE",
    Reason.INTERCEPTED: "check the proxy or firewall between here and the remote",
    Reason.CREDENTIALS: "set S3D_REMOTE_PROFILE to a profile of ~/.aws, or AWS_ACCESS_KEY_ID",
}
_PROXY = (
    "check the proxy in HTTPS_PROXY and HTTP_PROXY, or name the remote's host in NO_PROXY, also"
    " for the agent"
)
_KEYS = "set the access key of the remote: S3D_REMOTE_PROFILE, AWS_ACCESS_KEY_ID, or ~/.aws"


def diagnose_remote(config: Config) -> list[Finding]:
    """What is wrong with the remote, or that it answers. Takes at most TIME_LIMIT seconds."""
    return asyncio.run(_diagnose(config))


async def _diagnose(config: Config) -> list[Finding]:
    try:
        remote = _open(config)
    except S3dError as error:
        return [fail("remote", str(error), error.remedy)]
    url = remote.url
    try:
        async with asyncio.timeout(TIME_LIMIT):
            buckets = await S3Client(remote).buckets()
        findings = [ok("remote", f"{url} answers, with {count(len(buckets), 'bucket')}")]
    except S3Error as error:
        findings = [finding_of(error, url, _proxy(config))]
    except TimeoutError:
        silent = S3Error("ServiceUnavailable", f"{url} did not answer within {TIME_LIMIT:.0f} s")
        silent.failure = Unreachable(Reason.TIMEOUT, "", sent=True)
        findings = [finding_of(silent, url, _proxy(config))]
    finally:
        await remote.close()
    return [*findings, *_clock(remote)]


def _open(config: Config) -> RemoteBackend:
    """Raises UsageError."""
    addressing = cast("Addressing", config.remote_addressing)
    settings = Settings(config.remote, addressing, ca_bundle=ca_bundle(config.remote))
    keys = CredentialProvider(profile=config.remote_profile, region=config.remote_region)
    files = BackendFiles(config.remote, _NO_FILE)
    return open_backend(settings, keys, files, may_probe=False)


def _proxy(config: Config) -> str:
    """The proxy that requests to the remote go through; "": none."""
    url = urlsplit("https://s3.amazonaws.com" if config.remote == AWS else config.remote)
    return proxy_for(url.scheme, url.hostname or "") or ""


def finding_of(error: S3Error, url: str, proxy: str = "") -> Finding:
    """What a failed request to the remote means. proxy: the URL of that between here and there."""
    cause = error.failure
    if isinstance(cause, Unreachable):
        if proxy and cause.reason is not Reason.CREDENTIALS:
            text = f"{error.message.rstrip('.')}, through the proxy {mask_credentials(proxy)}"
            return fail("remote", text, _PROXY)
        # The others say all in their message; that of TLS leaves out what is wrong.
        detail = f" ({cause.detail})" if cause.reason is Reason.TLS else ""
        return fail("remote", f"{error.message.rstrip('.')}{detail}", _REMEDIES[cause.reason])
    if not isinstance(cause, Refused):
        return fail("remote", f"{url}: {error.message}", "s3d logs shows more")
    kind = classify(error)
    if kind is FailureClass.DENIED:
        return warn(
            "remote",
            f"{url} accepts the access key, which may not list the buckets",
            "nothing, if the key may use the buckets that you name",
        )
    if kind is FailureClass.AUTH:
        refusal = cause.refusal
        wrong = {
            "SignatureDoesNotMatch": "the secret access key is wrong",
            "InvalidAccessKeyId": "it does not know the access key id",
            "ExpiredToken": "the temporary credentials have expired",
        }.get(refusal.code, refusal.message or f"it answered {refusal.status}")
        return fail("remote", f"{url} refuses the credentials: {wrong}", _KEYS)
    return fail("remote", f"{url} answered: {error.message}", "s3d logs shows more")


def _clock(remote: RemoteBackend) -> Iterator[Finding]:
    offset = remote.health.clock_offset
    if abs(offset) > MAX_CLOCK_OFFSET:
        way = "behind" if offset > 0 else "ahead of"
        yield warn(
            "clock",
            f"the clock of this machine is {abs(offset):.0f} s {way} that of the remote",
            "set the clock: timedatectl set-ntp true. s3d signs with the remote's time meanwhile",
        )
    elif remote.health.is_answering:
        yield ok("clock", "agrees with that of the remote")
