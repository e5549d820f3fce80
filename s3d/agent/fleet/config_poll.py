"""Polls the configuration of the fleet, and applies what is new, good and signed.

1. GetObject with If-None-Match, every 30 s: usually 304, without a body.
2. A new document is verified (S3D_CONFIG_PUBLIC_KEY), parsed and checked as a whole. A bad one
   changes nothing: the last good one stays in use, and the status says what is wrong.
3. The good document is saved in the state folder, synced, and then applied.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

from s3d.agent.core.client import S3Client, payload
from s3d.agent.fleet.saved_document import SavedDocument, load_document, save_document
from s3d.agent.receipts.device_key import PublicKey, parse_public_key
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import Members
from s3d.shared.config.fleet_document import parse_document, with_document
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError, UsageError

logger = logging.getLogger(__name__)

EVERY = 30.0
"""Seconds between two polls."""
MAX_SIZE = 1 << 20
"""Bytes of a document."""
SIGNATURE = "s3d-signature"
"""The user metadata with the signature: 64 bytes as base64. It is stored together with the
document, so that no device can see one without the other."""

Apply = Callable[[Config], Awaitable[None]]


class Refused(Exception):
    """A document that is not used. str(): why."""


class ConfigPoll:
    """Run run() as long as the session lives."""

    def __init__(self, config: Config, remote: S3Client, folder: Path, apply: Apply) -> None:
        """config: of this device alone. remote: answers from the remote itself. folder: keeps the
        last good document. apply: called with the configuration of each new document."""
        self._config, self._remote, self._folder = config, remote, folder
        self._apply = apply
        self._bucket, _, self._key = config.config_url.removeprefix("s3://").partition("/")
        saved = load_document(folder, config)
        self.etag = saved.etag if saved is not None else ""
        """Of the document in use; "" for none. A bad one is read again with each poll, because its
        signature can change without its ETag."""
        self.problem = ""
        """Why the newest document is not in use; "" when it is."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.poll()
            await asyncio.sleep(EVERY)

    async def poll(self) -> None:
        """Look once, and apply a new document. What fails is noted in problem."""
        url = self._config.config_url
        try:
            await self._poll()
        except Refused as error:
            problem = f"{url} is refused, and the last good configuration stays: {error}"
            if self.problem != problem:
                logger.warning("%s", problem)
            self.problem = problem
        except S3Error as error:
            if not self.problem:
                self.problem = f"cannot read {url}: {error.code}: {error.message}"
        except OSError as error:
            self.problem = f"cannot save the configuration of the fleet: {error}"

    async def _poll(self) -> None:
        """Raises Refused, S3Error, OSError."""
        members: Members = {"Bucket": self._bucket, "Key": self._key}
        if self.etag:
            members["IfNoneMatch"] = self.etag
        try:
            response = await self._remote.call("GetObject", members)
        except S3Error as error:
            if error.status != 304:
                raise
            self.problem = ""
            return
        if response.status == 304 or not response.output.get("ETag"):
            if response.body is not None:
                await response.body.aclose()
            self.problem = ""
            return
        async with aclosing(payload(response)) as body:
            data = b""
            async for chunk in body:
                data += chunk
                if len(data) > MAX_SIZE:
                    raise Refused(f"it is larger than {MAX_SIZE:,} bytes")
        metadata = dict(response.output.get("Metadata") or {})
        await self._use(str(response.output["ETag"]), data, metadata)

    async def _use(self, etag: str, data: bytes, metadata: dict[str, str]) -> None:
        config = self._config
        if config.config_public_key:
            await asyncio.to_thread(self._verify, data, metadata.get(SIGNATURE, ""))
        try:
            text = data.decode()
            merged = with_document(config, parse_document(text, config.config_url))
        except UnicodeDecodeError as error:
            raise Refused(f"it is not UTF-8 at byte {error.start}") from error
        except S3dError as error:
            raise Refused(str(error)) from error
        saved = SavedDocument(config.config_url, etag, text, config.config_public_key)
        await asyncio.to_thread(save_document, self._folder, saved)
        await self._apply(merged)
        self.etag, self.problem = etag, ""
        logger.info("the configuration of the fleet is in use: etag=%s", self.etag)

    def _verify(self, data: bytes, signature: str) -> None:
        """In a thread. Raises Refused."""
        if not signature:
            raise Refused(f"it has no signature in the metadata {SIGNATURE}")
        try:
            is_signed = public_key_of(self._config).is_signed(data, base64.b64decode(signature))
        except (UsageError, OSError, binascii.Error) as error:
            raise Refused(f"its signature cannot be verified: {error}") from error
        if not is_signed:
            raise Refused("its signature is not that of S3D_CONFIG_PUBLIC_KEY")


def public_key_of(config: Config) -> PublicKey:
    """The key of the setting: base64, or a file. Raises UsageError, OSError."""
    setting = config.config_public_key
    file = Path(setting).expanduser()
    is_file = "/" in setting and file.is_file()
    return parse_public_key(file.read_text() if is_file else setting, "S3D_CONFIG_PUBLIC_KEY")
