"""The access keys of one agent, as commands and the control API list and change them.

The running agent and, while none runs, the command line use it alike: the changes go to the file.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from s3d.shared import access_key_changes
from s3d.shared.access_key import DEFAULT_KEY, AccessKey
from s3d.shared.access_key_changes import KeyList, KeyRequest, NewKey, RotateRequest
from s3d.shared.access_key_file import change_keys, configured_key, load_keys
from s3d.shared.config.schema import Config
from s3d.shared.errors import S3dError
from s3d.shared.paths import Places


class LocalKeys:
    """Every call reads the file; a change is on the disk when it returns.

    Each raises UsageError and S3dError as load_keys(), and NotFoundError for an unknown name.
    """

    def __init__(
        self, places: Places, config: Config, clock: Callable[[], float] = time.time
    ) -> None:
        self._places = places
        self._config = config
        self._clock = clock

    def load(self) -> list[AccessKey]:
        """All keys with their secrets, the default one first."""
        return load_keys(self._places, self._config)

    def list_keys(self) -> KeyList:
        now = self._clock()
        return KeyList([access_key_changes.key_info(key, now) for key in self.load()])

    def create(self, request: KeyRequest) -> NewKey:
        return self._make(partial(access_key_changes.create, request=request, now=self._clock()))

    def rotate(self, name: str, request: RotateRequest) -> NewKey:
        """name: of a key, or its access key id; so in revoke()."""
        self._check_not_configured(name)
        now = self._clock()
        return self._make(partial(access_key_changes.rotate, name=name, request=request, now=now))

    def revoke(self, name: str) -> KeyList:
        """The keys that are revoked, which are those of the name, or the one with the id."""
        self._check_not_configured(name)
        now = self._clock()
        _, gone = change_keys(
            self._places.credentials_file, partial(access_key_changes.revoke, name=name)
        )
        return KeyList([access_key_changes.key_info(key, now) for key in gone])

    def _make(
        self, change: Callable[[list[AccessKey]], tuple[list[AccessKey], AccessKey]]
    ) -> NewKey:
        self.load()  # so that the file has a default key
        key = change_keys(self._places.credentials_file, change)[1]
        return access_key_changes.new_key(key, self._clock())

    def _check_not_configured(self, name: str) -> None:
        key = configured_key(self._config)
        if key is not None and name in (DEFAULT_KEY, key.access_key_id):
            where = self._config.origin.get("access_key_id", "the configuration")
            raise S3dError("the default key is not in the file", f"it is set by {where}")
